"""Polls: a tenant's delta is asked whether anything has changed, without a public address and without opening a run.

A poll reads and decides; nothing that a run relies on moves by it: the same delta link is read again by the run."""

import structlog

from adapters.errors import ResyncError, SyncError
from adapters.records import Run, Watermark
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.reading_plan import is_usable
from tasks.request import SyncRequest
from tasks.requesting import new_run, request_run
from tasks.scheduling import spread_offset_s

POLL = "poll"
TURN_S = 120.0
MOST_EMPTY_PAGES = 50  # of one round; a round that never ends is looked at by a run
FULL_EVERY_MS = 86_400_000  # a poll without a usable delta link can only ask for a full run: no oftener than that

POLL_FAILED = "poll.failed"
POLL_FOUND = "poll.found"

log = structlog.get_logger()


def is_due(connector: Connector, *, last_ms: int | None, now_ms: int) -> bool:
    """Tell whether a moment of this connector's own grid has passed since its last poll; pure.

    The grid has one moment in each `poll_every`, at a place that follows from the connector's id: after a standstill
    all connectors are asked once, and then in their old turns again."""
    if connector.poll_every_s is None or not connector.office365_sync_enabled:
        return False
    if last_ms is None:
        return True
    every_ms = max(round(connector.poll_every_s * 1000), 1)
    offset_ms = spread_offset_s(connector.connector_id, spread_s=every_ms)
    return (now_ms - offset_ms) // every_ms > (last_ms - offset_ms) // every_ms


def poll_delta(ports: Ports, connector_id: str) -> None:
    """Ask one connector's delta, and request an incremental run if it is not empty; a repeat finds it not due.

    While a run over the whole tenant is going on, nothing is asked: that run reads the same. A tenant that cannot be
    asked is asked again at its next moment; its scheduled run says in its report what is wrong."""
    version = ports.configuration.current_version()
    try:
        connector: Connector = ports.configuration.connector(connector_id, version=version)
    except KeyError:
        return
    holder = ports.presence.new_holder()
    if not ports.events.take_turn(connector_id, POLL, holder=holder, seconds=TURN_S):
        return
    try:
        now_ms = ports.runs.now_ms()
        if not is_due(connector, last_ms=ports.events.last_poll(connector_id), now_ms=now_ms):
            return
        if not ports.events.busy_with(connector_id):
            _poll(ports, connector, now_ms=now_ms)
        ports.events.mark_poll(connector_id, at_ms=now_ms)
    finally:
        ports.events.leave_turn(connector_id, POLL, holder=holder)


def _poll(ports: Ports, connector: Connector, *, now_ms: int) -> None:
    watermark: Watermark | None = ports.memory.watermark(connector.connector_id)
    if watermark is None or not is_usable(watermark, connector, now_ms=now_ms):
        _request_full(ports, connector, now_ms=now_ms)
        return
    probe = new_run(connector, SyncRequest(), trigger=POLL, run_id="", at_ms=now_ms)
    try:
        changed = _has_changes(ports, probe, watermark.delta_link)
    except ResyncError:
        _request_full(ports, connector, now_ms=now_ms)
    except SyncError as error:
        if error.vendor == "store":
            raise
        log.warning(POLL_FAILED, connector_id=connector.connector_id, reason=str(error))
    else:
        if changed:
            # the key makes a repeat after a crash name the same run
            _request(ports, connector, key=f"poll:{connector.connector_id}:{now_ms}")


def _has_changes(ports: Ports, probe: Run, link: str) -> bool:
    """Read until the first entry, or to the end of an empty round; an empty page may have a next one."""
    directory = ports.directory(probe)
    for _ in range(MOST_EMPTY_PAGES):
        page = directory.fetch_delta(link)
        if page.entries:
            return True
        if page.next_link is None:
            return False
        link = page.next_link
    return True


def _request_full(ports: Ports, connector: Connector, *, now_ms: int) -> None:
    """Ask for the run that makes a delta link, once a day: the first poll of a connector, or a link that has died."""
    _request(ports, connector, key=f"poll:{connector.connector_id}:full:{now_ms // FULL_EVERY_MS}")


def _request(ports: Ports, connector: Connector, *, key: str) -> None:
    run = request_run(ports, connector.connector_id, SyncRequest(), trigger=POLL, key=key)
    log.info(POLL_FOUND, connector_id=connector.connector_id, run_id=run.run_id)
