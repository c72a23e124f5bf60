"""The plan: written by one holder, frozen in fair turns within the window."""

from collections.abc import Callable

import pytest

from adapters.records import Outcome, Planned, RunState
from adapters.store import Store
from tests.unit.adapters.store.making import a_plan, a_run, begun, created, failed, frozen, judging, writing

WARNING = {"code": "MissingPhoneNumber"}


def plans(count: int) -> list[Planned]:
    return [a_plan(number) for number in range(count)]


def test_outcomes_are_counted_by_status_and_rows_by_kind(store: Store) -> None:
    holder = judging(store)
    outcomes = [
        created(a_plan(1), warnings=(WARNING,)),
        created(a_plan(2), status="updated", row={"office365_id": "id-000002", "deactivated": True}),
        failed("id-000003"),
        Outcome(user_id="id-000004", status="skipped"),
        Outcome(user_id="id-000005", status="skipped"),
        Outcome(user_id="id-000006", status="skipped", warnings=(WARNING,)),
    ]
    store.plan.add("r1", holder=holder, planned=[], outcomes=outcomes)
    store.plan.exclude("r1", holder=holder, rows=[{"rule": "guests"}, {"rule": "svc"}])
    assert store.plan.counts("r1") == {
        "created": 1,
        "updated": 1,
        "skipped": 3,
        "error": 1,
        "unprocessed": 0,
        "deactivated": 1,
        "excluded": 2,
        "warnings": 2,
        "held": 0,
    }


def test_reset_clears_what_an_earlier_holder_planned(store: Store) -> None:
    holder = judging(store)
    outcomes = [failed("id-000003"), Outcome(user_id="id-000004", status="skipped")]
    store.plan.add("r1", holder=holder, planned=plans(2), outcomes=outcomes)
    store.plan.exclude("r1", holder=holder, rows=[{"rule": "guests"}])
    assert store.plan.reset("r1", holder=holder)
    assert set(store.plan.counts("r1").values()) == {0}
    assert store.plan.seal("r1", holder=holder)
    assert store.plan.is_complete("r1")
    store.runs.close("r1", head={}, watermark=None)
    assert store.memory.unfinished("contoso") == {}


def test_rows_of_users_that_are_counted_nowhere(store: Store) -> None:
    holder = judging(store)
    rows = {"held": [{"office365_id": "id-000001"}], "warnings": [WARNING], "excluded": [{"rule": "guests"}]}
    store.plan.add_rows("r1", holder=holder, rows=rows)
    counts = store.plan.counts("r1")
    assert (counts["held"], counts["warnings"], counts["excluded"]) == (1, 1, 1)
    assert store.plan.seal("r1", holder=holder)
    store.runs.close("r1", head={}, watermark=None)
    assert list(store.reports.rows("r1", "held")) == [{"office365_id": "id-000001"}]


def test_plan_that_is_not_sealed_can_be_taken_out_again(store: Store) -> None:
    holder = judging(store)
    store.plan.add("r1", holder=holder, planned=plans(5), outcomes=[])
    taken = store.plan.take("r1", holder=holder, most=3)
    assert taken == plans(3)
    assert store.plan.waiting("r1") == 2
    store.plan.add("r1", holder=holder, planned=taken[:1], outcomes=[])
    assert store.plan.waiting("r1") == 3
    assert [one.user.id for one in store.plan.take("r1", holder=holder, most=9)] == [
        plan.user.id for plan in [*plans(5)[3:], *plans(1)]
    ]
    assert store.plan.take("r1", holder=holder, most=9) == []


def test_plan_of_another_holder_or_one_that_is_sealed_is_not_taken(store: Store) -> None:
    holder = judging(store)
    store.plan.add("r1", holder=holder, planned=plans(2), outcomes=[])
    with pytest.raises(LookupError):
        store.plan.take("r1", holder=store.presence.new_holder(), most=2)
    store.plan.seal("r1", holder=holder)
    with pytest.raises(LookupError):
        store.plan.take("r1", holder=holder, most=2)
    assert store.plan.waiting("r1") == 2


def test_another_live_judge_keeps_the_plan(opened: Callable[..., Store]) -> None:
    ours, theirs = opened(), opened()
    holder = judging(theirs)
    second = ours.presence.new_holder()
    assert not ours.plan.reset("r1", holder=second)
    theirs.plan.release("r1", holder=holder)
    assert ours.plan.reset("r1", holder=second)
    with pytest.raises(LookupError):
        theirs.plan.add("r1", holder=holder, planned=plans(1), outcomes=[])
    with pytest.raises(LookupError):
        theirs.plan.exclude("r1", holder=holder, rows=[])
    assert not theirs.plan.seal("r1", holder=holder)


def test_seal_is_repeatable_and_ends_the_judging(store: Store) -> None:
    holder = judging(store)
    assert store.plan.seal("r1", holder=holder)
    assert store.plan.seal("r1", holder="other/1")
    run = store.runs.load_run("r1")
    assert run is not None
    assert run.state is RunState.WRITING
    assert not store.plan.reset("r1", holder=holder)
    with pytest.raises(LookupError):
        store.plan.add("r1", holder=holder, planned=plans(1), outcomes=[])


def test_user_that_is_planned_twice_waits_once(store: Store) -> None:
    holder = judging(store)
    store.plan.add("r1", holder=holder, planned=plans(2), outcomes=[])
    store.plan.add("r1", holder=holder, planned=plans(2), outcomes=[])
    store.plan.seal("r1", holder=holder)
    batch = store.plan.freeze_batch("main", lane="bulk", size=10, window=10)
    assert batch is not None
    assert [member.user_id for member in batch.members] == ["id-000000", "id-000001"]


