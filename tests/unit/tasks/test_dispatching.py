"""What beat asks each minute: who is due, once, whatever happened in between."""

import io
from dataclasses import replace

import pytest

from adapters.errors import TenantError
from adapters.records import Watermark
from tasks.connector import Connector
from tasks.dispatching import dispatch_due
from tasks.ports import Timing
from tasks.scheduling import spread_offset_s
from tests.fakes.engine import Engine
from tests.fakes.ledger import FakeLedger
from tests.unit.tasks.makers import make_connector
from worker.reporting import write_run_report

MINUTE_MS, DAY_MS = 60_000, 86_400_000
MIDNIGHT_MS = 1_795_478_400_000  # 2026-11-24T00:00:00Z
TWO_MS = MIDNIGHT_MS + 120 * MINUTE_MS


def nightly(connector_id: str = "contoso", **settings: object) -> Connector:
    return make_connector(connector_id=connector_id, schedule="0 2 * * *", **settings)


def requested(ledger: FakeLedger) -> list[str]:
    return [run.connector_id for run in ledger.runs.values()]


def test_connector_runs_once_when_its_time_has_come() -> None:
    ledger = FakeLedger(nightly(), now_ms=MIDNIGHT_MS)
    for minute in range(24 * 60):
        ledger.now = MIDNIGHT_MS + minute * MINUTE_MS
        dispatch_due(ledger.ports)
    (run,) = ledger.runs.values()
    assert (run.requested_at_ms, run.trigger, run.lane) == (TWO_MS, "schedule", "bulk")
    assert run.request["sync_mode"] == "incremental"
    assert ledger.log == [f"requested {run.run_id}", f"published {run.run_id}"]


def test_new_connector_is_not_missed_but_counts_from_first_sight() -> None:
    ledger = FakeLedger(nightly(), now_ms=TWO_MS + MINUTE_MS)
    dispatch_due(ledger.ports)
    dispatch_due(ledger.ports)
    assert requested(ledger) == []
    ledger.now = TWO_MS + DAY_MS
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"]


def test_times_that_an_outage_missed_are_caught_up_by_one_run() -> None:
    ledger = FakeLedger(nightly(), now_ms=MIDNIGHT_MS)
    dispatch_due(ledger.ports)
    ledger.now = MIDNIGHT_MS + 5 * DAY_MS
    dispatch_due(ledger.ports)
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"]
    assert ledger.ticks == {"contoso": TWO_MS + 4 * DAY_MS}


def test_link_that_would_die_before_the_schedule_is_renewed_once_a_day() -> None:
    ledger = FakeLedger(make_connector(connector_id="contoso", schedule="0 2 1 * *"), now_ms=MIDNIGHT_MS)
    dispatch_due(ledger.ports)
    ledger.watermarks["contoso"] = Watermark(delta_link="…", obtained_at_ms=MIDNIGHT_MS, fingerprint="f1")
    for minute in range(0, 6 * 24 * 60, 10):
        ledger.now = MIDNIGHT_MS + minute * MINUTE_MS
        dispatch_due(ledger.ports)
    assert requested(ledger) == []
    ledger.now = MIDNIGHT_MS + 6 * DAY_MS
    for _ in range(2):
        dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"]
    ledger.now += DAY_MS  # that run failed, and left the link as it was
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"] * 2
    ledger.watermarks["contoso"] = Watermark(delta_link="…", obtained_at_ms=ledger.now, fingerprint="f1")
    ledger.now = TWO_MS + 7 * DAY_MS  # 2026-12-01, the day of the schedule
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"] * 3


def test_connector_that_runs_only_by_hand_or_not_at_all_is_not_run_for_its_link() -> None:
    ledger = FakeLedger(make_connector(), nightly("fabrikam", office365_sync_enabled=False), now_ms=MIDNIGHT_MS)
    dispatch_due(ledger.ports)
    for connector_id in ledger.known:
        ledger.watermarks[connector_id] = Watermark(delta_link="…", obtained_at_ms=MIDNIGHT_MS, fingerprint="f1")
    ledger.now = MIDNIGHT_MS + 20 * DAY_MS
    dispatch_due(ledger.ports)
    assert requested(ledger) == []


def test_second_beat_at_the_same_moment_requests_nothing() -> None:
    ledger = FakeLedger(nightly(), now_ms=MIDNIGHT_MS)
    dispatch_due(ledger.ports)
    ledger.now = TWO_MS

    def other_beat() -> None:
        ledger.before_request = lambda: None
        dispatch_due(ledger.ports)

    ledger.before_request = other_beat  # the other one comes in between reading the tick and writing the run
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"]
    assert len(ledger.log) == 2


