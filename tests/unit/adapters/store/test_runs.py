"""Runs from request to close."""

from collections.abc import Callable

import pytest

from adapters.records import Run, RunState, Watermark
from adapters.store import Store
from tests.unit.adapters.store.making import (
    HOME,
    a_plan,
    a_run,
    all_keys,
    begun,
    created,
    failed,
    frozen,
    judging,
    reading,
    writing,
)

WATERMARK = Watermark(delta_link="https://graph.example/delta?1", obtained_at_ms=5, fingerprint="f", full_at_ms=7)


def test_request_is_written_once_and_read_back_whole(store: Store) -> None:
    run = a_run(notes={"why": ["a", {"b": 1}]}, dry_run=True, lane="targeted", requested_at_ms=123)
    assert store.runs.request_run(run)
    assert not store.runs.request_run(a_run(trigger="api"))
    assert store.runs.load_run("r1") == run


def test_request_without_a_time_gets_the_stores_time(store: Store) -> None:
    store.runs.request_run(a_run())
    run = store.runs.load_run("r1")
    assert run is not None
    assert abs(run.requested_at_ms - store.runs.now_ms()) < 5000


def test_tick_is_taken_by_one_request_only(store: Store) -> None:
    store.memory.see_connector("contoso", at_ms=100)
    assert store.runs.request_run(a_run("r1"), tick=(100, 200))
    assert not store.runs.request_run(a_run("r2"), tick=(100, 200))
    assert store.runs.load_run("r2") is None
    assert store.memory.last_tick("contoso") == 200


def test_request_of_a_known_run_leaves_the_tick(store: Store) -> None:
    store.memory.see_connector("contoso", at_ms=100)
    store.runs.request_run(a_run("r1"))
    assert not store.runs.request_run(a_run("r1"), tick=(100, 200))
    assert store.memory.last_tick("contoso") == 100


def test_idempotency_key_answers_the_first_run_even_after_it_closed(store: Store) -> None:
    assert store.runs.request_once(a_run("r1"), key="k", keep_s=60) == "r1"
    assert store.runs.request_once(a_run("r2"), key="k", keep_s=60) == "r1"
    assert store.runs.load_run("r2") is None
    store.runs.close("r1", head={}, watermark=None)
    assert store.runs.request_once(a_run("r3"), key="k", keep_s=60) == "r1"
    assert store.runs.load_run("r1") is None


def test_exclusive_run_holds_the_connector_until_it_closes(store: Store) -> None:
    for run_id in ("r1", "r2"):
        store.runs.request_run(a_run(run_id))
    first = store.runs.begin_reading("r1", mode="full", config_version=3, exclusive=True, home=HOME)
    assert isinstance(first, Run)
    assert (first.state, first.mode, first.config_version, first.home) == (RunState.READING, "full", 3, HOME)
    assert store.runs.begin_reading("r2", mode="full", config_version=3, exclusive=True) == "r1"
    waiting = store.runs.load_run("r2")
    assert waiting is not None
    assert waiting.state is RunState.REQUESTED
    assert store.runs.close("r1", head={}, watermark=None)
    second = store.runs.begin_reading("r2", mode="incremental", config_version=4, exclusive=True)
    assert isinstance(second, Run)


def test_begin_reading_again_changes_nothing(store: Store) -> None:
    begun_run = reading(store)
    again = store.runs.begin_reading("r1", mode="incremental", config_version=9, exclusive=True, home="other@x")
    assert again == begun_run


def test_begin_reading_of_an_unknown_or_closed_run_is_none(store: Store) -> None:
    assert store.runs.begin_reading("r1", mode="full", config_version=1, exclusive=True) is None
    reading(store, "r2")
    store.runs.close("r2", head={}, watermark=None)
    assert store.runs.begin_reading("r2", mode="full", config_version=1, exclusive=True) is None


def test_other_connectors_and_targeted_runs_do_not_wait_for_the_lease(store: Store) -> None:
    for run_id, connector in (("r1", "contoso"), ("r2", "fabrikam"), ("r3", "contoso")):
        store.runs.request_run(a_run(run_id, connector_id=connector))
    for run_id, exclusive in (("r1", True), ("r2", True), ("r3", False)):
        assert isinstance(store.runs.begin_reading(run_id, mode="full", config_version=1, exclusive=exclusive), Run)


