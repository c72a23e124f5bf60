"""A plan is a dry run that is kept; carrying it out writes its lines, and those only that nobody has overtaken."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tasks import on_hold, reading_plan
from tasks.closing import cancel_run
from tasks.connector import FieldRule
from tasks.plans import applying
from tasks.plans.exports import state_of
from tasks.requesting import RequestRefusedError, request_run
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, Installations
from tests.fakes.reports import Json, codes, counts

PEOPLE = 12


def furnish(engine: Engine, *, people: int = PEOPLE) -> str:
    """Bring people to where each has a contact, then change all of them, add one and let one leave; return who left."""
    engine.configure(on_leaver="deactivate")
    for number in range(people):
        engine.directory.add_user(f"user{number}", job_title="Clerk", business_phones=(f"+49 30 {number}",))
    engine.run(sync_mode="full")
    engine.run()
    for user in list(engine.directory.users.values()):
        engine.directory.change_user(user.id, job_title="Buyer")
    engine.directory.add_user("new", business_phones=("+49 30 99",))
    left_id = user_of(engine, "User0")
    engine.directory.delete_user(left_id)
    engine.psa.writes.clear()
    return left_id


def user_of(engine: Engine, given_name: str) -> str:
    return next(user.id for user in engine.directory.users.values() if user.given_name == given_name)


def contact_of(engine: Engine, first_name: str) -> str:
    return next(
        contact.id for contact in engine.psa.contacts.values() if contact.fields.get("first_name") == first_name
    )


def edit(engine: Engine, first_name: str, **fields: str) -> None:
    """Let a person edit a contact in the PSA."""
    contact = engine.psa.contacts[contact_of(engine, first_name)]
    engine.psa.contacts[contact.id] = contact.model_copy(update={"fields": {**contact.fields, **fields}})


def make_plan(engine: Engine, **inputs: Any) -> Json:
    """Make a plan; return its run's report."""
    run = request_run(engine.ports, "contoso", inputs, trigger="cli", keeps_plan=True)
    engine.work()
    return engine.report(run.run_id)


def apply_plan(engine: Engine, number: int) -> Json:
    """Carry a plan out; return the report of the run that does."""
    asked = applying.apply_plan(engine.ports, applying.find_plan(engine.ports, number), trigger="cli")
    engine.work()
    return engine.report(asked.run_id)


def written(engine: Engine) -> list[str]:
    return sorted(str(write.after.fields.get("first_name")) for write in engine.psa.writes)


def test_plan_is_numbered_hashed_and_writes_nothing(engine: Engine) -> None:
    furnish(engine)
    link = engine.watermark
    first, second = make_plan(engine), make_plan(engine, sync_mode="full")
    assert engine.psa.writes == []
    assert engine.watermark == link
    assert (first["dry_run"], first["plan"], second["plan"]) == (True, 1, 2)
    plans = engine.store.kept.newest()
    assert [(plan.number, plan.lines, plan.is_held) for plan in plans] == [
        (2, PEOPLE + 1, False),
        (1, PEOPLE + 1, False),
    ]
    assert all(len(plan.digest) == 64 for plan in plans)
    assert engine.run(dry_run=True).get("plan") is None


def test_plan_carried_out_is_the_run_that_it_foresaw(engine: Engine) -> None:
    furnish(engine)
    planned = make_plan(engine)
    link = engine.watermark
    report = apply_plan(engine, planned["plan"])
    assert report["success"]
    assert counts(report) == counts(planned) == (1, PEOPLE, 0, 0)
    assert report["statistics"]["contacts_deactivated"] == 1
    assert report["carries_out"]["plan"] == planned["plan"]
    assert engine.watermark == link
    engine.psa.writes.clear()
    assert engine.run()["success"]
    assert engine.psa.writes == []


