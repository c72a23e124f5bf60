"""Reports of closed runs: listed, streamed, purged."""

from typing import Any

import pytest

from adapters.store import Store, reports
from tests.unit.adapters.store.making import HOME, all_keys, failed, judging, reading

DAY_MS = 86_400_000


def test_last_reports_come_first_and_by_connector(store: Store) -> None:
    for run_id, connector in (("r1", "contoso"), ("r2", "fabrikam"), ("r3", "contoso")):
        reading(store, run_id, connector_id=connector)
        store.runs.close(run_id, head={"run_id": run_id}, watermark=None)
    assert [head["run_id"] for head in store.reports.heads()] == ["r3", "r2", "r1"]
    assert [head["run_id"] for head in store.reports.heads(1)] == ["r3"]
    assert [head["run_id"] for head in store.reports.heads(connector_id="contoso")] == ["r3", "r1"]
    assert store.reports.heads(connector_id="nobody") == []


def test_unknown_report_and_kind(store: Store) -> None:
    assert store.reports.head("r1") is None
    assert list(store.reports.rows("r1", "errors")) == []
    with pytest.raises(ValueError, match="kind"):
        store.reports.rows("r1", "misspelt")


def test_rows_stream_from_sealed_chunks_in_order(store: Store) -> None:
    holder = judging(store)
    outcomes = [failed(f"id-{number:06}") for number in range(1307)]
    for start in range(0, len(outcomes), 400):
        store.plan.add("r1", holder=holder, planned=[], outcomes=outcomes[start : start + 400])
    store.plan.seal("r1", holder=holder)
    store.runs.stop("r1", reason="held", error={"code": "GuardHeld"})
    store.runs.close("r1", head={}, watermark=None)
    rows = list(store.reports.rows("r1", "errors"))
    assert len(rows) == 1308
    own = [row["office365_id"] for row in rows if row["code"] != "GuardHeld"]
    assert own == [outcome.user_id for outcome in outcomes]
    assert not store.connection.client.llen(store.connection.keys.run_parts("r1")["rows.errors"])


def closed(store: Store, run_id: str, *, days_ago: int = 0, connector_id: str = "contoso") -> None:
    """Close a run with rows of every shape; `days_ago` puts its end into the past."""
    holder = judging(store, run_id, connector_id=connector_id)
    outcomes = [failed(f"id-{number:06}", retry=None) for number in range(600)]
    store.plan.add(run_id, holder=holder, planned=[], outcomes=outcomes)
    store.plan.seal(run_id, holder=holder)
    store.runs.close(run_id, head={"run_id": run_id}, watermark=None)
    keys, ended_ms = store.connection.keys, store.runs.now_ms() - days_ago * DAY_MS
    for listing in (keys.closed, keys.closed_of(connector_id)):
        store.connection.client.zadd(listing, {run_id: ended_ms}, xx=True)


def test_reports_are_listed_that_are_wanted_and_closed_since(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "HEADS_AT_ONCE", 3)
    for days_ago in range(1, 8):
        closed(store, f"r{days_ago}", days_ago=days_ago)

    def is_odd(head: dict[str, str]) -> bool:
        return int(head["run_id"][1:]) % 2 == 1

    def listed(limit: int, **which: Any) -> list[str]:
        return [head["run_id"] for head in store.reports.heads(limit, **which)]

    since_ms = store.runs.now_ms() - 5 * DAY_MS - DAY_MS // 2
    assert listed(2, wanted=is_odd) == ["r1", "r3"]
    assert listed(9, wanted=is_odd) == ["r1", "r3", "r5", "r7"]
    assert listed(7) == [f"r{days_ago}" for days_ago in range(1, 8)]
    assert listed(2, since_ms=since_ms) == ["r1", "r2"]
    assert listed(9, since_ms=since_ms, connector_id="contoso", wanted=is_odd) == ["r1", "r3", "r5"]


def test_purge_forgets_old_reports_and_leaves_no_key(store: Store) -> None:
    before = all_keys(store)
    for run_id in ("r1", "r2"):
        closed(store, run_id, connector_id=run_id)
    assert store.reports.purge(older_than_ms=0) == 0
    assert store.reports.purge(older_than_ms=store.runs.now_ms() + 1) == 2
    assert store.reports.heads() == []
    assert store.reports.head("r1") is None
    assert all_keys(store) - before == {"marker:r1", "marker:r2", f"history:{HOME}", "totals", "endings"}
    assert store.runs.is_closed("r1"), "its marker still meets late messages"


def test_purge_leaves_younger_reports_whole(store: Store) -> None:
    closed(store, "young", days_ago=29)
    kept = all_keys(store)
    closed(store, "old", days_ago=31)
    assert store.reports.purge(older_than_ms=store.runs.now_ms() - 30 * DAY_MS) == 1
    assert all_keys(store) - kept == {"marker:old"}
    assert kept <= all_keys(store)
    for connector_id in (None, "contoso"):
        assert [head["run_id"] for head in store.reports.heads(connector_id=connector_id)] == ["young"]
    assert len(list(store.reports.rows("young", "errors"))) == 600
    assert list(store.reports.rows("old", "errors")) == []


def test_purge_takes_so_many_at_once_the_oldest_first_and_a_repeat_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PURGE_AT_ONCE", 2)
    for days_ago in (3, 1, 5, 2, 4):
        closed(store, f"r{days_ago}", days_ago=days_ago)
    left = []
    for purged in (2, 2, 1, 0):
        assert store.reports.purge(older_than_ms=store.runs.now_ms()) == purged
        left.append([head["run_id"] for head in store.reports.heads()])
    assert left == [["r1", "r2", "r3"], ["r1"], [], []]


def test_two_who_purge_at_once_forget_each_report_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(store, "r1", days_ago=2)
    pipeline, others = store.connection.pipeline, []

    def interrupted() -> object:
        monkeypatch.setattr(store.connection, "pipeline", pipeline)
        others.append(store.reports.purge(older_than_ms=store.runs.now_ms()))
        return pipeline()

    monkeypatch.setattr(store.connection, "pipeline", interrupted)  # between the look and the first step
    assert store.reports.purge(older_than_ms=store.runs.now_ms()) == 0
    assert others == [1]
    assert all_keys(store).isdisjoint({"closed", "closed:contoso", "report:r1"})