def test_notes_are_merged(store: Store) -> None:
    reading(store)
    store.runs.note("r1", link="a", prepared=True)
    store.runs.note("r1", link="b", counts={"x": 1})
    run = store.runs.load_run("r1")
    assert run is not None
    assert run.notes == {"link": "b", "prepared": True, "counts": {"x": 1}}


def test_nothing_recreates_a_closed_run(store: Store) -> None:
    holder = judging(store)
    store.runs.close("r1", head={}, watermark=None)
    before = all_keys(store)
    store.runs.note("r1", late=True)
    store.runs.touch("r1", due_in_s=5)
    store.runs.stop("r1", reason="late", error={"code": "X"})
    assert not store.runs.request_run(a_run("r1"))
    assert not store.reading.save_page("r1", generation=0, page=0, entries=[], read_at_ms=1, next_step=None)
    assert store.reading.restart("r1", generation=0) is None
    assert not store.reading.begin_judging("r1")
    assert not store.index.reset("r1", holder=holder)
    with pytest.raises(LookupError):
        store.index.add("r1", [], [], holder=holder)
    assert not store.plan.reset("r1", holder=holder)
    with pytest.raises(LookupError):
        store.plan.add("r1", holder=holder, planned=[a_plan(1)], outcomes=[])
    assert not store.plan.seal("r1", holder=holder)
    assert store.plan.summarize_batch("r1", "b0001") is None
    assert store.users.begin("r1", "id-000001", holder=holder) is None
    assert not store.runs.close("r1", head={}, watermark=None)
    assert all_keys(store) == before
    assert store.runs.is_closed("r1")
    assert not store.runs.is_closed("r2")


def test_close_leaves_the_report_and_nothing_else_of_the_run(store: Store) -> None:
    before = all_keys(store)
    batch = frozen(store, count=3)
    store.index.reset("r1", holder=store.presence.new_holder())
    for member, status in zip(batch.members, ("created", "error", "created"), strict=True):
        planned, grant = begun(store, member.user_id)
        store.users.claim(grant, instance="main", company_id="250", addresses=planned.addresses, contact_id="c9")
        store.users.record(grant, "r1", created(planned) if status == "created" else failed(member.user_id))
    assert store.runs.close("r1", head={"run_id": "r1", "success": False}, watermark=WATERMARK)
    assert all_keys(store) - before == {
        "fence",
        "lane:main:bulk",
        "closed",
        "closed:contoso",
        "marker:r1",
        "report:r1",
        "report:r1:rows:created",
        "report:r1:rows:errors",
        "watermarks",
        "unfinished:contoso",
        f"links:{HOME}",
        f"history:{HOME}",
        "totals",
        "endings",
        "owners:main",
    }
    assert store.reports.head("r1") == {"run_id": "r1", "success": False}
    assert len(list(store.reports.rows("r1", "created"))) == 2
    assert store.memory.watermark("contoso") == WATERMARK


def test_close_is_refused_while_a_user_has_no_outcome(store: Store) -> None:
    batch = frozen(store, count=2)
    _, grant = begun(store, batch.members[0].user_id)
    store.users.record(grant, "r1", failed(batch.members[0].user_id))
    assert not store.runs.close("r1", head={}, watermark=WATERMARK)
    assert store.memory.watermark("contoso") is None
    _, grant = begun(store, batch.members[1].user_id)
    store.users.record(grant, "r1", failed(batch.members[1].user_id))
    assert store.runs.close("r1", head={}, watermark=WATERMARK)


def test_close_is_refused_while_the_spool_holds_users(store: Store) -> None:
    writing(store, plans=[a_plan(1)])
    assert not store.runs.close("r1", head={}, watermark=None)


def test_watermark_is_kept_or_forgotten_as_asked(store: Store) -> None:
    for run_id, watermark, forget in (("r1", WATERMARK, False), ("r2", None, False), ("r3", None, True)):
        reading(store, run_id)
        store.runs.close(run_id, head={}, watermark=watermark, forget_watermark=forget)
        expected = None if forget else WATERMARK
        assert store.memory.watermark("contoso") == expected


