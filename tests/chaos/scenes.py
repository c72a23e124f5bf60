"""The runs that trials disturb: what is there before, what is asked for, and what must be so afterwards."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.ground import Ground
from tests.integration.stack import Json, Stack


@dataclass(frozen=True)
class Scene:
    """A run, and whether the ground truth counts all of its users or only what it changes."""

    prepare: Callable[[Ground], None]
    inputs: Callable[[Stack], Json]
    counts_all: bool
    asks: int = 1


def _nothing(_: Ground) -> None:
    pass


def _changed_since_a_full_run(ground: Ground) -> None:
    """Carry out a full and an incremental run, then change people and contacts in every way."""
    worker = ground.start_worker()
    ground.stack.run(sync_mode="full")
    ground.stack.run()
    worker.kill()
    change_people(ground.stack)


def change_people(stack: Stack) -> None:
    """Change users that have contacts, make new ones, and delete a contact by hand; the truth counts from here."""
    stack.control.post("rebase")
    users = [user for user in stack.control.get("truth").json()["users"] if user["outcome"] == "skipped"]
    for number, user in enumerate(users[:6]):
        stack.mutate(op="graph.update_user", user=user["id"], set={"jobTitle": f"Head of {number}"})
    stack.mutate(op="graph.rename_user", user=users[6]["id"], set={"surname": "Married"})
    stack.mutate(op="psa.delete_contact", contact=users[7]["contact_id"])
    stack.mutate(op="graph.update_user", user=users[7]["id"], set={"jobTitle": "Returned"})
    for number in range(4):
        name = f"chaos{number}@contoso.example"
        person = {"displayName": f"Chaos Nr{number}", "givenName": "Chaos", "surname": f"Nr{number}"}
        stack.mutate(op="graph.create_user", set={"userPrincipalName": name, "mail": name, **person})


def _all_that_changed(stack: Stack) -> Json:
    users = [user for user in stack.truth()["users"] if user["outcome"] in ("created", "updated")]
    return {"user_principal_names": sorted(str(user["user_principal_name"]) for user in users)}


SCENES = {
    "full": Scene(_nothing, lambda _: {"sync_mode": "full"}, counts_all=True),
    "incremental": Scene(_changed_since_a_full_run, lambda _: {}, counts_all=False),
    "targeted": Scene(_changed_since_a_full_run, _all_that_changed, counts_all=False),
}
