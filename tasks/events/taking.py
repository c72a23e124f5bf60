"""From changed users to a targeted run: one every few seconds per connector, each user once."""

import structlog

from adapters.errors import TenantError
from tasks.connector import Connector
from tasks.dispatching import CONNECTOR_UNUSABLE
from tasks.plans import approving
from tasks.ports import Ports
from tasks.reading_plan import DAY_MS
from tasks.request import SyncRequest
from tasks.requesting import new_run, new_run_id, request_run

USERS_HERE = "@"  # the ledger puts the users' ids in its place
MOST_USERS = 250  # of one run; more wait for the next one
MOST_RUNS = 4  # of one connector at once: one user that waits for the PSA keeps the others waiting no longer
UNUSABLE_WAIT_S = 60.0
UNAPPROVED_WAIT_S = 60.0  # until somebody approves of the first run, changed users wait
CHANGES_TAKEN = "events.taken"
CHANGES_UNWANTED = "events.unwanted"

log = structlog.get_logger()


def take_changes(ports: Ports, connector_id: str) -> None:
    """Request a run for the users whose change is due, in the step that takes them off the waiting ones.

    A repeat takes nothing twice. A user that changes while a run has it waits for the next one. What follows from a
    message that gets lost is done by the reconciler."""
    connector = _wanted(ports, connector_id)
    if connector is None:
        return
    now_ms = ports.runs.now_ms()
    request = SyncRequest(user_principal_names=(USERS_HERE,))
    run_id = new_run_id(connector_id, at_ms=now_ms)
    run = new_run(connector, request, trigger="event", run_id=run_id, at_ms=now_ms)
    taken = ports.events.take(run, most_users=MOST_USERS, most_runs=MOST_RUNS, window_s=ports.timing.event_window_s)
    if taken.users:
        log.info(CHANGES_TAKEN, connector_id=connector_id, run_id=run_id, users=taken.users)
        ports.publisher.start_run(run_id)
    if taken.again_in_s is not None:
        ports.publisher.take_changes(connector_id, wait_s=taken.again_in_s)


def _wanted(ports: Ports, connector_id: str) -> Connector | None:
    """Return the connector; the changes of one that is gone, or whose automatic sync is off, are dropped."""
    try:
        version = ports.configuration.current_version()
        connector: Connector = ports.configuration.connector(connector_id, version=version)
    except KeyError:
        _drop(ports, connector_id)
        return None
    except TenantError as error:
        structlog.get_logger().error(CONNECTOR_UNUSABLE, connector_id=connector_id, reason=error.reason)
        ports.events.postpone(connector_id, seconds=UNUSABLE_WAIT_S)
        return None
    if not connector.office365_sync_enabled:
        _drop(ports, connector_id)
        return None
    if not approving.is_approved(ports, connector):
        _ask_for_first_plan(ports, connector)
        ports.events.postpone(connector_id, seconds=UNAPPROVED_WAIT_S)
        return None
    return connector


def _ask_for_first_plan(ports: Ports, connector: Connector) -> None:
    """Ask for a run over the whole tenant, once a day, unless a plan waits: it is held, and somebody is told."""
    if not _waits_for_approval(ports, connector) and not ports.events.busy_with(connector.connector_id):
        key = f"first:{connector.connector_id}:{ports.runs.now_ms() // DAY_MS}"
        request_run(ports, connector.connector_id, SyncRequest(), trigger="event", key=key)


def _waits_for_approval(ports: Ports, connector: Connector) -> bool:
    """Tell whether a first plan is kept, and one of this pairing: after another tenant or PSA it is of no use."""
    run_id = ports.kept.first_of(connector.connector_id)
    plan = ports.kept.load(run_id) if run_id is not None else None
    return plan is not None and plan.home == connector.home


def _drop(ports: Ports, connector_id: str) -> None:
    log.info(CHANGES_UNWANTED, connector_id=connector_id)
    ports.events.forget_changes(connector_id)