def test_batches_are_numbered_and_their_members_placed(store: Store) -> None:
    writing(store, plans=plans(3))
    first = store.plan.freeze_batch("main", lane="bulk", size=2, window=10)
    second = store.plan.freeze_batch("main", lane="bulk", size=2, window=10)
    assert first is not None
    assert second is not None
    assert (first.batch_id, second.batch_id) == ("b0001", "b0002")
    assert [(member.index, member.name) for member in first.members] == [
        (0, "user0@contoso.example"),
        (1, "user1@contoso.example"),
    ]
    assert [member.index for member in second.members] == [0]
    assert store.plan.freeze_batch("main", lane="bulk", size=2, window=10) is None


def test_window_counts_users_of_all_runs_of_the_lane(store: Store) -> None:
    writing(store, "r1", plans=plans(10))
    writing(store, "r2", plans=plans(10), connector_id="fabrikam")
    writing(store, "r3", plans=plans(3), connector_id="fabrikam", lane="targeted")
    writing(store, "r4", plans=plans(3), connector_id="fabrikam", instance="other")
    sizes = []
    while batch := store.plan.freeze_batch("main", lane="bulk", size=3, window=8):
        sizes.append((batch.run_id, len(batch.members)))
    assert sizes == [("r1", 3), ("r2", 3), ("r1", 2)]
    assert store.plan.freeze_batch("main", lane="targeted", size=3, window=8) is not None
    assert store.plan.freeze_batch("other", lane="bulk", size=3, window=8) is not None
    assert store.recovery.hungry_lanes() == [("main", "bulk")]
    _, grant = begun(store, "id-000000", "r1")
    store.users.record(grant, "r1", failed("id-000000"))
    batch = store.plan.freeze_batch("main", lane="bulk", size=3, window=8)
    assert batch is not None
    assert (batch.run_id, len(batch.members)) == ("r2", 1)


def test_room_is_for_a_whole_batch_or_the_last_users(store: Store) -> None:
    assert not store.plan.has_room("main", lane="bulk", size=4, window=8)
    writing(store, plans=plans(6))
    assert store.plan.has_room("main", lane="bulk", size=4, window=8)
    store.plan.freeze_batch("main", lane="bulk", size=4, window=8)
    assert store.plan.has_room("main", lane="bulk", size=4, window=8)
    assert not store.plan.has_room("main", lane="bulk", size=4, window=5)
    store.plan.freeze_batch("main", lane="bulk", size=4, window=8)
    assert not store.plan.has_room("main", lane="bulk", size=4, window=8)


def test_batch_is_summarized_when_all_have_outcomes_and_the_last_one_says_so(store: Store) -> None:
    writing(store, plans=plans(3))
    for size in (2, 1):
        store.plan.freeze_batch("main", lane="bulk", size=size, window=10)
    assert store.plan.summarize_batch("r1", "b0001") == "again"
    for number in (0, 1):
        _, grant = begun(store, f"id-{number:06}")
        store.users.record(grant, "r1", failed(f"id-{number:06}"))
    assert store.plan.summarize_batch("r1", "b0001") == "done"
    assert store.plan.summarize_batch("r1", "b0001") == "done"
    _, grant = begun(store, "id-000002")
    store.users.record(grant, "r1", failed("id-000002"))
    assert store.plan.summarize_batch("r1", "b0002") == "last"
    assert store.plan.summarize_batch("r1", "b0002") == "last"
    assert store.plan.summarize_batch("r1", "b0001") == "last"


def test_empty_plan_is_complete_once_it_is_sealed(store: Store) -> None:
    holder = judging(store)
    assert not store.plan.is_complete("r1")
    store.plan.seal("r1", holder=holder)
    assert store.plan.is_complete("r1")
    assert not store.plan.is_complete("unknown")


def test_many_rows_are_sealed_on_the_way_and_read_back_in_order(store: Store) -> None:
    holder = judging(store)
    rows = [{"office365_id": f"id-{number}", "rule": "svc"} for number in range(1234)]
    for start in range(0, len(rows), 300):
        store.plan.exclude("r1", holder=holder, rows=rows[start : start + 300])
    keys = store.connection.keys.run_parts("r1")
    assert store.connection.client.llen(keys["chunks.excluded"]) == 2
    assert store.connection.client.llen(keys["rows.excluded"]) < 500
    store.plan.seal("r1", holder=holder)
    store.runs.close("r1", head={}, watermark=None)
    assert list(store.reports.rows("r1", "excluded")) == rows


def test_progress_adds_up_in_every_state(store: Store) -> None:
    assert store.reports.progress("r1") is None
    store.runs.request_run(a_run("r0"))
    assert store.reports.progress("r0") == {
        "state": "requested",
        "mode": "incremental",
        "stopping": None,
        "place": 0,
        "pages": 0,
        "waiting": 0,
        "in_flight": 0,
        "done": {},
        "total": 0,
    }
    batch = frozen(store, count=3)
    _, grant = begun(store, batch.members[0].user_id)
    store.users.record(grant, "r1", created(a_plan(0)))
    progress = store.reports.progress("r1")
    assert progress is not None
    assert (progress["waiting"], progress["in_flight"], progress["done"], progress["total"]) == (
        0,
        2,
        {"created": 1},
        3,
    )
    assert [run.run_id for run in store.reports.open_runs()] == ["r0", "r1"]
