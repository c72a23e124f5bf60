"""Dry runs: the same answer as the run that follows, and no trace."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.engine import Engine
from tests.fakes.reports import changes, counts, names


def furnish(engine: Engine) -> None:
    """Arrange something of everything that a run can meet."""
    people = engine.directory
    people.add_user("new", business_phones=("+49 30 1",))
    people.add_user("phoneless")
    people.add_user("title", job_title="T" * 70)
    people.add_user("department", department="No Such Department")
    people.add_user("nameless", given_name=None)
    people.add_user("found", job_title="Buyer")
    people.add_user("asleep")
    people.add_user("right", business_phones=("+49 30 2",))
    people.add_user("twin1", mail="twin@contoso.com", proxy_addresses=())
    people.add_user("twin2", mail="Twin@contoso.com", proxy_addresses=())
    people.add_user("namesake")
    people.add_user("torn")
    people.add_user("broken", mail="broken @ contoso.com")
    people.add_user("off", account_enabled=False)
    people.add_user("guest", user_type="Guest")
    contacts = engine.psa
    contacts.add_contact(first_name="Found", last_name="Example", email="found@contoso.com")
    contacts.add_contact(first_name="Asleep", last_name="Example", email="asleep@contoso.com", active=False)
    right = next(user for user in people.users.values() if user.given_name == "Right")
    contacts.add_contact(
        first_name="Right", last_name="Example", email="right@contoso.com", phone="+49 30 2", entra_id=right.id
    )
    contacts.add_contact(first_name="Namesake", last_name="Example")
    for number in range(2):
        contacts.add_contact(first_name=f"Torn{number}", last_name="Example", email="torn@contoso.com")


def memory(engine: Engine) -> dict[str, Any]:
    """Return what outlives a run, but for reports."""
    client, keys = engine.store.connection.client, engine.store.connection.keys
    home = engine.connector().home
    hashes = (keys.links(home), keys.owners(home), keys.watermarks, keys.unfinished("contoso"))
    return {name: client.hgetall(name) for name in hashes}


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_dry_run_says_what_the_next_run_does(engine: Engine, mode: str) -> None:
    furnish(engine)
    foreseen = engine.run(sync_mode=mode, dry_run=True)
    assert foreseen["dry_run"]
    assert all(row["psa_contact_id"] is None for row in foreseen["created_contacts"])
    assert all(row["psa_contact_id"] for row in foreseen["updated_contacts"])
    assert counts(foreseen) == (5, 2, 1, 5)
    done = engine.run(sync_mode=mode)
    assert not done["dry_run"]
    assert changes(done) == changes(foreseen)
    assert done["success"] == foreseen["success"]


@pytest.mark.parametrize(
    "change",
    [
        lambda engine, user: engine.directory.change_user(user, job_title="Head"),
        lambda engine, user: engine.directory.change_user(user, mail="other@contoso.com"),
        lambda engine, user: engine.directory.change_user(user, account_enabled=False),
        lambda engine, user: engine.directory.delete_user(user),
        lambda engine, user: engine.directory.add_user("late"),
        lambda engine, user: engine.psa.remove_contact(next(iter(engine.psa.contacts))),
        lambda engine, user: engine.configure(fingerprint="f2", psa_contact_type="User"),
    ],
    ids=["title", "mail", "disabled", "deleted", "late", "contact gone", "configuration"],
)
def test_incremental_dry_run_says_what_the_next_run_does(engine: Engine, change: Callable[[Engine, str], Any]) -> None:
    user = engine.directory.add_user("ann")
    engine.directory.add_user("broken", mail="broken @ contoso.com")
    engine.run(sync_mode="full")
    change(engine, user.id)
    foreseen = engine.run(dry_run=True)
    assert changes(engine.run()) == changes(foreseen)


def test_dry_run_leaves_no_trace(engine: Engine) -> None:
    furnish(engine)
    engine.run(sync_mode="full", dry_run=True)
    assert not any(memory(engine).values())
    assert engine.psa.writes == []
    engine.run(sync_mode="full")
    engine.directory.add_user("late")
    engine.directory.add_user("later", mail="later @ contoso.com")
    gone = engine.directory.add_user("gone", mail="gone @ contoso.com")
    engine.run(user_principal_names=["gone@contoso.com"])
    engine.directory.delete_user(gone.id)
    before, writes = memory(engine), len(engine.psa.writes)
    assert all(before.values())
    for mode in ("full", "incremental"):
        engine.run(sync_mode=mode, dry_run=True)
        engine.run(sync_mode=mode, dry_run=True, user_principal_names=["late@contoso.com", "later@contoso.com"])
    assert memory(engine) == before
    assert len(engine.psa.writes) == writes


def test_dry_run_writes_nothing_because_it_has_nothing_to_write_with(engine: Engine) -> None:
    furnish(engine)
    engine.run(sync_mode="full", dry_run=True)
    assert engine.psa.calls["create_contact"] == engine.psa.calls["update_contact"] == 0
    assert engine.queue.sent.count("upsert") == 0


def test_filters_hold_in_a_dry_run(engine: Engine) -> None:
    engine.directory.add_user("ann", department="Sales")
    engine.directory.add_user("bob", department="IT")
    report = engine.run(sync_mode="full", dry_run=True, department_filter="sales")
    assert names(report, "created_contacts") == ["ann"]
    assert [row["rule"] for row in report["excluded"]] == ["department_filter"]
