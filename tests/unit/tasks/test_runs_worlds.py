"""Whole runs over small worlds in which users and contacts get into each other's way in every possible manner."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.engine import Engine
from tests.fakes.mortal import Installations
from tests.fakes.reports import Json, changes, names

GONE_USER = "99999999-0000-4000-8000-000000000001"
ADDRESSES = st.sampled_from(["a@contoso.com", "b@contoso.com", "c@contoso.com", "d@contoso.com", "E@Contoso.com"])
FIRST_NAMES = st.sampled_from(["Ann", "Bob", "Cid"])
LAST_NAMES = st.sampled_from(["Example", "Sample"])
MARKS = st.sampled_from([None, None, "user0", "user1", "user2", GONE_USER, "badge 17"])

USERS = st.lists(
    st.fixed_dictionaries(
        {
            "mail": st.none() | ADDRESSES,
            "proxy_addresses": st.lists(ADDRESSES.map("smtp:{}".format), max_size=2).map(tuple),
            "given_name": FIRST_NAMES,
            "surname": LAST_NAMES,
            "account_enabled": st.sampled_from([True, True, True, False]),
            "job_title": st.sampled_from([None, "Buyer"]),
        }
    ),
    max_size=5,
)
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {
            "emails": st.lists(ADDRESSES, max_size=2, unique_by=str.casefold).map(tuple),
            "first_name": FIRST_NAMES,
            "last_name": LAST_NAMES,
            "active": st.sampled_from([True, True, False]),
            "company_id": st.sampled_from(["250", "250", "251"]),
            "entra_id": MARKS,
        }
    ),
    max_size=5,
)

CHANGES = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.just({})
        | st.fixed_dictionaries({"mail": st.none() | ADDRESSES})
        | st.fixed_dictionaries({"proxy_addresses": st.lists(ADDRESSES.map("smtp:{}".format), max_size=1).map(tuple)})
        | st.fixed_dictionaries({"account_enabled": st.booleans()})
        | st.fixed_dictionaries({"given_name": FIRST_NAMES, "surname": LAST_NAMES}),
    ),
    max_size=4,
)

installations = count()


@pytest.fixture
def world(opened: Installations) -> Callable[[list[Json], list[Json]], Engine]:
    """Make an installation over these users and contacts."""

    def make(users: list[Json], contacts: list[Json]) -> Engine:
        engine = Engine(opened(f"w{next(installations)}"))
        engine.psa.add_company("251")
        ids = {f"user{at}": engine.directory.add_user(f"user{at}", **user).id for at, user in enumerate(users)}
        for contact in contacts:
            engine.psa.add_contact(**{**contact, "entra_id": ids.get(contact["entra_id"], contact["entra_id"])})
        return engine

    return make


def assert_nobody_has_two(engine: Engine) -> None:
    """Check that no user's object id is on two contacts of which one was written by us."""
    written = {write.after.id for write in engine.psa.writes}
    marks = Counter(contact.entra_id for contact in engine.psa.contacts.values() if contact.id in written)
    assert all(number == 1 for mark, number in marks.items() if mark in engine.directory.users)


def assert_only_ours_was_touched(engine: Engine, report: Json) -> None:
    """Check that what was written is what the report says, each contact once, and nothing in another company."""
    rows = [*report["created_contacts"], *report["updated_contacts"]]
    assert Counter(row["psa_contact_id"] for row in rows) == Counter(write.after.id for write in engine.psa.writes)
    assert len({row["psa_contact_id"] for row in rows}) == len(rows)
    assert all(write.after.company_id == "250" for write in engine.psa.writes)


def settle(engine: Engine, report: Json) -> Json:
    """Run in full until nothing changes; what changes may only be for users that the run before refused."""
    for _ in range(len(engine.directory.users) + 1):
        refused = {*names(report, "errors")}
        report = engine.run(sync_mode="full")
        written = {*names(report, "created_contacts"), *names(report, "updated_contacts")}
        assert written <= refused, "a write may settle why somebody was refused, and nothing else"
        if not written:
            return report
    raise AssertionError("no end")


def change(engine: Engine, user_id: str, fields: Json) -> None:
    """Change a user, or delete it."""
    if fields:
        engine.directory.change_user(user_id, **fields)
    else:
        engine.directory.delete_user(user_id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(users=USERS, contacts=CONTACTS)
def test_twice_equals_once_and_a_dry_run_foresees_it(
    world: Callable[..., Engine], users: list[Any], contacts: list[Any]
) -> None:
    engine = world(users, contacts)
    foreseen = changes(engine.run(sync_mode="full", dry_run=True))
    report = engine.run(sync_mode="full")
    assert changes(report) == foreseen
    assert_only_ours_was_touched(engine, report)
    assert_nobody_has_two(engine)
    report = settle(engine, report)
    writes = len(engine.psa.writes)
    assert names(engine.run(), "errors") == names(report, "errors")
    assert len(engine.psa.writes) == writes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(users=USERS, contacts=CONTACTS, changed=CHANGES)
def test_incremental_run_leaves_nothing_for_a_full_one_to_do(
    world: Callable[..., Engine], users: list[Any], contacts: list[Any], changed: list[tuple[int, Json]]
) -> None:
    engine = world(users, contacts)
    settle(engine, engine.run(sync_mode="full"))
    for at, fields in changed:
        user_ids = sorted(engine.directory.users)
        if at < len(user_ids):
            change(engine, user_ids[at], fields)
    foreseen = changes(engine.run(dry_run=True))
    report = engine.run()
    assert changes(report) == foreseen
    settle(engine, report)
    assert_nobody_has_two(engine)
    assert all(write.after.company_id == "250" for write in engine.psa.writes)
