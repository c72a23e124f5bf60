"""The first automatic run is held whole, and what is held is written once somebody has approved of it."""

from itertools import count
from typing import Any

import pytest

from tasks.closing import cancel_run
from tasks.events.taking import take_changes
from tasks.plans import applying
from tasks.requesting import RequestRefusedError, request_run
from tests.fakes.engine import Engine, make_connector
from tests.fakes.mortal import Death, Installations
from tests.fakes.reports import Json, codes, counts

OTHER_TENANT = "22222222-2222-4222-8222-222222222222"


def furnish(engine: Engine) -> None:
    """Arrange a contact to create, one to update, one that only lacks the object id, and one that is right."""
    engine.directory.add_user("new", business_phones=("+49 30 1",))
    engine.directory.add_user("old", job_title="Buyer", business_phones=("+49 30 2",))
    engine.psa.add_contact(first_name="Old", last_name="Example", email="old@contoso.com", phone="+49 30 2")
    engine.directory.add_user("bare", business_phones=("+49 30 3",))
    engine.psa.add_contact(first_name="Bare", last_name="Example", email="bare@contoso.com", phone="+49 30 3")
    right = engine.directory.add_user("right", business_phones=("+49 30 4",))
    engine.psa.add_contact(
        first_name="Right", last_name="Example", email="right@contoso.com", entra_id=right.id, phone="+49 30 4"
    )


def by_itself(engine: Engine, trigger: str = "schedule", **inputs: Any) -> Json:
    """Let a run happen that nobody asked for; return its report."""
    run = request_run(engine.ports, "contoso", inputs, trigger=trigger)
    engine.work()
    return engine.report(run.run_id)


def approve(engine: Engine, run_id: str) -> Json:
    """Approve of a held run; return the report of the run that writes what it held."""
    asked = applying.approve_run(engine.ports, run_id, trigger="cli")
    engine.work()
    return engine.report(asked.run_id)


def pass_window(engine: Engine) -> None:
    """Take the changed users that were told of, as if the window had passed."""
    connection = engine.store.connection
    connection.client.zadd(connection.keys.changes_due, {"contoso": 1}, xx=True)
    take_changes(engine.ports, "contoso")
    engine.work()


@pytest.mark.parametrize("trigger", ["schedule", "poll", "event"])
def test_first_automatic_run_writes_nothing_and_keeps_all_changes(engine: Engine, trigger: str) -> None:
    furnish(engine)
    report = by_itself(engine, trigger)
    assert engine.psa.writes == []
    assert not report["success"]
    assert [(each["kind"], each["number"]) for each in report["held"]] == [("first_run", 3)]
    assert len(report["held_changes"]) == 3 == len(report["users_unprocessed"])
    assert counts(report) == (0, 0, 1, 0)
    message = next(row["message"] for row in report["warnings"] if row["code"] == "ChangesHeld")
    assert f"contact-sync approve {report['run_id']}" in message
    assert engine.store.memory.watermark("contoso") is None
    (alert,) = [each for each in engine.store.alerts.facts(limit=9) if each["kind"] != "ended"]
    assert (alert["kind"], alert["run_id"]) == ("held", report["run_id"])


def test_approval_writes_exactly_what_was_held_and_stands_for_good(engine: Engine) -> None:
    furnish(engine)
    held = by_itself(engine)
    engine.directory.add_user("later", business_phones=("+49 30 5",))
    report = approve(engine, held["run_id"])
    assert report["success"]
    assert counts(report) == (1, 2, 0, 0)
    lines = {row["user_principal_name"]: row for row in held["held_changes"]}
    written = report["created_contacts"] + report["updated_contacts"]
    assert {
        row["user_principal_name"]: {name: new for name, (_, new) in row["changes"].items()} for row in written
    } == {name: row["after"] for name, row in lines.items()}
    assert report["carries_out"] == {"plan": held["plan"], "run_id": held["run_id"]}
    assert engine.store.memory.watermark("contoso") is None
    engine.configure(fingerprint="f2", psa_contact_type="User")
    after = by_itself(engine)
    assert after["success"]
    assert counts(after)[0] == 1  # the one that came later, by the next run
    assert engine.watermark.home == engine.connector().home


def test_approving_twice_does_it_once(engine: Engine) -> None:
    furnish(engine)
    held = by_itself(engine)
    first = applying.approve_run(engine.ports, held["run_id"], trigger="cli")
    again = applying.approve_run(engine.ports, held["run_id"], trigger="api")
    assert (first.run_id, first.is_new, again.is_new) == (again.run_id, True, False)
    engine.work()
    writes = len(engine.psa.writes)
    assert applying.approve_run(engine.ports, held["run_id"], trigger="cli").run_id == first.run_id
    engine.work()
    assert len(engine.psa.writes) == writes == 3


