"""A run is undone: its fields are put back unless somebody has changed them since, and nothing is written twice."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from adapters.records import Contact, User
from tasks import on_hold
from tasks.undo.undoing import UndoRefusedError, request_undo
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, Installations
from tests.fakes.reports import Json, codes, counts, names
from tests.unit.tasks.scene import SHORT


def undo(engine: Engine, run_id: str, *, names: Iterable[str] = (), dry_run: bool = False) -> Json:
    """Undo a run, carry that to its end, return its report."""
    run = request_undo(engine.ports, run_id, names=names, dry_run=dry_run, trigger="cli")
    engine.work()
    return engine.report(run.run_id)


def contact_of(engine: Engine, name: str) -> Contact:
    """Return the contact of that first name."""
    (found,) = (each for each in engine.psa.contacts.values() if each.fields.get("first_name") == name.title())
    return found


def edit(engine: Engine, name: str, **fields: str) -> None:
    """Edit a contact by hand, in the PSA."""
    contact = contact_of(engine, name)
    engine.psa.contacts[contact.id] = contact.model_copy(update={"fields": {**contact.fields, **fields}})


def furnish(engine: Engine) -> dict[str, User]:
    """Arrange one user for every kind of write; two companies, and a contact in the wrong one."""
    engine.psa.add_company("251", "Contoso Berlin", sites=(("9", "Berlin"),))
    rule = {"when": "user.officeLocation == 'Berlin'", "company_id": "251", "site_id": "9"}
    engine.configure(on_leaver="deactivate", on_company_change="move", company_rules=[rule])
    people = {name: engine.directory.add_user(name, job_title="Clerk") for name in ("old", "bare", "off", "mover")}
    for name, user in people.items():
        engine.psa.add_contact(
            first_name=name.title(),
            last_name="Example",
            email=f"{name}@contoso.com",
            entra_id=None if name == "bare" else user.id,
            job_title="Buyer" if name == "old" else "Clerk",
            phone="1",
            site_id="7",
            active=name != "off",
        )
    engine.directory.change_user(people["mover"].id, office_location="Berlin")
    return people | {"new": engine.directory.add_user("new")}


def test_undone_run_leaves_every_contact_as_it_was_and_those_it_made_inactive(engine: Engine) -> None:
    furnish(engine)
    before = dict(engine.psa.contacts)
    done = engine.run(sync_mode="full")
    assert counts(done) == (1, 4, 0, 0)
    report = undo(engine, done["run_id"])
    assert counts(report) == (0, 5, 0, 0)
    assert report["undoes"] == done["run_id"]
    assert report["success"]
    after = dict(engine.psa.contacts)
    made = after.pop(contact_of(engine, "new").id)
    assert after == before
    assert not made.active
    assert names(report, "deactivated_contacts") == ["new", "off"]
    writes = len(engine.psa.writes)
    assert counts(undo(engine, done["run_id"])) == (0, 0, 5, 0), "twice equals once"
    assert len(engine.psa.writes) == writes


def test_undone_deactivation_makes_the_contact_active_again(engine: Engine) -> None:
    people = furnish(engine)
    engine.run(sync_mode="full")
    before = dict(engine.psa.contacts)
    engine.directory.change_user(people["old"].id, account_enabled=False)
    done = engine.run()
    assert names(done, "deactivated_contacts") == ["old"]
    report = undo(engine, done["run_id"])
    assert [row["changed_fields"] for row in report["updated_contacts"]] == [["active"]]
    assert engine.psa.contacts == before


def test_undo_can_be_undone(engine: Engine) -> None:
    furnish(engine)
    done = engine.run(sync_mode="full")
    after = dict(engine.psa.contacts)
    first = undo(engine, done["run_id"])
    second = undo(engine, first["run_id"])
    assert counts(second) == (0, 5, 0, 0)
    assert engine.psa.contacts == after


def test_only_named_users_are_undone_and_unknown_ones_are_errors(engine: Engine) -> None:
    furnish(engine)
    done = engine.run(sync_mode="full")
    report = undo(engine, done["run_id"], names=["OLD@contoso.com", "nobody@contoso.com"])
    assert names(report, "updated_contacts") == ["old"]
    assert codes(report) == ["UserNotFound"]
    assert contact_of(engine, "old").fields["job_title"] == "Buyer"
    assert contact_of(engine, "bare").entra_id is not None


def test_dry_run_says_what_would_be_put_back_and_writes_nothing(engine: Engine) -> None:
    furnish(engine)
    done = engine.run(sync_mode="full")
    after, writes = dict(engine.psa.contacts), len(engine.psa.writes)
    report = undo(engine, done["run_id"], dry_run=True)
    assert counts(report) == (0, 5, 0, 0)
    (row,) = (row for row in report["updated_contacts"] if row["display_name"].startswith("Old"))
    assert row["changes"]["job_title"] == ["Clerk", "Buyer"]
    assert (dict(engine.psa.contacts), len(engine.psa.writes)) == (after, writes)
    assert counts(undo(engine, done["run_id"])) == (0, 5, 0, 0), "nothing was remembered of it"


# --- what was changed since -------------------------------------------------------------------------------------------


def test_field_that_a_person_edited_since_stays_and_the_others_are_put_back(engine: Engine) -> None:
    engine.directory.add_user("ann", job_title="Clerk", mobile_phone="+49 30 1234567")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    done = engine.run(sync_mode="full")
    edit(engine, "ann", job_title="Chief")
    report = undo(engine, done["run_id"])
    contact = contact_of(engine, "ann")
    assert contact.fields["job_title"] == "Chief"
    assert "mobile_phone" not in contact.fields
    (warning,) = (row for row in report["warnings"] if row["code"] == "EditedSince")
    for part in ("job_title", contact.id, "ann@contoso.com", done["run_id"], "somebody, in the PSA"):
        assert part in warning["message"]
    assert "Chief" not in warning["message"]


def test_field_that_a_later_run_wrote_since_stays_and_says_so(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Clerk")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    done = engine.run(sync_mode="full")
    engine.directory.change_user(ann.id, job_title="Chief")
    later = engine.run()
    report = undo(engine, done["run_id"])
    (warning,) = report["warnings"]
    assert (warning["code"], "a later run" in warning["message"]) == ("EditedSince", True)
    assert contact_of(engine, "ann").fields["job_title"] == "Chief"
    undo(engine, later["run_id"])
    assert contact_of(engine, "ann").fields["job_title"] == "Clerk"
    undo(engine, done["run_id"])
    assert contact_of(engine, "ann").fields["job_title"] == "Buyer"


def test_value_that_reads_the_same_counts_as_not_edited(engine: Engine) -> None:
    engine.directory.add_user("ann", mobile_phone="+49 30 1234567")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", mobile_phone="1")
    done = engine.run(sync_mode="full")
    edit(engine, "ann", mobile_phone="+49 (30) 123-4567")
    assert codes(undo(engine, done["run_id"]), "warnings") == []
    assert contact_of(engine, "ann").fields["mobile_phone"] == "1"


def test_edit_between_plan_and_write_is_seen(engine: Engine) -> None:
    engine.directory.add_user("ann", job_title="Clerk")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    done = engine.run(sync_mode="full")
    run = request_undo(engine.ports, done["run_id"], trigger="cli")
    engine.work(until="upsert")
    edit(engine, "ann", job_title="Chief")
    engine.work()
    assert contact_of(engine, "ann").fields["job_title"] == "Chief"
    assert "EditedSince" in codes(engine.report(run.run_id), "warnings")


def test_contact_that_was_made_and_edited_since_stays_active(engine: Engine) -> None:
    engine.directory.add_user("ann", job_title="Clerk")
    engine.directory.add_user("bob", job_title="Clerk")
    done = engine.run(sync_mode="full")
    edit(engine, "ann", job_title="Chief")
    report = undo(engine, done["run_id"])
    assert contact_of(engine, "ann").active
    assert not contact_of(engine, "bob").active
    assert codes(report, "warnings") == ["EditedSince"]


def test_contact_that_was_made_and_written_by_a_later_run_is_switched_off(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Clerk")
    done = engine.run(sync_mode="full")
    engine.directory.change_user(ann.id, job_title="Chief")
    engine.run()
    undo(engine, done["run_id"])
    assert not contact_of(engine, "ann").active


def protect(engine: Engine) -> str:
    contact = contact_of(engine, "ann")
    engine.psa.contacts[contact.id] = contact.model_copy(update={"protected": "billing"})
    return "PrimaryContactProtected"


def keep(engine: Engine) -> str:
    engine.configure(keep_active=["ann@contoso.com"])
    return "ContactKeptActive"


def delete(engine: Engine) -> str:
    engine.psa.remove_contact(contact_of(engine, "ann").id)
    return "NotUndone"


@pytest.mark.parametrize("what", [protect, keep, delete])
def test_contact_that_may_not_be_switched_off_is_left_alone(engine: Engine, what: Callable[[Engine], str]) -> None:
    engine.directory.add_user("ann")
    done = engine.run(sync_mode="full")
    code, writes = what(engine), len(engine.psa.writes)
    report = undo(engine, done["run_id"])
    assert codes(report, "warnings") == [code]
    assert counts(report) == (0, 0, 1, 0)
    assert len(engine.psa.writes) == writes


# --- what is left behind ----------------------------------------------------------------------------------------------


def test_run_after_an_undo_plans_by_the_ordinary_rules_and_takes_nothing_for_an_edit(engine: Engine) -> None:
    furnish(engine)
    done = engine.run(sync_mode="full")
    after = dict(engine.psa.contacts)
    undo(engine, done["run_id"])
    assert on_hold.release(engine.ports, "contoso") == 5
    again = engine.run(sync_mode="full")
    assert counts(again) == (0, 5, 0, 0)
    assert engine.psa.contacts == after
    assert not {"ManualEdit", "ContactUnlinked", "ContactMoved"} & set(codes(again, "warnings"))


def test_links_are_as_before_an_update_that_was_undone(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Buyer")
    engine.run(sync_mode="full")
    home = engine.connector().home
    before = engine.store.memory.links(home, [ann.id])[ann.id]
    engine.directory.change_user(ann.id, job_title="Clerk")
    undo(engine, engine.run()["run_id"])
    after = engine.store.memory.links(home, [ann.id])[ann.id]
    assert after.written == before.written
    assert after.contact_id == before.contact_id


def test_undo_leaves_delta_link_and_retry_set_alone(engine: Engine) -> None:
    furnish(engine)
    engine.directory.add_user("broken", mail="broken @ contoso.com")
    done = engine.run(sync_mode="full")
    link, unfinished = engine.watermark, engine.store.memory.unfinished("contoso")
    engine.psa.refuse("update_contact", times=1)
    report = undo(engine, done["run_id"])
    assert codes(report) == ["ContactUpdateFailed"]
    assert engine.watermark == link
    assert engine.store.memory.unfinished("contoso") == unfinished


def test_undo_asks_microsoft_nothing(engine: Engine) -> None:
    furnish(engine)
    done = engine.run(sync_mode="full")
    asked = engine.directory.calls.copy()
    undo(engine, done["run_id"])
    assert engine.directory.calls == asked


def test_many_writes_are_undone_by_the_index(engine: Engine) -> None:
    engine.directory.add_users(30)
    done = engine.run(sync_mode="full")
    looked = engine.psa.calls["fetch_contacts"]
    assert counts(undo(engine, done["run_id"])) == (0, 30, 0, 0)
    assert engine.psa.calls["fetch_contacts"] > looked
    assert not [contact for contact in engine.psa.contacts.values() if contact.active]


def test_answer_that_is_lost_while_undoing_is_looked_for_and_counted_once(engine: Engine) -> None:
    engine.with_timing(**SHORT)
    furnish(engine)
    before = dict(engine.psa.contacts)
    done = engine.run(sync_mode="full")
    engine.psa.lose_answer("update_contact", happened=True)
    engine.psa.lose_answer("update_contact", happened=False)
    report = undo(engine, done["run_id"])
    assert counts(report) == (0, 5, 0, 0)
    assert {each: engine.psa.contacts[each] for each in before} == before
    assert len(list(engine.store.journal.entries(report["run_id"]))) == 5


@pytest.mark.parametrize("calls", range(3, 60, 7))
def test_undo_whose_worker_dies_ends_as_if_nothing_had_happened(opened: Installations, calls: int) -> None:
    store = opened(f"n{calls}")
    engine = Engine(store)
    engine.with_timing(**SHORT)
    furnish(engine)
    before = dict(engine.psa.contacts)
    done = engine.run(sync_mode="full")
    run = request_undo(engine.ports, done["run_id"], trigger="cli")
    store.die_after(calls)
    try:
        engine.work()
    except Death:
        store.bury()
        engine.move_to(opened(f"n{calls}"))
    report = engine.recover(run.run_id)
    assert counts(report) == (0, 5, 0, 0)
    assert {each: engine.psa.contacts[each] for each in before} == before
    assert not contact_of(engine, "new").active
    assert len(list(engine.store.journal.entries(run.run_id))) == 5


# --- what cannot be undone --------------------------------------------------------------------------------------------


def forgotten(engine: Engine) -> str:
    done = engine.run(sync_mode="full")["run_id"]
    engine.store.journal.purge(older_than_ms=engine.store.runs.now_ms() + 1)
    return str(done)


def of_another_tenant(engine: Engine) -> str:
    done = engine.run(sync_mode="full")["run_id"]
    engine.configure(tenant_id="22222222-2222-4222-8222-222222222222")
    return str(done)


REFUSED: dict[str, tuple[Callable[[Engine], Any], str]] = {
    "unknown": (lambda engine: "20261124T020000-contoso-ab12cd", "there is no run"),
    "open": (lambda engine: engine.request(sync_mode="full"), "still going on"),
    "dry": (lambda engine: engine.run(sync_mode="full", dry_run=True)["run_id"], "dry run"),
    "idle": (lambda engine: [engine.run(sync_mode="full")["run_id"] for _ in range(2)][-1], "wrote nothing"),
    "forgotten": (forgotten, "journal_days"),
    "other tenant": (of_another_tenant, "another tenant or PSA"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_run_that_cannot_be_undone_is_refused_with_the_reason(engine: Engine, which: str) -> None:
    engine.directory.add_user("ann")
    arrange, reason = REFUSED[which]
    run_id = arrange(engine)
    runs = engine.store.reports.open_runs()
    with pytest.raises(UndoRefusedError, match=reason):
        request_undo(engine.ports, run_id, trigger="cli")
    assert engine.store.reports.open_runs() == runs


def test_undo_waits_for_nobody_but_is_refused_while_a_run_has_the_connector(engine: Engine) -> None:
    engine.directory.add_user("ann")
    done = engine.run(sync_mode="full")
    engine.request(sync_mode="full")
    engine.work(until="judge")
    engine.queue.waiting.rotate()
    run = request_undo(engine.ports, done["run_id"], trigger="cli")
    engine.work()
    assert codes(engine.report(run.run_id)) == ["ConnectorBusy"]