def test_dry_run_keeps_watermark_and_retry_set(store: Store) -> None:
    reading(store, "r1")
    store.runs.close("r1", head={}, watermark=WATERMARK)
    holder = judging(store, "r2", dry_run=True)
    store.plan.add("r2", holder=holder, planned=[], outcomes=[failed("id-000001")])
    assert store.plan.seal("r2", holder=holder)
    assert store.runs.close("r2", head={}, watermark=None, forget_watermark=True)
    assert store.memory.watermark("contoso") == WATERMARK
    assert store.memory.unfinished("contoso") == {}
    assert [row["code"] for row in store.reports.rows("r2", "errors")] == ["ContactCreationFailed"]


def test_stop_turns_the_spool_into_unprocessed_and_the_first_reason_stands(store: Store) -> None:
    writing(store, plans=[a_plan(number) for number in range(5000)])
    batch = store.plan.freeze_batch("main", lane="bulk", size=2, window=10)
    assert batch is not None
    store.runs.stop("r1", reason="cancelled", error={"code": "Cancelled"})
    store.runs.stop("r1", reason="other", error={"code": "Other"})
    run = store.runs.load_run("r1")
    assert run is not None
    assert run.stopping == "cancelled"
    assert store.plan.counts("r1")["unprocessed"] == 4998
    assert store.recovery.hungry_lanes() == []
    assert not store.plan.is_complete("r1")
    for member in batch.members:
        assert store.users.begin("r1", member.user_id, holder=store.presence.new_holder()) is None
    assert store.plan.is_complete("r1")
    assert store.runs.close("r1", head={}, watermark=None)
    left = [row["office365_id"] for row in store.reports.rows("r1", "unprocessed")]
    assert len(left) == len(set(left)) == 5000
    assert [row["code"] for row in store.reports.rows("r1", "errors")] == ["Cancelled"]


def test_stop_that_died_halfway_is_finished_when_the_turn_comes(store: Store) -> None:
    writing(store, plans=[a_plan(number) for number in range(10)])
    parts = store.connection.keys.run_parts("r1")
    store.connection.call("run_stop", keys=parts, args={"reason": "cancelled", "error_row": ""})
    assert store.plan.freeze_batch("main", lane="bulk", size=5, window=10) is None
    assert store.plan.is_complete("r1")
    assert store.plan.counts("r1")["unprocessed"] == 10


def test_retry_set_and_refused_are_merged_from_outcomes(store: Store) -> None:
    def run_with(run_id: str, outcomes: dict[int, str]) -> None:
        holder = judging(store, run_id)
        results = []
        for number, what in outcomes.items():
            user_id = f"id-{number:06}"
            results.append(
                created(a_plan(number), status="skipped", row={}, link=None)
                if what == "skipped"
                else failed(user_id, retry=what)
            )
        store.plan.add(run_id, holder=holder, planned=[], outcomes=results)
        assert store.plan.seal(run_id, holder=holder)
        assert store.runs.close(run_id, head={}, watermark=None)

    run_with("r1", {1: "retry", 2: "refused", 3: "retry"})
    first = store.memory.unfinished("contoso")
    assert {user: entry["kind"] for user, entry in first.items()} == {
        "id-000001": "retry",
        "id-000002": "refused",
        "id-000003": "retry",
    }
    assert first["id-000002"]["row"]["code"] == "ContactCreationFailed"
    run_with("r2", {1: "retry", 2: "skipped", 3: "refused", 4: "skipped"})
    second = store.memory.unfinished("contoso")
    assert {user: entry["kind"] for user, entry in second.items()} == {"id-000001": "retry", "id-000003": "refused"}
    assert second["id-000001"]["since_ms"] == first["id-000001"]["since_ms"]