def test_approval_that_was_cancelled_can_be_given_again(engine: Engine) -> None:
    furnish(engine)
    held = by_itself(engine)
    asked = applying.approve_run(engine.ports, held["run_id"], trigger="cli")
    cancel_run(engine.ports, asked.run_id)
    engine.work()
    assert engine.psa.writes == []
    assert engine.store.kept.approvals("contoso") == {}
    report = approve(engine, held["run_id"])
    assert report["run_id"] != asked.run_id
    assert counts(report) == (1, 2, 0, 0)


def test_line_whose_user_or_contact_has_changed_is_left_to_the_next_run(engine: Engine) -> None:
    furnish(engine)
    held = by_itself(engine)
    new = next(user for user in engine.directory.users.values() if user.given_name == "New")
    engine.directory.change_user(new.id, job_title="Boss")
    bare = next(each for each in engine.psa.contacts.values() if each.fields.get("first_name") == "Bare")
    edited = bare.model_copy(update={"fields": {**bare.fields, "first_name": "Barbara"}})
    engine.psa.contacts[bare.id] = edited
    report = approve(engine, held["run_id"])
    assert counts(report) == (0, 1, 2, 0)
    assert codes(report, "warnings").count("PlanLineSkipped") == 2
    assert engine.psa.contacts[bare.id] == edited
    after = by_itself(engine)
    assert (counts(after)[0], after["success"]) == (1, True)


def test_newer_first_plan_replaces_the_older_one(engine: Engine) -> None:
    furnish(engine)
    first = by_itself(engine)
    second = by_itself(engine)
    assert list(engine.store.reports.rows(first["run_id"], "held")) == []
    with pytest.raises(RequestRefusedError, match=f"contact-sync approve {second['run_id']}"):
        applying.approve_run(engine.ports, first["run_id"], trigger="cli")
    assert counts(approve(engine, second["run_id"])) == (1, 2, 0, 0)


def test_plan_that_is_being_carried_out_is_not_replaced(engine: Engine) -> None:
    furnish(engine)
    first = by_itself(engine)
    scheduled = request_run(engine.ports, "contoso", {}, trigger="schedule")
    engine.work(until="judge")
    asked = applying.approve_run(engine.ports, first["run_id"], trigger="cli")
    engine.work()
    assert engine.report(asked.run_id)["success"]
    assert len(list(engine.store.reports.rows(first["run_id"], "held"))) == 3
    assert engine.report(scheduled.run_id)["success"]
    assert len(engine.psa.writes) == 3


def test_run_by_hand_over_the_whole_tenant_is_the_approval_and_a_trial_is_not(engine: Engine) -> None:
    furnish(engine)
    engine.run(user_principal_names=["new@contoso.com"])
    engine.run(department_filter="Sales")
    engine.run(dry_run=True)
    assert by_itself(engine)["held"]
    assert engine.run()["success"]
    engine.directory.add_user("later")
    assert counts(by_itself(engine))[0] == 1


def test_first_run_by_hand_is_the_approval_while_it_writes_and_none_if_it_is_cancelled(engine: Engine) -> None:
    furnish(engine)
    run_id = engine.request()
    engine.work(until="upsert")
    assert engine.store.kept.approvals("contoso")
    cancel_run(engine.ports, run_id)
    engine.work()
    assert engine.report(run_id)["stopped"] == "cancelled"
    assert by_itself(engine)["held"]


@pytest.mark.parametrize("trigger", ["schedule", "event"])
@pytest.mark.parametrize("pairing", [{"tenant_id": OTHER_TENANT}, {"psa": "other"}], ids=["tenant", "psa"])
def test_connector_with_another_tenant_or_psa_is_a_new_one(
    engine: Engine, pairing: dict[str, str], trigger: str
) -> None:
    furnish(engine)
    former = by_itself(engine)
    approve(engine, former["run_id"])
    assert by_itself(engine)["success"]
    engine.psa.writes.clear()
    engine.configure(**pairing, fingerprint="f2")
    for company_id in engine.connector().company_ids:
        engine.store.memory.save_pairing(engine.connector().home, company_id, "fits")
    later = engine.directory.add_user("later")
    if trigger == "event":
        engine.store.events.receive("contoso", [later.id], gather_s=0, window_s=0)
        pass_window(engine)
    else:
        by_itself(engine)
    head = engine.store.reports.heads(1)[0]
    assert [each["kind"] for each in head["held"]] == ["first_run"]
    assert engine.psa.writes == []
    assert engine.watermark.home != engine.connector().home