@pytest.mark.parametrize("most_one_by_one", [500, 2])
def test_plan_then_edits_by_hand_then_apply_writes_exactly_the_untouched_lines(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, most_one_by_one: int
) -> None:
    monkeypatch.setattr(reading_plan, "MOST_ONE_BY_ONE", most_one_by_one)
    left_id = furnish(engine)
    planned = make_plan(engine)
    edit(engine, "User1", job_title="Chief")  # the field that the line would write
    edit(engine, "User2", job_title="Buyer")  # it is as the line wants it
    gone = contact_of(engine, "User3")
    del engine.psa.contacts[gone]
    engine.directory.change_user(user_of(engine, "User4"), job_title="Owner")
    engine.directory.change_user(user_of(engine, "User5"), account_enabled=False)
    engine.directory.delete_user(user_of(engine, "User6"), permanently=True)
    engine.directory.restore_user(left_id)  # whose contact was to be switched off
    engine.directory.change_user(user_of(engine, "User7"), business_phones=("+49 30 77",))
    report = apply_plan(engine, planned["plan"])
    left = [f"User{number}" for number in (0, 1, 2, 3, 4, 5, 6, 7)]
    untouched = [f"User{number}" for number in range(8, PEOPLE)]
    assert written(engine) == sorted(["New", *untouched])
    assert counts(report) == (1, len(untouched), len(left), 0)
    assert codes(report, "warnings").count("PlanLineSkipped") == len(left)
    assert all(row["user_principal_name"] for row in report["warnings"] if row["code"] == "PlanLineSkipped")


@pytest.mark.parametrize("what", ["edited", "ignored"])
def test_line_that_waited_long_for_its_write_is_looked_at_once_more(engine: Engine, what: str) -> None:
    engine.with_timing(index_age_s=-1.0)  # whatever was judged counts as old
    furnish(engine)
    plan = applying.find_plan(engine.ports, make_plan(engine)["plan"])
    asked = applying.apply_plan(engine.ports, plan, trigger="cli")
    engine.work(until="upsert")
    if what == "edited":
        edit(engine, "User3", job_title="Chief")
    else:
        user = engine.directory.users[user_of(engine, "User3")]
        on_hold.put_on_hold(engine.ports, "contoso", [user], reason="on leave", by="jane")
    engine.work()
    assert "User3" not in written(engine)
    report = engine.report(asked.run_id)
    assert counts(report) == (1, PEOPLE - 1, 1, 0)
    assert codes(report, "warnings") == ["PlanLineSkipped"]


def test_applying_twice_writes_nothing_the_second_time(engine: Engine) -> None:
    furnish(engine)
    number = make_plan(engine)["plan"]
    first = apply_plan(engine, number)
    engine.psa.writes.clear()
    assert apply_plan(engine, number) == first
    assert engine.psa.writes == []


def test_plan_says_how_far_it_is(engine: Engine) -> None:
    furnish(engine)
    number = make_plan(engine)["plan"]

    def state() -> str:
        return state_of(applying.find_plan(engine.ports, number))

    assert state() == "waits"
    first = applying.apply_plan(engine.ports, applying.find_plan(engine.ports, number), trigger="cli")
    assert state() == "goes on"
    engine.work(until="upsert")
    assert state() == "goes on"
    cancel_run(engine.ports, first.run_id)
    engine.work()
    assert state() == "stopped"
    engine.psa.writes.clear()
    apply_plan(engine, number)
    assert state() == "done"
    assert len(engine.psa.writes) == PEOPLE + 1


def test_plan_is_carried_out_to_the_same_end_wherever_it_dies(opened: Installations) -> None:
    for calls in count(1, 5):
        store = opened(f"n{calls}")
        engine = Engine(store)
        furnish(engine, people=4)
        plan = applying.find_plan(engine.ports, make_plan(engine)["plan"])
        edit(engine, "User1", job_title="Chief")
        link = engine.watermark
        store.die_after(calls)
        asked = None
        try:
            asked = applying.apply_plan(engine.ports, plan, trigger="cli")
            engine.work()
        except Death:
            store.bury()
            engine.move_to(opened(f"n{calls}"))
        else:
            break
        if asked is None:  # whoever asked does so again
            asked = applying.apply_plan(engine.ports, applying.find_plan(engine.ports, plan.number), trigger="cli")
        report = engine.recover(asked.run_id)
        assert counts(report) == (1, 3, 1, 0)
        assert report["statistics"]["contacts_deactivated"] == 1
        assert codes(report, "warnings").count("PlanLineSkipped") == 1
        assert written(engine) == ["New", "User0", "User2", "User3"]
        assert engine.watermark == link
        assert applying.apply_plan(engine.ports, plan, trigger="cli").run_id == asked.run_id
        assert state_of(applying.find_plan(engine.ports, plan.number)) == "done"
    assert calls > 30, "too few steps: the deaths were not where they should be"


