"""Runs, users and plans for the store's tests, taken to the state that a test starts from."""

from collections.abc import Sequence
from typing import Any

from adapters.records import (
    Batch,
    ContactDraft,
    Grant,
    Intent,
    Link,
    Outcome,
    Planned,
    Run,
    User,
)
from adapters.store import Store

HOME = "tenant-1@main"


def a_run(run_id: str = "r1", **facts: object) -> Run:
    values: dict[str, object] = {
        "run_id": run_id,
        "connector_id": "contoso",
        "instance": "main",
        "lane": "bulk",
        "trigger": "cli",
        "request": {"sync_mode": "full"},
    }
    return Run.model_validate(values | facts)


def a_user(number: int, **facts: object) -> User:
    name = f"user{number}@contoso.example"
    return User.model_validate({"id": f"id-{number:06}", "userPrincipalName": name, "mail": name} | facts)


def a_plan(number: int, **facts: object) -> Planned:
    user = a_user(number)
    draft = ContactDraft(company_id="250", entra_id=user.id, fields={"first_name": "User", "email": str(user.mail)})
    values: dict[str, object] = {
        "user": user,
        "read_at_ms": 1000,
        "draft": draft,
        "addresses": (user.mail,),
        "fingerprint": "f" * 16,
    }
    return Planned.model_validate(values | facts)


def an_intent(planned: Planned, store: Store, *, run_id: str = "r1", write_s: float = 20.0) -> Intent:
    return Intent(
        run_id=run_id,
        operation="create",
        target={"company_id": "250", "entra_id": planned.user.id, "addresses": list(planned.addresses)},
        not_after_ms=store.runs.now_ms() + int(write_s * 1000),
        row={"office365_id": planned.user.id, "status": "created"},
    )


def created(planned: Planned, **facts: object) -> Outcome:
    user = planned.user
    values: dict[str, object] = {
        "user_id": user.id,
        "status": "created",
        "row": {"office365_id": user.id, "user_principal_name": user.user_principal_name, "status": "created"},
        "link": Link(contact_id=f"c{user.id}", company_id="250", fingerprint="f" * 16, read_at_ms=planned.read_at_ms),
    }
    return Outcome.model_validate(values | facts)


def failed(user_id: str, *, retry: str | None = "retry") -> Outcome:
    row = {"user_principal_name": user_id, "code": "ContactCreationFailed", "office365_id": user_id}
    return Outcome.model_validate({"user_id": user_id, "status": "error", "row": row, "retry": retry})


def reading(store: Store, run_id: str = "r1", **facts: object) -> Run:
    """A run that may store pages."""
    assert store.runs.request_run(a_run(run_id, **facts))
    run = store.runs.begin_reading(run_id, mode="full", config_version=3, exclusive=False, home=HOME)
    assert isinstance(run, Run)
    return run


def judging(store: Store, run_id: str = "r1", *, holder: str = "", **facts: Any) -> str:
    """A run whose plan this holder may write."""
    reading(store, run_id, **facts)
    assert store.reading.save_page(run_id, generation=0, page=0, entries=[], read_at_ms=1000, next_step=None)
    assert store.reading.begin_judging(run_id)
    holder = holder or store.presence.new_holder()
    assert store.plan.reset(run_id, holder=holder)
    return holder


def writing(store: Store, run_id: str = "r1", *, plans: Sequence[Planned] = (), **facts: Any) -> None:
    """A run with these plans in its spool."""
    holder = judging(store, run_id, **facts)
    store.plan.add(run_id, holder=holder, planned=plans, outcomes=[])
    assert store.plan.seal(run_id, holder=holder)


def frozen(store: Store, run_id: str = "r1", *, count: int, **facts: object) -> Batch:
    """A run with so many users, all of them in one batch."""
    writing(store, run_id, plans=[a_plan(number) for number in range(count)], **facts)
    instance, lane = str(facts.get("instance", "main")), str(facts.get("lane", "bulk"))
    batch = store.plan.freeze_batch(instance, lane=lane, size=count, window=100_000)
    assert batch is not None
    assert len(batch.members) == count
    return batch


def begun(store: Store, user_id: str, run_id: str = "r1") -> tuple[Planned, Grant]:
    """A user whose lease this process has."""
    answer = store.users.begin(run_id, user_id, holder=store.presence.new_holder())
    assert isinstance(answer, tuple)
    return answer


def all_keys(store: Store) -> set[str]:
    """Every key under the store's prefix, without the prefix."""
    prefix = store.connection.keys.server.removesuffix("server")
    return {key.decode().removeprefix(prefix) for key in store.connection.client.scan_iter(f"{prefix}*", count=1000)}