def test_plan_of_another_tenant_is_refused(engine: Engine) -> None:
    furnish(engine)
    held = by_itself(engine)
    engine.configure(tenant_id=OTHER_TENANT)
    with pytest.raises(RequestRefusedError, match="another tenant"):
        applying.approve_run(engine.ports, held["run_id"], trigger="cli")


def test_plan_whose_connector_gets_another_tenant_before_it_begins_writes_nothing(engine: Engine) -> None:
    furnish(engine)
    held = by_itself(engine)
    asked = applying.approve_run(engine.ports, held["run_id"], trigger="cli")
    engine.configure(tenant_id=OTHER_TENANT)
    engine.work()
    assert codes(engine.report(asked.run_id)) == ["UnknownConnector"]
    assert engine.psa.writes == []


def test_connector_that_an_older_release_has_run_goes_on(engine: Engine) -> None:
    furnish(engine)
    engine.run()
    keys, client = engine.store.connection.keys, engine.store.connection.client
    client.delete(keys.approved("contoso"))
    engine.change_watermark(home="")
    engine.directory.add_user("later")
    assert counts(by_itself(engine))[0] == 1


def test_first_run_without_changes_is_no_approval(engine: Engine) -> None:
    assert by_itself(engine)["success"]
    furnish(engine)
    report = by_itself(engine)
    assert report["held"][0]["number"] == 3
    assert engine.psa.writes == []


def test_nothing_to_approve_is_said_clearly(engine: Engine) -> None:
    furnish(engine)
    run_id = engine.run()["run_id"]
    going_on = engine.request()
    with pytest.raises(RequestRefusedError, match="holds nothing back"):
        applying.approve_run(engine.ports, run_id, trigger="cli")
    with pytest.raises(RequestRefusedError, match="goes on"):
        applying.approve_run(engine.ports, going_on, trigger="cli")
    with pytest.raises(RequestRefusedError, match="no run"):
        applying.approve_run(engine.ports, "nobody", trigger="cli")


def test_guard_is_awake_after_an_approved_first_run(engine: Engine) -> None:
    for number in range(60):
        engine.directory.add_user(f"user{number}", business_phones=("1",))
    approve(engine, by_itself(engine)["run_id"])
    for number in range(200):
        engine.directory.add_user(f"more{number}", business_phones=("1",))
    report = by_itself(engine)
    assert [each["kind"] for each in report["held"]] == ["creations"]
    assert len(engine.psa.writes) == 60
    assert counts(approve(engine, report["run_id"])) == (200, 0, 0, 0)


def test_changed_users_wait_until_the_first_run_is_approved(engine: Engine) -> None:
    furnish(engine)
    new = next(user for user in engine.directory.users.values() if user.given_name == "New")
    engine.store.events.receive("contoso", [new.id], gather_s=0, window_s=0)
    pass_window(engine)
    pass_window(engine)
    (head,) = engine.store.reports.heads()
    assert head["held"][0]["kind"] == "first_run"  # somebody is told, once
    assert engine.psa.writes == []
    approve(engine, head["run_id"])
    engine.directory.change_user(new.id, job_title="Boss")
    pass_window(engine)
    newest = engine.store.reports.heads(1)[0]
    assert (newest["trigger"], newest["statistics"]["contacts_updated"]) == ("event", 1)


def test_held_run_is_carried_out_to_the_same_end_wherever_it_dies(opened: Installations) -> None:
    for calls in count(1, 3):
        store = opened(f"n{calls}")
        engine = Engine(store)
        furnish(engine)
        held = by_itself(engine)
        asked = applying.approve_run(engine.ports, held["run_id"], trigger="cli")
        store.die_after(calls)
        try:
            engine.work()
        except Death:
            store.bury()
            engine.move_to(opened(f"n{calls}"))
        else:
            break
        report = engine.recover(asked.run_id)
        assert counts(report) == (1, 2, 0, 0)
        assert len(engine.psa.writes) == 3
    assert calls > 30, "too few steps: the deaths were not where they should be"


def test_connectors_are_approved_one_by_one(engine: Engine) -> None:
    furnish(engine)
    engine.run()
    fabrikam = make_connector("fabrikam", tenant_id=OTHER_TENANT)
    assert engine.store.kept.approvals("contoso").keys() == {engine.connector().home}
    assert engine.store.kept.approvals("fabrikam") == {}
    assert fabrikam.home != engine.connector().home