def test_disabled_and_unscheduled_connectors_do_not_run_by_themselves() -> None:
    ledger = FakeLedger(nightly("off", office365_sync_enabled=False), make_connector(), now_ms=MIDNIGHT_MS)
    for day in range(3):
        ledger.now = TWO_MS + day * DAY_MS
        dispatch_due(ledger.ports)
    assert ledger.runs == {}


def test_connector_that_was_switched_on_again_counts_from_then() -> None:
    ledger = FakeLedger(nightly(office365_sync_enabled=False), now_ms=MIDNIGHT_MS)
    dispatch_due(ledger.ports)
    ledger.known["contoso"] = nightly()
    ledger.now = TWO_MS + MINUTE_MS
    dispatch_due(ledger.ports)
    assert ledger.runs == {}


def test_each_connector_is_judged_by_its_own_zone() -> None:
    ledger = FakeLedger(
        nightly("berlin", timezone="Europe/Berlin"), nightly("kolkata", timezone="Asia/Kolkata"), now_ms=MIDNIGHT_MS
    )
    dispatch_due(ledger.ports)
    ledger.now = MIDNIGHT_MS + 60 * MINUTE_MS
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["berlin"]
    ledger.now = MIDNIGHT_MS + (20 * 60 + 30) * MINUTE_MS
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["berlin", "kolkata"]


def test_connector_that_cannot_be_read_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FakeLedger(nightly("broken"), nightly("contoso"), now_ms=MIDNIGHT_MS)

    def connector(connector_id: str, *, version: int) -> Connector:
        if connector_id == "broken":
            raise TenantError("configuration_invalid", vendor="configuration")
        return ledger.known[connector_id]

    monkeypatch.setattr(ledger, "connector", connector)
    dispatch_due(ledger.ports)
    ledger.now = TWO_MS
    dispatch_due(ledger.ports)
    assert requested(ledger) == ["contoso"]


def test_spread_starts_each_connector_at_its_own_second() -> None:
    names = ["a", "b", "c", "d"]
    ledger = FakeLedger(*(nightly(name) for name in names), now_ms=MIDNIGHT_MS)
    ledger.spread(600)
    dispatch_due(ledger.ports)
    for minute in range(120, 140):
        ledger.now = MIDNIGHT_MS + minute * MINUTE_MS
        dispatch_due(ledger.ports)
    assert set(ledger.ticks.values()) == {TWO_MS}
    for run in ledger.runs.values():
        late_s = (run.requested_at_ms - TWO_MS) / 1000
        assert 0 <= late_s - spread_offset_s(run.connector_id, spread_s=600) < 60
    assert len({run.requested_at_ms for run in ledger.runs.values()}) > 1


def test_reports_and_journals_are_purged_that_are_older_than_the_configured_days() -> None:
    ledger = FakeLedger(nightly(), now_ms=MIDNIGHT_MS)
    ledger.ports = replace(ledger.ports, timing=Timing(reports_days=30, journal_days=7))
    dispatch_due(ledger.ports)
    ledger.now = TWO_MS
    dispatch_due(ledger.ports)
    days = (30, 7)  # of reports, of journals
    assert ledger.purged_before == [at_ms - each * DAY_MS for at_ms in (MIDNIGHT_MS, TWO_MS) for each in days]
    assert requested(ledger) == ["contoso"]


def test_report_is_kept_for_its_days_and_then_forgotten(engine: Engine) -> None:
    engine.with_timing(reports_days=30)
    old, young = engine.run()["run_id"], engine.run()["run_id"]
    store, keys = engine.store, engine.store.connection.keys
    for run_id, days in ((old, 31), (young, 29)):
        ended_ms = store.runs.now_ms() - days * DAY_MS
        for listing in (keys.closed, keys.closed_of("contoso")):
            assert store.connection.client.zadd(listing, {run_id: ended_ms}, xx=True, ch=True) == 1
    dispatch_due(engine.ports)
    assert store.reports.head(old) is None
    assert not write_run_report(store, old, io.StringIO())
    assert [head["run_id"] for head in store.reports.heads(connector_id="contoso")] == [young]
    assert engine.report(young)["run_id"] == young
    assert engine.run()["success"], "what runs build upon is not part of a report"
