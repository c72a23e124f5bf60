"""Before a run closes, a sample of its writes is read back: what differs is told, and nothing else changes."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.errors import InstanceError, SyncError, TransientError
from tasks.reading_back import is_sampled
from tasks.undo.undoing import request_undo
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, Installations, MortalStore
from tests.fakes.reports import Json, codes, counts

DIFFERS, INCOMPLETE = "ReadBackDiffers", "ReadBackIncomplete"


@pytest.fixture
def store(opened: Installations) -> MortalStore:
    return opened()


@pytest.fixture
def engine(store: MortalStore) -> Engine:
    return Engine(store, read_back=0.02)


def add_people(engine: Engine, *names: str) -> dict[str, str]:
    """Add users without anything to be warned of; return their ids by name."""
    return {name: engine.directory.add_user(name, business_phones=("+49 30 1",)).id for name in names}


def change_contact(engine: Engine, name: str, **values: Any) -> None:
    """Let the PSA, or somebody there, make something else of a contact."""
    (contact,) = (each for each in engine.psa.contacts.values() if each.fields["first_name"] == name.title())
    fields = {**contact.fields, **{key: value for key, value in values.items() if key not in ("active", "entra_id")}}
    marks = {key: value for key, value in values.items() if key in ("active", "entra_id")}
    engine.psa.contacts[contact.id] = contact.model_copy(update={"fields": fields, **marks})


def before_read_back(engine: Engine, do: Callable[[], object]) -> None:
    engine.psa.moments.plan("fetch_by_ids", do)


def warnings(report: Json, code: str) -> list[str]:
    return [row["message"] for row in report["warnings"] if row["code"] == code]


def test_first_run_reads_back_all_it_wrote_in_few_calls(engine: Engine) -> None:
    add_people(engine, "ann", "bob", "cid", "dan", "eve")
    engine.psa.by_ids = 2
    report = engine.run(sync_mode="full")
    assert report["read_back"] == {"share": 1.0, "read": 5, "differing": 0}
    assert engine.psa.calls["fetch_by_ids"] == 3
    assert not {DIFFERS, INCOMPLETE} & set(codes(report, "warnings"))


def test_what_the_psa_made_of_a_write_is_a_warning_that_names_field_and_values(engine: Engine) -> None:
    add_people(engine, "ann", "bob", "cid")
    before_read_back(engine, lambda: change_contact(engine, "bob", phone="+49 30 2", active=False))
    report = engine.run(sync_mode="full")
    (message,) = warnings(report, DIFFERS)
    assert "bob@contoso.com" in message
    assert 'phone ("+49 30 1" was sent, "+49 30 2" is there)' in message
    assert 'active ("true" was sent, "false" is there)' in message
    assert (report["success"], counts(report)) == (True, (3, 0, 0, 0))
    assert report["read_back"]["differing"] == 1


def test_contact_that_is_gone_when_it_is_read_back_is_told(engine: Engine) -> None:
    add_people(engine, "ann")
    before_read_back(engine, lambda: engine.psa.remove_contact(next(iter(engine.psa.contacts))))
    (message,) = warnings(engine.run(sync_mode="full"), DIFFERS)
    assert "not in the PSA any more" in message


def test_psa_that_trims_cuts_and_formats_is_no_difference(engine: Engine) -> None:
    title = "Senior Vice President of Everything"
    engine.directory.add_user("ann", job_title=title, business_phones=("+49 30 123",))
    made = {"job_title": f" {title[:20]}", "phone": "+49 (30) 1-23", "email": "ANN@contoso.com"}
    before_read_back(engine, lambda: change_contact(engine, "ann", **made))
    report = engine.run(sync_mode="full")
    assert report["read_back"] == {"share": 1.0, "read": 1, "differing": 0}


def test_text_that_is_shorter_than_any_field_was_not_cut_but_changed(engine: Engine) -> None:
    engine.directory.add_user("ann", job_title="Buyer of Ships")
    before_read_back(engine, lambda: change_contact(engine, "ann", job_title="Buyer"))
    assert len(warnings(engine.run(sync_mode="full"), DIFFERS)) == 1


def test_later_runs_read_back_their_share(engine: Engine) -> None:
    engine.configure(read_back=0.5)
    people = add_people(engine, *(f"user{number}" for number in range(8)))
    engine.run(sync_mode="full")
    for user_id in people.values():
        engine.directory.change_user(user_id, job_title="Clerk")
    report = engine.run(sync_mode="full")
    chosen = [each for each in people.values() if is_sampled(report["run_id"], each, share=0.5)]
    assert counts(report) == (0, 8, 0, 0)
    assert report["read_back"] == {"share": 0.5, "read": len(chosen), "differing": 0}


def test_sample_is_the_share_that_was_asked_for_and_the_same_one_each_time() -> None:
    chosen = [[number for number in range(1000) if is_sampled("r1", str(number), share=0.25)] for _ in range(2)]
    assert chosen[0] == chosen[1]
    assert 200 < len(chosen[0]) < 300
    assert [number for number in range(1000) if is_sampled("r2", str(number), share=0.25)] != chosen[0]
    assert all(is_sampled("r1", str(number), share=1.0) for number in range(1000))


@pytest.mark.parametrize("inputs", [{"sync_mode": "full"}, {"dry_run": True}])
def test_nothing_is_read_where_it_is_switched_off_or_nothing_was_written(engine: Engine, inputs: Json) -> None:
    engine.configure(read_back=0.0)
    add_people(engine, "ann")
    report = engine.run(**inputs)
    assert "read_back" not in report
    engine.configure(read_back=1.0)
    assert ("read_back" in engine.run(sync_mode="full")) is ("dry_run" in inputs)
    assert engine.psa.calls["fetch_by_ids"] == ("dry_run" in inputs)


@pytest.mark.parametrize(
    "error",
    [InstanceError("permission_missing", vendor="connectwise"), TransientError("timeout", vendor="connectwise")],
    ids=["refused", "away"],
)
def test_read_that_fails_changes_nothing_but_a_warning(engine: Engine, error: SyncError) -> None:
    engine.with_timing(read_back_patience_s=-1.0)
    add_people(engine, "ann", "bob", "cid", "dan")
    engine.psa.fail("fetch_by_ids", error)
    report = engine.run(sync_mode="full")
    (message,) = warnings(report, INCOMPLETE)
    assert error.reason in message
    assert "`contact-sync run contoso --mode full --dry-run`" in message
    assert (report["success"], counts(report), report["read_back"]["read"]) == (True, (4, 0, 0, 0), 0)
    assert engine.watermark.delta_link


def test_psa_that_is_away_for_a_moment_is_asked_again(engine: Engine) -> None:
    add_people(engine, "ann", "bob", "cid", "dan")
    error = TransientError("throttled", vendor="connectwise", retry_after_s=0.01)
    engine.psa.fail("fetch_by_ids", error, times=2)
    report = engine.run(sync_mode="full")
    assert report["read_back"] == {"share": 1.0, "read": 4, "differing": 0}
    assert warnings(report, INCOMPLETE) == []


def test_psa_that_is_known_to_be_down_is_not_waited_for(engine: Engine) -> None:
    add_people(engine, "ann")
    engine.psa.fail("fetch_by_ids", TransientError("breaker_open", vendor="connectwise"))
    before_read_back(engine, lambda: setattr(engine.budgets, "down_since", engine.store.runs.now_ms()))
    assert len(warnings(engine.run(sync_mode="full"), INCOMPLETE)) == 1


def test_value_that_another_run_wrote_meanwhile_is_no_difference(engine: Engine) -> None:
    people = add_people(engine, "ann", "bob")
    for user_id in people.values():
        engine.directory.change_user(user_id, job_title="Buyer")
    run_id = engine.request(sync_mode="full")
    engine.work(until="close_run")
    waiting = engine.queue.waiting.popleft()
    engine.directory.change_user(people["ann"], job_title="Clerk")
    engine.run(user_principal_names=["ann@contoso.com"])
    change_contact(engine, "bob", job_title="King")
    engine.queue.waiting.append(waiting)
    engine.work()
    (message,) = warnings(engine.report(run_id), DIFFERS)
    assert "bob@contoso.com" in message


@pytest.mark.parametrize("calls", range(9))
def test_worker_that_dies_while_reading_back_reads_at_most_one_request_twice_and_tells_once(
    opened: Installations, calls: int
) -> None:
    store = opened(f"n{calls}")
    engine = Engine(store, read_back=0.02)
    engine.psa.by_ids = 1
    add_people(engine, "ann", "bob", "cid")
    run_id = engine.request(sync_mode="full")
    engine.work(until="close_run")
    change_contact(engine, "bob", phone="+49 30 2")
    store.die_after(calls)
    try:
        engine.work()
    except Death:
        store.bury()
        engine.move_to(opened(f"n{calls}"))
    report = engine.recover(run_id)
    assert len(warnings(report, DIFFERS)) == 1
    assert report["read_back"] == {"share": 1.0, "read": 3, "differing": 1}
    assert engine.psa.calls["fetch_by_ids"] in (3, 4)
    assert len(engine.psa.writes) == 3


def test_second_copy_of_the_closing_message_tells_nothing_twice(engine: Engine) -> None:
    engine.psa.by_ids = 1
    add_people(engine, "ann", "bob", "cid")
    run_id = engine.request(sync_mode="full")
    engine.work(until="close_run")
    change_contact(engine, "ann", phone="+49 30 2")
    before_read_back(engine, lambda: engine.queue.close_run(run_id))
    before_read_back(engine, engine.queue.do_next)
    engine.work()
    report = engine.report(run_id)
    assert report["read_back"] == {"share": 1.0, "read": 3, "differing": 1}
    assert len(warnings(report, DIFFERS)) == 1


def test_run_that_is_cancelled_closes_without_reading_on(engine: Engine) -> None:
    add_people(engine, "ann")
    run_id = engine.request(sync_mode="full")
    engine.work(until="close_run")
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.work()
    assert "read_back" not in engine.report(run_id)
    assert engine.psa.calls["fetch_by_ids"] == 0


def test_undo_is_read_back_too(engine: Engine) -> None:
    add_people(engine, "ann", "bob")
    engine.configure(read_back=1.0)
    done = engine.run(sync_mode="full")["run_id"]
    run = request_undo(engine.ports, done, trigger="cli")
    engine.work(until="close_run")
    change_contact(engine, "bob", active=True)
    engine.work()
    report = engine.report(run.run_id)
    assert report["read_back"] == {"share": 1.0, "read": 2, "differing": 1}
