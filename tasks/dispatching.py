"""Which connectors are due: asked by beat each minute. Two beats, or one that was late, are harmless."""

import structlog

from adapters.errors import TenantError
from tasks import polling, reading_plan
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.request import SyncRequest
from tasks.requesting import new_run, new_run_id
from tasks.scheduling import due_tick

RUN_DUE = "run.due"
REPORTS_PURGED = "reports.purged"
JOURNALS_PURGED = "journals.purged"
CONNECTOR_UNUSABLE = "connector.unusable"
SHORT_TRIGGERS = frozenset({"poll", "event"})  # their runs over a tenant end soon: the scheduled one waits, unrefused


def dispatch_due(ports: Ports) -> None:
    """Request a run of each connector that is due by its schedule, or by its delta link's age; publish due polls.

    Then forget some reports and journals that are older than they are kept.

    The run and the new scheduled time are written in one step, by compare-and-set: a repeat requests nothing. A message
    that gets lost afterwards is replaced by the reconciler, which finds the run in the ledger.
    """
    version = ports.configuration.current_version()
    for connector_id in ports.configuration.connectors(version=version):
        try:
            connector = ports.configuration.connector(connector_id, version=version)
        except TenantError as error:
            structlog.get_logger().error(CONNECTOR_UNUSABLE, connector_id=connector_id, reason=error.reason)
            continue
        if connector.office365_sync_enabled:
            _dispatch(ports, connector)
            _dispatch_poll(ports, connector)
    _purge(ports)


def _dispatch(ports: Ports, connector: Connector) -> None:
    now_ms = ports.runs.now_ms()
    last_ms = ports.memory.last_tick(connector.connector_id)
    if last_ms is None:
        ports.memory.see_connector(connector.connector_id, at_ms=now_ms)
        return
    tick_ms = _due_moment(ports, connector, last_ms=last_ms, now_ms=now_ms)
    if tick_ms is None or ports.events.busy_with(connector.connector_id) & SHORT_TRIGGERS:
        return
    run_id = new_run_id(connector.connector_id, at_ms=now_ms)
    run = new_run(connector, SyncRequest(), trigger="schedule", run_id=run_id, at_ms=now_ms)
    if ports.runs.request_run(run, tick=(last_ms, tick_ms)):
        structlog.get_logger().info(RUN_DUE, connector_id=connector.connector_id, run_id=run_id)
        ports.publisher.start_run(run_id)


def _dispatch_poll(ports: Ports, connector: Connector) -> None:
    """Publish a due poll; its task marks it, so that one that got lost is published again by the next round."""
    if connector.poll_every_s is None:
        return
    connector_id = connector.connector_id
    if polling.is_due(connector, last_ms=ports.events.last_poll(connector_id), now_ms=ports.runs.now_ms()):
        ports.publisher.poll_delta(connector_id)


def _purge(ports: Ports) -> None:
    """Forget some old reports and journals; the next round goes on.

    Here and not in `reconcile`: what is counted in days is soon enough once a minute, after the runs that are due, and
    every worker reconciles every few seconds, when what a crash left must not wait."""
    now_ms, timing = ports.runs.now_ms(), ports.timing
    if number := ports.reports.purge(older_than_ms=now_ms - timing.reports_days * reading_plan.DAY_MS):
        structlog.get_logger().info(REPORTS_PURGED, reports=number)
    if number := ports.journal.purge(older_than_ms=now_ms - timing.journal_days * reading_plan.DAY_MS):
        structlog.get_logger().info(JOURNALS_PURGED, journals=number)


def _due_moment(ports: Ports, connector: Connector, *, last_ms: int, now_ms: int) -> int | None:
    """Return the moment for which this connector should run; every reason to run by itself belongs here.

    A delta link that would die before the schedule's next time is renewed, at most once a day: a run that failed leaves
    it as it was. Without a schedule a connector runs only by hand."""
    if connector.schedule is None:
        return None
    tick_ms = due_tick(
        connector.schedule,
        connector.timezone,
        last_tick_ms=last_ms,
        now_ms=now_ms,
        spread_s=ports.timing.schedule_spread_s,
        connector_id=connector.connector_id,
    )
    if tick_ms is not None or now_ms - last_ms < reading_plan.DAY_MS:
        return tick_ms
    watermark = ports.memory.watermark(connector.connector_id)
    return now_ms if reading_plan.is_to_be_renewed(watermark, now_ms=now_ms) else None
