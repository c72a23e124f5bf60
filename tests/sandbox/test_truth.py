"""Truth and verdict agree with an independent synchronisation, and with no other."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.flat_reference import WRITING_MISTAKES, reference_sync
from tests.sandbox.harness import LIMITLESS, Sandbox
from tests.sandbox.reference import MISTAKES, ReferenceSync

VENDORS = ("connectwise", "autotask", "halo")
COMMON: dict[str, Any] = {
    "total_office365_users": 452,
    "users_processed": 413,
    "excluded": {"disabled": 48, "guest": 18, "no mail": 13, "service accounts": 8},
}
WARNINGS = {
    "FirstNameDerived": 3,
    "ContactReactivated": 8,
    "ForeignObjectId": 4,
    "MissingPhoneNumber": 15,
    "Relinked": 4,
}
NUMBERS: dict[str, dict[str, Any]] = {
    "connectwise": {
        "created": 234,
        "updated": 104,
        "skipped": 58,
        "errors": {"DuplicateContact": 15, "InvalidFieldMapping": 2},
        "warnings": {**WARNINGS, "ReferenceNotFound": 1, "ValueTruncated": 3},
    },
    "autotask": {
        "created": 231,
        "updated": 100,
        "skipped": 62,
        "errors": {"DuplicateContact": 15, "InvalidFieldMapping": 2, "UserDataIncomplete": 3},
        "warnings": {**WARNINGS, "FirstNameDerived": 1, "ValueTruncated": 3},
    },
    "halo": {
        "created": 235,
        "updated": 111,
        "skipped": 51,
        "errors": {"DuplicateContact": 15, "InvalidFieldMapping": 1},
        "warnings": {**WARNINGS, "MissingPhoneNumber": 16},
    },
}


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The smallest tenant that holds every kind of contact."""
    sandbox.control("POST", "seed", {"users": 200, "seed": 7})
    sandbox.control("POST", "limits", LIMITLESS)
    yield sandbox
    sandbox.control("POST", "seed", {"users": 500, "seed": 7})


def verdict(sandbox: Sandbox, tenant: int = 0, *, vendor: str = "connectwise") -> dict[str, Any]:
    asked = f"verdict?tenant={sandbox.tenants[tenant]['tenant_id']}&vendor={vendor}"
    found: dict[str, Any] = sandbox.control("GET", asked)
    return found


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_right_run_makes_the_verdict_agree_and_a_second_one_writes_nothing(sandbox: Sandbox, vendor: str) -> None:
    assert not verdict(sandbox, vendor=vendor)["agree"]
    first = reference_sync(sandbox, vendor)
    first.run()
    assert first.errors == []
    after = verdict(sandbox, vendor=vendor)
    assert after["differences"] == []
    assert after["agree"] is True
    written = sandbox.writes()
    assert {write["vendor"] for write in written} == {vendor}
    assert len(written) == after["statistics"]["created"] + after["statistics"]["updated"]
    reference_sync(sandbox, vendor).run()
    assert len(sandbox.writes()) == len(written)
    assert verdict(sandbox, vendor=vendor)["agree"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_small_tenants_have_a_truth_of_their_own(sandbox: Sandbox, vendor: str) -> None:
    for tenant in (1, 2):
        reference_sync(sandbox, vendor, tenant=tenant).run()
    for tenant in (1, 2):
        assert verdict(sandbox, tenant, vendor=vendor)["differences"] == []


@pytest.mark.parametrize(
    ("vendor", "mistake"),
    [
        *(("connectwise", mistake) for mistake in MISTAKES),
        *(("autotask", mistake) for mistake in (*WRITING_MISTAKES, "leaves extensions in the number")),
        *(("halo", mistake) for mistake in WRITING_MISTAKES),
    ],
)
def test_a_wrong_run_is_found(small: Sandbox, vendor: str, mistake: str) -> None:
    reference_sync(small, vendor, mistake=mistake).run()
    found = verdict(small, vendor=vendor)
    assert not found["agree"]
    assert found["differences"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_numbers_of_the_default_seed_are_those_of_the_readme(sandbox: Sandbox, vendor: str) -> None:
    assert sandbox.control("GET", f"truth?vendor={vendor}")["statistics"] == {**COMMON, **NUMBERS[vendor]}


def test_only_a_user_without_any_number_is_missing_one(sandbox: Sandbox) -> None:
    users = {u["id"]: u for u in sandbox.control("GET", "users")["users"]}
    for expected in sandbox.control("GET", "truth")["users"]:
        if expected["outcome"] in ("created", "updated"):
            user = users[expected["id"]]
            has_number = bool((user.get("businessPhones") or [""])[0] or user.get("mobilePhone"))
            assert has_number != ("MissingPhoneNumber" in expected["warnings"])


@pytest.mark.parametrize("vendor", VENDORS)
def test_truth_follows_a_mutation(small: Sandbox, vendor: str) -> None:
    reference_sync(small, vendor).run()
    asked = f"truth?vendor={vendor}"
    user = next(u for u in small.control("GET", asked)["users"] if u["outcome"] == "created")
    small.mutate({"op": "graph.update_user", "user": user["id"], "set": {"jobTitle": "Astronaut"}})
    assert not verdict(small, vendor=vendor)["agree"]
    expected = next(u for u in small.control("GET", asked)["users"] if u["id"] == user["id"])
    assert (expected["outcome"], expected["changed_fields"]) == ("updated", ["job_title"])
    reference_sync(small, vendor).run()
    assert verdict(small, vendor=vendor)["differences"] == []


def test_the_same_seed_gives_the_same_people_and_another_seed_others(sandbox: Sandbox) -> None:
    def people() -> list[str]:
        return [user["id"] for user in sandbox.control("GET", "users")["users"]]

    first = people()
    sandbox.control("POST", "seed", {"users": 500, "seed": 8})
    assert people() != first
    sandbox.control("POST", "seed", {"users": 500, "seed": 7, "tenants": 3})
    assert people() == first


@pytest.mark.parametrize(
    ("vendor", "seed"),
    [*(("connectwise", seed) for seed in range(20, 26)), *((flat, seed) for flat in VENDORS[1:] for seed in (21, 24))],
)
def test_every_seed_and_size_can_be_synchronised(sandbox: Sandbox, seed: int, vendor: str) -> None:
    try:
        sandbox.control("POST", "seed", {"users": (seed - 19) * 40, "seed": seed, "tenants": [3, 0]})
        sandbox.control("POST", "limits", LIMITLESS)
        run: ReferenceSync = reference_sync(sandbox, vendor)
        run.run()
        assert run.errors == []
        assert verdict(sandbox, vendor=vendor)["differences"] == []
    finally:
        sandbox.control("POST", "seed", {"users": 500, "seed": 7})
