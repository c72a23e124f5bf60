"""Runs are undone after contacts went to others, were moved, or were decided about; and undos are undone in turn."""

from tasks import on_hold
from tasks.undo.undoing import request_undo
from tests.fakes.engine import Engine
from tests.fakes.reports import codes, counts
from tests.unit.tasks.test_runs_undone import contact_of, undo


def holds(engine: Engine) -> dict[str, str]:
    """Return the reason for which each user's contact is left alone."""
    return {each.user_id: each.reason for each in engine.store.decisions.iter_all("contoso")}


def test_contact_that_another_user_has_by_now_is_not_switched_off(engine: Engine) -> None:
    ann = engine.directory.add_user("ann")
    done = engine.run(sync_mode="full")
    engine.directory.delete_user(ann.id)
    engine.directory.add_user("ann", id="11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
    engine.run(sync_mode="full")
    report = undo(engine, done["run_id"])
    assert contact_of(engine, "ann").active
    assert codes(report, "warnings") == ["NotUndone"]
    assert holds(engine) == {}


def test_fields_of_a_contact_that_another_user_has_by_now_stay(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Clerk")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    done = engine.run(sync_mode="full")
    engine.directory.delete_user(ann.id)
    engine.directory.add_user("ann", id="11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa", job_title="Clerk")
    engine.run(sync_mode="full")
    report = undo(engine, done["run_id"])
    assert contact_of(engine, "ann").fields["job_title"] == "Clerk"
    assert codes(report, "warnings") == ["NotUndone"]


def test_contact_that_was_made_and_moved_by_hand_since_stays_active(engine: Engine) -> None:
    engine.psa.add_company("999", "Elsewhere")
    engine.directory.add_user("ann")
    done = engine.run(sync_mode="full")
    contact = contact_of(engine, "ann")
    engine.psa.contacts[contact.id] = contact.model_copy(update={"company_id": "999"})
    report = undo(engine, done["run_id"])
    assert contact_of(engine, "ann").active
    assert codes(report, "warnings") == ["EditedSince"]


def test_undo_of_an_undo_of_an_undo_holds_again(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Clerk")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    done = engine.run(sync_mode="full")
    first = undo(engine, done["run_id"])
    assert set(holds(engine)) == {ann.id}
    second = undo(engine, first["run_id"])
    assert holds(engine) == {}
    third = undo(engine, second["run_id"])
    assert contact_of(engine, "ann").fields["job_title"] == "Buyer"
    assert set(holds(engine)) == {ann.id}
    assert counts(engine.run(sync_mode="full")) == (0, 0, 1, 0)
    assert on_hold.release(engine.ports, "contoso", run_id=second["run_id"]) == 1, third["run_id"]


def test_what_a_person_decided_outlives_undo_and_its_undo(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", job_title="Clerk")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", job_title="Buyer")
    done = engine.run(sync_mode="full")
    on_hold.put_on_hold(engine.ports, "contoso", [ann], reason="on leave", by="jane")
    first = undo(engine, done["run_id"])
    assert holds(engine) == {ann.id: "on leave"}
    undo(engine, first["run_id"])
    assert holds(engine) == {ann.id: "on leave"}


def test_undo_whose_connector_gets_another_tenant_before_it_begins_puts_nothing_back(engine: Engine) -> None:
    engine.directory.add_user("ann")
    done = engine.run(sync_mode="full")
    run = request_undo(engine.ports, done["run_id"], trigger="cli")
    engine.configure(tenant_id="22222222-2222-4222-8222-222222222222")
    engine.work()
    assert codes(engine.report(run.run_id)) == ["UnknownConnector"]
    assert contact_of(engine, "ann").active
    assert holds(engine) == {}
