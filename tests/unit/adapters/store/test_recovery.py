"""What a crash left is found: by dead heartbeats at once, by due times otherwise."""

import time
from collections.abc import Callable

import pytest

from adapters.errors import TransientError
from adapters.store import Store, StoreTiming
from tests.unit.adapters.store.making import a_plan, a_run, begun, created, failed, frozen, reading, writing

USER = "id-000000"
GRACE_S = 5.0


def overdue(store: Store) -> list[str]:
    return [member.user_id for member in store.recovery.overdue_users(limit=10, grace_s=GRACE_S)]


def test_frozen_user_whose_message_was_lost_is_named_once_per_grace(store: Store) -> None:
    batch = frozen(store, count=2)
    assert overdue(store) == []
    time.sleep(0.65)  # first_due_s
    members = store.recovery.overdue_users(limit=10, grace_s=GRACE_S)
    assert sorted(members, key=lambda member: member.index) == list(batch.members)
    assert overdue(store) == []


def test_user_in_work_is_not_overdue_but_at_once_when_its_worker_died(
    opened: Callable[..., Store], hasty: StoreTiming
) -> None:
    ours, theirs = opened(), opened(hasty)
    frozen(ours, count=1)
    begun(theirs, USER)
    ours.presence.beat()
    assert ours.recovery.bury_workers() == []
    time.sleep(hasty.dead_s)
    assert ours.recovery.bury_workers() == [theirs.presence.incarnation]
    assert ours.recovery.bury_workers() == []
    assert overdue(ours) == [USER]
    assert isinstance(ours.users.begin("r1", USER, holder=ours.presence.new_holder()), tuple)


def test_finished_users_of_a_dead_worker_are_not_named(opened: Callable[..., Store], hasty: StoreTiming) -> None:
    ours, theirs = opened(), opened(hasty)
    frozen(ours, count=1)
    _, grant = begun(theirs, USER)
    theirs.users.record(grant, "r1", failed(USER))
    time.sleep(hasty.dead_s)
    ours.recovery.bury_workers()
    assert overdue(ours) == []


def test_worker_that_only_stalled_is_alive_again_after_its_beat(
    opened: Callable[..., Store], hasty: StoreTiming
) -> None:
    ours, theirs = opened(), opened(hasty)
    time.sleep(hasty.dead_s)
    assert not ours.presence.alive(theirs.presence.incarnation)
    ours.recovery.bury_workers()
    theirs.presence.beat()
    assert ours.presence.alive(theirs.presence.incarnation)


def test_postponed_user_is_due_after_it_should_have_come_back(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, USER)
    store.users.postpone(grant, "r1", wait_s=0.2)
    time.sleep(0.1)
    assert overdue(store) == []
    time.sleep(0.5)  # the rest of the wait, and slack_s
    assert overdue(store) == [USER]


def test_user_with_an_outcome_is_no_longer_due(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, USER)
    store.users.record(grant, "r1", failed(USER))
    time.sleep(0.65)
    assert overdue(store) == []


def test_due_user_of_nobody_is_forgotten(store: Store) -> None:
    store.connection.client.zadd(store.connection.keys.due, {"gone\nid-1": 1})
    assert overdue(store) == []
    assert store.connection.client.zcard(store.connection.keys.due) == 0


def test_runs_are_due_at_once_and_then_when_they_stop_moving(store: Store) -> None:
    store.runs.request_run(a_run())
    assert [run.run_id for run in store.recovery.overdue_runs(limit=10, grace_s=GRACE_S)] == ["r1"]
    assert store.recovery.overdue_runs(limit=10, grace_s=GRACE_S) == []
    store.runs.touch("r1", due_in_s=0.1)
    time.sleep(0.15)
    assert [run.run_id for run in store.recovery.overdue_runs(limit=10, grace_s=GRACE_S)] == ["r1"]


def test_closed_run_is_never_due(store: Store) -> None:
    reading(store)
    store.runs.close("r1", head={}, watermark=None)
    store.runs.touch("r1", due_in_s=-5)
    assert store.recovery.overdue_runs(limit=10, grace_s=GRACE_S) == []


def test_complete_batch_that_nobody_sealed_is_stale(store: Store) -> None:
    frozen(store, count=1)
    assert store.recovery.stale_batches(older_s=0) == []
    _, grant = begun(store, USER)
    store.users.record(grant, "r1", failed(USER))
    assert store.recovery.stale_batches(older_s=5) == []
    assert store.recovery.stale_batches(older_s=-1) == [("r1", "b0001")]
    store.plan.summarize_batch("r1", "b0001")
    assert store.recovery.stale_batches(older_s=-1) == []


def test_turn_is_one_process_at_a_time_and_runs_out(store: Store) -> None:
    assert store.recovery.take_turn(holder="a/1", seconds=0.1)
    assert not store.recovery.take_turn(holder="b/1", seconds=0.1)
    time.sleep(0.15)
    assert store.recovery.take_turn(holder="b/1", seconds=0.1)


def test_own_heartbeat_gone_stale_is_seen_without_the_store(opened: Callable[..., Store], hasty: StoreTiming) -> None:
    store = opened(hasty)
    store.presence.check_fresh()
    assert store.presence.seconds_since_beat() < hasty.dead_s
    time.sleep(hasty.dead_s - hasty.heartbeat_s)
    with pytest.raises(TransientError, match="heartbeat_stale"):
        store.presence.check_fresh()


def test_lane_is_hungry_while_its_spool_holds_users(store: Store) -> None:
    frozen(store, "r1", count=1)
    assert store.recovery.hungry_lanes() == []
    writing(store, "r2", plans=[a_plan(0), a_plan(1)], lane="targeted", instance="halo eu")
    assert store.recovery.hungry_lanes() == [("halo eu", "targeted")]
    store.plan.freeze_batch("halo eu", lane="targeted", size=1, window=9)
    assert store.recovery.hungry_lanes() == [("halo eu", "targeted")]
    store.plan.freeze_batch("halo eu", lane="targeted", size=1, window=9)
    assert store.recovery.hungry_lanes() == []


def test_created_user_of_a_lost_callback_still_completes_the_run(store: Store) -> None:
    batch = frozen(store, count=1)
    planned, grant = begun(store, USER)
    store.users.record(grant, "r1", created(planned))
    ((run_id, batch_id),) = store.recovery.stale_batches(older_s=-1)
    assert (run_id, batch_id) == ("r1", batch.batch_id)
    assert store.plan.summarize_batch(run_id, batch_id) == "last"