def test_user_that_went_out_of_scope_leaves_the_retry_set(store: Store) -> None:
    for run_id in ("r1", "r2"):
        holder = judging(store, run_id)
        if run_id == "r1":
            store.plan.add(run_id, holder=holder, planned=[], outcomes=[failed("id-000001"), failed("id-000002")])
        else:
            store.plan.exclude(run_id, holder=holder, rows=[{"office365_id": "id-000001", "rule": "guests"}])
        store.plan.seal(run_id, holder=holder)
        assert store.runs.close(run_id, head={}, watermark=None)
    assert set(store.memory.unfinished("contoso")) == {"id-000002"}
    assert list(store.reports.rows("r2", "excluded")) == [{"office365_id": "id-000001", "rule": "guests"}]


def test_alert_of_a_close_is_taken_once_at_a_time_until_it_is_dropped(store: Store) -> None:
    reading(store)
    store.runs.close("r1", head={}, watermark=None, alert={"run_id": "r1", "kind": "failed"})
    assert store.outbox.take(limit=5, grace_s=0.0) == [{"run_id": "r1", "kind": "failed"}]
    (alert,) = store.outbox.take(limit=5, grace_s=60)
    assert store.outbox.take(limit=5, grace_s=60) == []
    store.outbox.drop(alert)
    assert store.outbox.take(limit=5, grace_s=0) == []


def test_names_with_colons_do_not_reach_into_other_keys(opened: Callable[..., Store]) -> None:
    keys = opened().connection.keys
    assert keys.turns("a:b", "c") != keys.turns("a", "b:c")
    assert keys.user_lease("a:b", "c") != keys.user_lease("a", "b:c")
    assert keys.links("a%3Ab") != keys.links("a:b")


def begin(store: Store, run_id: str, *, most: int = 2, exclusive: bool = True) -> Run | str | int | None:
    return store.runs.begin_reading(run_id, mode="full", config_version=1, exclusive=exclusive, most=most)


def requested(store: Store, *run_ids: str) -> None:
    for at_ms, run_id in enumerate(run_ids, start=1):
        assert store.runs.request_run(a_run(run_id, connector_id=f"of-{run_id}", requested_at_ms=at_ms))


def test_more_runs_of_an_instance_than_may_go_on_wait_in_the_order_of_their_requests(store: Store) -> None:
    requested(store, "r1", "r2", "r3", "r4")
    assert isinstance(begin(store, "r4"), Run)  # nobody else has asked yet
    assert isinstance(begin(store, "r1"), Run)
    assert [begin(store, "r3"), begin(store, "r2")] == [1, 1]
    assert [begin(store, "r3"), begin(store, "r2")] == [2, 1]
    waiting = store.runs.load_run("r3")
    assert waiting is not None
    assert (waiting.state, waiting.notes["place"]) == (RunState.REQUESTED, 2)
    assert store.runs.next_in_turn("main") == "r2"
    store.runs.close("r1", head={}, watermark=None)
    assert begin(store, "r3") == 1  # the place that is free is the other's, who has waited longer
    assert isinstance(begin(store, "r2"), Run)
    assert begin(store, "r3") == 1
    store.runs.close("r4", head={}, watermark=None)
    assert isinstance(begin(store, "r3"), Run)
    assert store.runs.next_in_turn("main") is None


def test_run_that_was_cancelled_while_it_waited_holds_up_nobody(store: Store) -> None:
    requested(store, "r1", "r2", "r3")
    assert isinstance(begin(store, "r1", most=1), Run)
    assert [begin(store, "r2", most=1), begin(store, "r3", most=1)] == [1, 2]
    store.runs.close("r2", head={}, watermark=None)
    store.runs.close("r1", head={}, watermark=None)
    assert isinstance(begin(store, "r3", most=1), Run)


def test_targeted_runs_and_other_instances_wait_for_nobody(store: Store) -> None:
    requested(store, "r1", "r2")
    store.runs.request_run(a_run("r3", connector_id="elsewhere", instance="second"))
    assert isinstance(begin(store, "r1", most=1), Run)
    assert isinstance(begin(store, "r2", most=1, exclusive=False), Run)
    assert isinstance(begin(store, "r3", most=1), Run)


def test_run_that_has_begun_keeps_its_place_when_its_start_comes_twice(store: Store) -> None:
    requested(store, "r1", "r2")
    begun = begin(store, "r1", most=1)
    assert begin(store, "r1", most=1) == begun
    assert begin(store, "r2", most=1) == 1