def test_another_plan_of_the_same_changes_skips_every_line(engine: Engine) -> None:
    furnish(engine)
    one, other = make_plan(engine)["plan"], make_plan(engine)["plan"]
    apply_plan(engine, one)
    engine.psa.writes.clear()
    report = apply_plan(engine, other)
    assert engine.psa.writes == []
    assert counts(report) == (0, 0, PEOPLE + 1, 0)
    assert codes(report, "warnings").count("PlanLineSkipped") == PEOPLE + 1


def test_configuration_that_changed_leaves_the_lines_that_come_out_otherwise(engine: Engine) -> None:
    furnish(engine)
    number = make_plan(engine)["plan"]
    mapping = {**engine.connector().field_mapping, "job_title": FieldRule(value="Boss")}
    engine.configure(field_mapping=mapping, fingerprint="f2")
    report = apply_plan(engine, number)
    assert counts(report) == (0, 1, PEOPLE, 0)  # a contact is switched off all the same


def test_plan_whose_report_is_purged_is_gone(engine: Engine) -> None:
    furnish(engine)
    number = make_plan(engine)["plan"]
    engine.store.reports.purge(older_than_ms=engine.store.runs.now_ms() + 1)
    assert engine.store.kept.newest() == []
    with pytest.raises(RequestRefusedError, match="not kept any more"):
        applying.find_plan(engine.ports, number)


def test_lines_that_are_not_what_was_looked_at_write_nothing(engine: Engine) -> None:
    furnish(engine)
    planned = make_plan(engine)
    plan = applying.find_plan(engine.ports, planned["plan"])
    asked = applying.apply_plan(engine.ports, plan, trigger="cli")
    keys = engine.store.connection.keys.report_parts(planned["run_id"])
    engine.store.connection.client.delete(keys["report_rows.updated"], keys["report_chunks.updated"])
    engine.work()
    report = engine.report(asked.run_id)
    assert codes(report) == ["PlanUnusable"]
    assert engine.psa.writes == []


def test_plan_of_some_people_is_no_approval(engine: Engine) -> None:
    engine.directory.add_user("new", business_phones=("1",))
    planned = make_plan(engine, user_principal_names=["new@contoso.com"])
    assert counts(apply_plan(engine, planned["plan"])) == (1, 0, 0, 0)
    assert engine.store.kept.approvals("contoso") == {}
    apply_plan(engine, make_plan(engine)["plan"])
    assert list(engine.store.kept.approvals("contoso")) == [engine.connector().home]


def test_contact_that_appears_after_judging_is_not_doubled(engine: Engine) -> None:
    engine.with_timing(index_age_s=0)
    engine.directory.add_user("new", business_phones=("1",))
    plan = applying.find_plan(engine.ports, make_plan(engine)["plan"])
    asked = applying.apply_plan(engine.ports, plan, trigger="cli")
    engine.work(until="upsert")
    engine.psa.add_contact(first_name="New", last_name="Example", email="new@contoso.com", phone="1")
    engine.work()
    report = engine.report(asked.run_id)
    assert engine.psa.writes == []
    assert counts(report) == (0, 0, 1, 0)
    assert codes(report, "warnings") == ["PlanLineSkipped"]


def test_line_that_was_carried_out_by_an_earlier_attempt_counts_once(engine: Engine) -> None:
    furnish(engine)
    plan = applying.find_plan(engine.ports, make_plan(engine)["plan"])
    asked = applying.apply_plan(engine.ports, plan, trigger="cli")
    engine.psa.lose_answer("create_contact")
    engine.psa.lose_answer("update_contact")
    engine.work()
    assert counts(engine.report(asked.run_id)) == (1, PEOPLE, 0, 0)
    assert len(engine.psa.writes) == PEOPLE + 1


@pytest.mark.parametrize("most", [1, 3, 7])
def test_lines_are_read_from_place_to_place(engine: Engine, most: int) -> None:
    furnish(engine, people=20)
    run_id = make_plan(engine)["run_id"]
    kept = engine.store.kept

    def walk(read: Callable[[Any], tuple[list[Json], list[int] | None]]) -> list[Json]:
        found, at = read(None)
        while at is not None:
            more, at = read(at)
            assert len(more) <= most
            found += more
        return found

    assert walk(lambda at: kept.lines_from(run_id, at, most=most)) == list(kept.lines(run_id))
    off = walk(lambda at: kept.lines_from(run_id, at, most=most, operation="deactivate"))
    assert [line["operation"] for line in off] == ["deactivate"]
