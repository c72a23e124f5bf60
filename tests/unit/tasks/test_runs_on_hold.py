"""Users on hold: after an undo no run of any kind redoes it, until they are released."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.records import User
from tasks import on_hold
from tasks.undo.undoing import request_undo
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names


def undo(engine: Engine, run_id: str, **inputs: Any) -> Json:
    run = request_undo(engine.ports, run_id, trigger="cli", **inputs)
    engine.work()
    return engine.report(run.run_id)


def undone(engine: Engine) -> tuple[User, Json]:
    """Undo the run that gave Ann's contact a title; Bob's goes on."""
    ann = engine.directory.add_user("ann", job_title="Clerk", mobile_phone="1")
    engine.directory.add_user("bob", job_title="Clerk", mobile_phone="1")
    for name in ("Ann", "Bob"):
        mail = f"{name.lower()}@contoso.com"
        engine.psa.add_contact(first_name=name, last_name="Example", email=mail, job_title="Buyer", mobile_phone="1")
    done = engine.run(sync_mode="full")
    engine.run()
    undo(engine, done["run_id"], names=["ann@contoso.com"])
    return ann, done


def title_of(engine: Engine, name: str) -> str:
    (contact,) = (each for each in engine.psa.contacts.values() if each.fields["first_name"] == name)
    return contact.fields["job_title"]


def run_by_event(engine: Engine, user: User) -> Json:
    engine.store.events.receive("contoso", [user.id], gather_s=0, window_s=0)
    engine.ports.publisher.take_changes("contoso", wait_s=0)
    engine.work()
    return engine.report(engine.store.reports.heads(1)[0]["run_id"])


RUNS: dict[str, Callable[[Engine, User], Json]] = {
    "full": lambda engine, user: engine.run(sync_mode="full"),
    "incremental": lambda engine, user: engine.run(),
    "targeted": lambda engine, user: engine.run(user_principal_names=[user.user_principal_name]),
    "event": run_by_event,
    "dry": lambda engine, user: engine.run(sync_mode="full", dry_run=True),
}


@pytest.mark.parametrize("how", RUNS)
def test_no_run_of_any_kind_writes_for_a_user_on_hold(engine: Engine, how: str) -> None:
    ann, done = undone(engine)
    engine.directory.change_user(ann.id, department="IT")
    writes = len(engine.psa.writes)
    report = RUNS[how](engine, ann)
    assert title_of(engine, "Ann") == "Buyer"
    assert len(engine.psa.writes) == writes
    (warning,) = (row for row in report["warnings"] if row["code"] == "OnHold")
    assert warning["user_principal_name"] == "ann@contoso.com"
    assert done["run_id"] in warning["message"]
    assert report["statistics"]["contacts_skipped"] >= 1
    assert report["success"]


def test_user_on_hold_that_leaves_keeps_the_contact_as_it_is(engine: Engine) -> None:
    ann, _ = undone(engine)
    engine.configure(on_leaver="deactivate")
    engine.directory.change_user(ann.id, account_enabled=False)
    report = engine.run(sync_mode="full")
    assert all(contact.active for contact in engine.psa.contacts.values())
    assert names(report, "excluded") == ["ann"]
    assert "OnHold" in codes(report, "warnings")


def test_released_user_is_taken_up_by_the_next_incremental_run(engine: Engine) -> None:
    undone(engine)
    engine.run()
    assert on_hold.release(engine.ports, "contoso", names=["ANN@contoso.com"]) == 1
    report = engine.run()
    assert report["sync_mode"] == "incremental"
    assert names(report, "updated_contacts") == ["ann"]
    assert codes(report, "warnings") == []
    assert title_of(engine, "Ann") == "Clerk"
    assert engine.store.memory.unfinished("contoso") == {}
    assert on_hold.release(engine.ports, "contoso") == 0, "nobody is left"


def test_contact_that_was_made_is_not_made_again_and_is_active_once_released(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", mobile_phone="1")
    done = engine.run(sync_mode="full")
    undo(engine, done["run_id"])
    for mode in ("full", "incremental"):
        engine.run(sync_mode=mode)
    (contact,) = engine.psa.contacts.values()
    assert not contact.active
    assert on_hold.release(engine.ports, "contoso", names=[ann.id]) == 1
    assert counts(engine.run()) == (0, 1, 0, 0)
    (contact,) = engine.psa.contacts.values()
    assert contact.active


def test_only_those_of_one_run_are_released_if_it_is_named(engine: Engine) -> None:
    _, done = undone(engine)
    assert on_hold.release(engine.ports, "contoso", run_id="another") == 0
    assert on_hold.release(engine.ports, "contoso", run_id=done["run_id"]) == 1


def test_name_that_is_not_on_hold_is_refused_and_nobody_is_released(engine: Engine) -> None:
    ann, _ = undone(engine)
    with pytest.raises(on_hold.UnknownUsersError, match="bob@"):
        on_hold.release(engine.ports, "contoso", names=["ann@contoso.com", "bob@contoso.com"])
    assert engine.store.decisions.find("contoso", [ann.id])


def test_undone_undo_releases_its_users(engine: Engine) -> None:
    ann, done = undone(engine)
    (first,) = (head for head in engine.store.reports.heads(9) if head.get("undoes") == done["run_id"])
    undo(engine, first["run_id"])
    assert engine.store.decisions.find("contoso", [ann.id]) == {}
    assert title_of(engine, "Ann") == "Clerk"
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def test_dry_run_puts_nobody_on_hold_and_nobody_whose_edit_stays_is(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Clerk")
    contact = engine.psa.add_contact(
        first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer", entra_id=ann.id
    )
    done = engine.run(sync_mode="full")
    undo(engine, done["run_id"], dry_run=True)
    assert engine.store.decisions.find("contoso", [ann.id]) == {}
    edited = engine.psa.contacts[contact.id]
    engine.psa.contacts[contact.id] = edited.model_copy(update={"fields": {**edited.fields, "job_title": "Chief"}})
    assert codes(undo(engine, done["run_id"]), "warnings") == ["EditedSince"]
    assert engine.store.decisions.find("contoso", [ann.id]) == {}


def test_hold_outlives_another_configuration_and_is_met_at_the_last_look_too(engine: Engine) -> None:
    ann, done = undone(engine)
    engine.configure(fingerprint="f2")
    on_hold.release(engine.ports, "contoso")
    engine.with_timing(index_age_s=-1.0)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    on_hold.put_on_hold(engine.ports, "contoso", [ann], reason=on_hold.undone(done["run_id"]), by="cli")
    engine.store.memory.save_links(
        engine.connector().home,
        {
            ann.id: engine.store.memory.links(engine.connector().home, [ann.id])[ann.id].model_copy(
                update={"read_at_ms": engine.store.runs.now_ms() + 1000}
            )
        },
    )  # another run was at this user meanwhile, so it is looked at again
    engine.work()
    assert title_of(engine, "Ann") == "Buyer"
    assert codes(engine.report(run_id), "warnings") == ["OnHold"]
