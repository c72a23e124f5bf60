"""Every write is journalled with what it found and what it sent, whatever becomes of its answer and its worker."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from adapters.errors import WireError
from tasks.dispatching import dispatch_due
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts
from tests.unit.tasks.scene import SHORT

DAY_MS = 86_400_000


def journal_of(engine: Engine, run_id: str) -> dict[str, Json]:
    """Return a run's entries by the local part of the user's name."""
    entries = list(engine.store.journal.entries(run_id))
    found = {str(entry["user_principal_name"]).partition("@")[0]: entry for entry in entries}
    assert len(found) == len(entries)
    return found


def test_each_kind_of_write_is_journalled_with_what_it_found_and_what_it_sent(engine: Engine) -> None:
    engine.psa.add_company("251", "Contoso Berlin", sites=(("9", "Berlin"),))
    rule = {"when": "user.officeLocation == 'Berlin'", "company_id": "251", "site_id": "9"}
    engine.configure(on_leaver="deactivate", on_company_change="move", company_rules=[rule])
    people = {name: engine.directory.add_user(name) for name in ("new", "old", "off", "mover", "back")}
    for name in ("old", "off", "mover", "back"):
        engine.psa.add_contact(
            first_name=name.title(),
            last_name="Example",
            email=f"{name}@contoso.com",
            entra_id=people[name].id if name != "old" else None,
            site_id="7",
            active=name != "back",
        )
    first = journal_of(engine, engine.run(sync_mode="full")["run_id"])
    assert first["new"]["operation"] == "create"
    assert first["new"]["changes"]["email"] == [None, "new@contoso.com"]
    assert first["old"]["changes"] == {"entra_id": [None, people["old"].id]}
    assert first["back"]["changes"] == {"active": ["false", "true"]}
    assert first.keys() == {"new", "old", "back"}

    engine.directory.change_user(people["old"].id, job_title="Clerk")
    engine.directory.change_user(people["off"].id, account_enabled=False)
    engine.directory.change_user(people["mover"].id, office_location="Berlin")
    second = journal_of(engine, engine.run()["run_id"])
    assert second["old"]["changes"] == {"job_title": [None, "Clerk"]}
    assert second["off"]["changes"] == {"active": ["true", "false"]}
    assert second["mover"]["changes"] == {"company": ["250", "251"], "site_id": ["7", "9"]}
    assert second["mover"]["former"]["site_id"] == "7"
    for name, entry in (first | second).items():
        contact = engine.psa.contacts[entry["psa_contact_id"]]
        assert entry["office365_id"] == people[name].id
        assert entry["psa_company_id"] == ("250" if name in first else contact.company_id)


def test_what_was_last_written_before_is_kept_beside_the_old_value(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Buyer")
    engine.run(sync_mode="full")
    home = engine.connector().home
    before = engine.store.memory.links(home, [ann.id])[ann.id]
    engine.directory.change_user(ann.id, job_title="Clerk")
    entry = journal_of(engine, engine.run()["run_id"])["ann"]
    assert entry["changes"] == {"job_title": ["Buyer", "Clerk"]}
    assert entry["former"] == {
        "written": {"job_title": before.written["job_title"]},
        "fingerprint": before.fingerprint,
    }


def test_runs_that_write_nothing_have_no_journal(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.directory.add_user("bob", mail="broken @ contoso.com")
    assert not engine.store.journal.is_kept(engine.run(sync_mode="full", dry_run=True)["run_id"])
    engine.run(sync_mode="full")
    assert not engine.store.journal.is_kept(engine.run(sync_mode="full")["run_id"])


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("method", ["create_contact", "update_contact"])
def test_write_whose_answer_was_lost_is_journalled_once(engine: Engine, method: str, happened: bool) -> None:
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann", job_title="Clerk")
    if method == "update_contact":
        engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    engine.psa.lose_answer(method, happened=happened)
    run_id = engine.run(sync_mode="full")["run_id"]
    entry = journal_of(engine, run_id)["ann"]
    assert entry["changes"]["job_title"] == ["Buyer" if method == "update_contact" else None, "Clerk"]
    assert entry["psa_contact_id"] in engine.psa.contacts


def test_write_that_only_the_next_run_finds_stands_in_the_journal_of_the_run_that_made_it(engine: Engine) -> None:
    engine.with_timing(**SHORT | {"user_horizon_s": -1.0})
    ann = engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact", happened=True)
    lost = engine.run(sync_mode="full")
    assert counts(lost) == (0, 0, 0, 1)
    assert journal_of(engine, lost["run_id"]) == {}
    engine.directory.change_user(ann.id, job_title="Clerk")
    found = engine.run(sync_mode="full")
    assert counts(found) == (0, 1, 0, 0)
    assert journal_of(engine, lost["run_id"])["ann"]["operation"] == "create"
    assert journal_of(engine, found["run_id"])["ann"]["changes"] == {"job_title": [None, "Clerk"]}


def test_contact_that_was_made_otherwise_than_it_was_to_be_is_journalled(engine: Engine) -> None:
    engine.directory.add_user("ann")
    distorted = WireError("write_not_applied", vendor="fake", contact_id="1")
    engine.psa.fail("create_contact", distorted)
    report = engine.run(sync_mode="full")
    assert codes(report) == ["ContactCreationFailed"]
    assert journal_of(engine, report["run_id"])["ann"]["psa_contact_id"] == "1"


def test_journal_is_forgotten_after_its_days(engine: Engine) -> None:
    engine.directory.add_user("ann")
    run_id = engine.run(sync_mode="full")["run_id"]
    store = engine.store
    store.connection.client.zadd(store.connection.keys.journals, {run_id: store.runs.now_ms() - 29 * DAY_MS})
    dispatch_due(engine.ports)
    assert store.journal.is_kept(run_id)
    store.connection.client.zadd(store.connection.keys.journals, {run_id: store.runs.now_ms() - 31 * DAY_MS})
    dispatch_due(engine.ports)
    assert not store.journal.is_kept(run_id)
    assert list(store.journal.entries(run_id)) == []
    assert engine.report(run_id)["created_contacts"], "the report is kept for longer"


def test_nothing_of_it_is_logged(engine: Engine, logs: list[MutableMapping[str, Any]]) -> None:
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann", job_title="Secretive title", mobile_phone="+49 30 7654321")
    engine.psa.lose_answer("create_contact")
    assert engine.run(sync_mode="full")["success"]
    assert not [entry for entry in logs if "Secretive" in str(entry) or "7654321" in str(entry)]
