"""Truth and verdict agree with an independent synchronisation, and with no other."""

import pytest

from tests.sandbox.harness import Sandbox
from tests.sandbox.reference import MISTAKES, ReferenceSync


def verdict(sandbox: Sandbox, tenant: int = 0) -> dict[str, object]:
    found: dict[str, object] = sandbox.control("GET", f"verdict?tenant={sandbox.tenants[tenant]['tenant_id']}")
    return found


def test_a_right_run_makes_the_verdict_agree_and_a_second_one_writes_nothing(sandbox: Sandbox) -> None:
    assert not verdict(sandbox)["agree"]
    first = ReferenceSync(sandbox)
    first.run()
    assert first.errors == []
    after = verdict(sandbox)
    assert after["differences"] == []
    assert after["agree"] is True
    written = len(sandbox.writes())
    statistics = after["statistics"]
    assert isinstance(statistics, dict)
    assert written == statistics["created"] + statistics["updated"]
    ReferenceSync(sandbox).run()
    assert len(sandbox.writes()) == written
    assert verdict(sandbox)["agree"]


def test_small_tenants_have_a_truth_of_their_own(sandbox: Sandbox) -> None:
    for tenant in (1, 2, 0):
        ReferenceSync(sandbox, tenant=tenant).run()
    for tenant in (0, 1, 2):
        assert verdict(sandbox, tenant)["differences"] == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_run_is_found(sandbox: Sandbox, mistake: str) -> None:
    ReferenceSync(sandbox, mistake=mistake).run()
    found = verdict(sandbox)
    assert not found["agree"]
    assert found["differences"]


def test_the_numbers_of_the_default_seed_are_those_of_the_readme(sandbox: Sandbox) -> None:
    statistics = sandbox.control("GET", "truth")["statistics"]
    del statistics["warnings"]
    assert statistics == {
        "total_office365_users": 452,
        "users_processed": 413,
        "created": 234,
        "updated": 104,
        "skipped": 58,
        "errors": {"DuplicateContact": 15, "InvalidFieldMapping": 2},
        "excluded": {"disabled": 48, "guest": 18, "no mail": 13, "service accounts": 8},
    }


def test_truth_follows_a_mutation(sandbox: Sandbox) -> None:
    ReferenceSync(sandbox).run()
    user = next(u for u in sandbox.control("GET", "truth")["users"] if u["outcome"] == "created")
    sandbox.mutate({"op": "graph.update_user", "user": user["id"], "set": {"jobTitle": "Astronaut"}})
    assert not verdict(sandbox)["agree"]
    expected = next(u for u in sandbox.control("GET", "truth")["users"] if u["id"] == user["id"])
    assert (expected["outcome"], expected["changed_fields"]) == ("updated", ["job_title"])
    ReferenceSync(sandbox).run()
    assert verdict(sandbox)["differences"] == []


def test_the_same_seed_gives_the_same_people_and_another_seed_others(sandbox: Sandbox) -> None:
    def people() -> list[str]:
        return [user["id"] for user in sandbox.control("GET", "users")["users"]]

    first = people()
    sandbox.control("POST", "seed", {"users": 500, "seed": 8})
    assert people() != first
    sandbox.control("POST", "seed", {"users": 500, "seed": 7, "tenants": 3})
    assert people() == first


@pytest.mark.parametrize("seed", range(20, 26))
def test_every_seed_and_size_can_be_synchronised(sandbox: Sandbox, seed: int) -> None:
    try:
        sandbox.control("POST", "seed", {"users": (seed - 19) * 40, "seed": seed, "tenants": [3, 0]})
        sandbox.control("POST", "limits", {"connectwise": {"per_minute": 0}})
        ReferenceSync(sandbox).run()
        assert verdict(sandbox)["differences"] == []
    finally:
        sandbox.control("POST", "seed", {"users": 500, "seed": 7})
