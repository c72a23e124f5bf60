"""Messages and answers that are lost or doubled: the run ends as if nothing had happened."""

import pytest

from adapters.errors import TransientError
from tasks.reconciling import reconcile
from tests.fakes.engine import Engine
from tests.fakes.reports import counts
from tests.unit.tasks.scene import SHORT, Result, furnish, result_of

MESSAGES = ["start_run", "fan_out", "judge", "feed", "upsert", "summarize_batch", "close_run"]


@pytest.mark.parametrize("lost", [1, 3])
@pytest.mark.parametrize("name", MESSAGES)
def test_lost_messages_are_found_by_the_reconciler(engine: Engine, undisturbed: Result, name: str, lost: int) -> None:
    furnish(engine)
    engine.queue.lose[name] = lost
    run_id = engine.request(sync_mode="full")
    engine.work()
    engine.recover(run_id)
    assert engine.queue.lose[name] == 0, "nothing was lost"
    assert result_of(engine, run_id) == undisturbed


def test_every_first_message_is_lost(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    engine.queue.lose.update(MESSAGES)
    run_id = engine.request(sync_mode="full")
    engine.recover(run_id)
    assert result_of(engine, run_id) == undisturbed


@pytest.mark.parametrize("name", MESSAGES)
def test_message_that_is_delivered_three_times_counts_once(engine: Engine, undisturbed: Result, name: str) -> None:
    furnish(engine)
    engine.queue.copies[name] = 2
    run_id = engine.request(sync_mode="full")
    engine.work()
    assert result_of(engine, run_id) == undisturbed


def test_every_message_is_delivered_twice(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    engine.queue.copies.update(MESSAGES)
    run_id = engine.request(sync_mode="full")
    engine.work()
    assert result_of(engine, run_id) == undisturbed


def test_instance_with_users_waiting_is_fed_although_no_run_is_overdue(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    engine.queue.lose["feed"] = 1
    run_id = engine.request(sync_mode="full")
    engine.work()
    assert engine.psa.writes == []
    reconcile(engine.ports)
    engine.work()
    assert result_of(engine, run_id) == undisturbed


def test_reconciling_all_the_time_changes_nothing(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")
    while engine.queue.waiting:
        engine.queue.do_next()
        if engine.queue.sent.count("feed") < 20:
            engine.reconcile()
    assert result_of(engine, run_id) == undisturbed


def test_messages_of_a_closed_run_do_nothing(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")
    late = []
    while engine.queue.waiting:
        late.append(engine.queue.waiting[0])
        engine.queue.do_next()
    engine.queue.waiting.extend(late)
    engine.work()
    assert result_of(engine, run_id) == undisturbed


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("method", ["create_contact", "update_contact"])
def test_lost_answers_are_looked_up(engine: Engine, undisturbed: Result, method: str, *, happened: bool) -> None:
    furnish(engine)
    engine.psa.lose_answer(method, happened=happened, times=2)
    run_id = engine.request(sync_mode="full")
    engine.work()
    assert result_of(engine, run_id) == undisturbed


def test_lost_answer_whose_run_was_closed_is_resolved_by_the_next_one(engine: Engine) -> None:
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact")
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.queue.do_next()
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.queue.waiting.clear()
    report = engine.recover(run_id)
    assert len(engine.psa.contacts) == 1
    assert counts(report) == (1, 0, 0, 0)
    assert counts(engine.run()) == (0, 0, 1, 0)


def test_answer_that_stays_unknown_when_its_run_ends_is_resolved_by_the_next_one(engine: Engine) -> None:
    engine.with_timing(**SHORT)
    engine.with_timing(user_horizon_s=0.0, write_deadline_s=0.5)  # it is sent, however slow the machine
    user = engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact")
    engine.psa.fail("find_contacts", TransientError("server_error", vendor="connectwise"), times=99)
    report = engine.run(sync_mode="full")
    assert counts(report) == (0, 0, 0, 1)
    engine.psa.heal()
    engine.directory.change_user(user.id, job_title="Buyer")
    assert counts(engine.run()) == (0, 1, 0, 0)
    assert len(engine.psa.contacts) == 1
