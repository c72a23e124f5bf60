"""Reports of closed runs: listed, streamed, purged."""

import pytest

from adapters.store import Store
from tests.unit.adapters.store.making import all_keys, failed, judging, reading


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


def test_purge_forgets_old_reports_and_leaves_no_key(store: Store) -> None:
    before = all_keys(store)
    for run_id in ("r1", "r2"):
        holder = judging(store, run_id, connector_id=run_id)
        store.plan.add(run_id, holder=holder, planned=[], outcomes=[failed("id-000001", retry=None)])
        store.plan.seal(run_id, holder=holder)
        store.runs.close(run_id, head={"run_id": run_id}, watermark=None)
    assert store.reports.purge(0) == 0
    assert store.reports.purge(store.runs.now_ms() + 1) == 2
    assert store.reports.heads() == []
    assert store.reports.head("r1") is None
    assert all_keys(store) - before == {"marker:r1", "marker:r2"}
    assert store.runs.is_closed("r1"), "its marker still meets late messages"
