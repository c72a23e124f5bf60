"""The frame around every step of a run: what a failure of the outside means for the run as a whole."""

from collections.abc import Callable

import structlog

from adapters.errors import BudgetError, InstanceError, NotFoundError, SyncError, TenantError, TransientError, WireError
from adapters.records import Run
from tasks import closing, codes, holding
from tasks.ports import Ports

FIRST_WAIT_S = 2.0
OF_THE_APP = frozenset(
    {"secret_wrong", "secret_expired", "certificate_refused", "certificate_unreadable", "credentials_missing"}
)
"""Reasons of a TenantError that hit every customer of an app registration alike."""

log = structlog.get_logger()


def run_step(ports: Ports, run_id: str, step: Callable[[Ports, Run], float | None]) -> float | None:
    """Do one step of an open run; answer in how many seconds it wants to be repeated, or None.

    A passing failure asks for a repeat until the instance horizon; any other failure closes or stops the run with one
    connector-wide error. A run that is not open is left alone, so a late or doubled message does nothing."""
    run = ports.runs.load_run(run_id)
    if run is None:
        return None
    wait_s: float | None = None
    try:
        wait_s = step(ports, run)
    except holding.TakenOverError:
        wait_s = holding.BUSY_WAIT_S
    except TransientError as error:
        if error.vendor == "store":
            raise
        wait_s = _outwait(ports, run, error)
    except SyncError as error:
        fail_run(ports, run, error)
    except Exception:
        log.exception("step.failed")
        message = "an error in contact-sync itself ended this run; the worker's log has it, please report it"
        closing.fail_run(ports, run, code=codes.INTERNAL_ERROR, message=message)
    else:
        if run.notes.get("failing_since_ms"):
            ports.runs.note(run_id, failing_since_ms=0)
    return wait_s


def _outwait(ports: Ports, run: Run, error: TransientError) -> float | None:
    """Come back until the instance horizon; a budget that is spent is no failure."""
    if isinstance(error, BudgetError):
        return _come_back(ports, run, error)
    now_ms = ports.runs.now_ms()
    failing_since_ms = int(run.notes.get("failing_since_ms") or now_ms)
    if now_ms - failing_since_ms > ports.timing.instance_horizon_s * 1000:
        fail_run(ports, run, error)
        return None
    if not run.notes.get("failing_since_ms"):
        ports.runs.note(run.run_id, failing_since_ms=now_ms)
    if error.vendor == "graph":  # its tenant keeps it waiting: whoever waits for the PSA need not
        ports.runs.leave_turn(run.run_id, run.instance)
        closing.wake_next(ports, run.instance)
    return _come_back(ports, run, error, failing_for_s=(now_ms - failing_since_ms) / 1000)


def _come_back(ports: Ports, run: Run, error: TransientError, *, failing_for_s: float = 0.0) -> float:
    wait_s = error.retry_after_s if error.retry_after_s is not None else FIRST_WAIT_S + failing_for_s / 4
    wait_s = min(max(wait_s, 0.1), ports.timing.longest_countdown_s)
    ports.runs.touch(run.run_id, due_in_s=wait_s + ports.timing.due_s)
    return wait_s


def fail_run(ports: Ports, run: Run, error: SyncError) -> None:
    """End a run by what the outside did to it."""
    closing.fail_run(ports, run, code=code_of(error), message=message_of(error), cause=_cause(ports, run, error))


def _cause(ports: Ports, run: Run, error: SyncError) -> tuple[str, str] | None:
    """Say whose trouble an error is: everybody's who shares the PSA's key, or the app registration, or one tenant's."""
    if isinstance(error, InstanceError | WireError):
        return (run.instance if error.vendor != "graph" else run.connector_id), f"{error.vendor} {error.reason}"
    if not isinstance(error, TenantError):
        return None
    place = run.connector_id
    if error.reason in OF_THE_APP and run.config_version:
        connector = ports.configuration.connector(run.connector_id, version=run.config_version)
        place = f"graph_app {connector.graph_app}"
    return place, f"{error.vendor} {error.reason}"


def code_of(error: SyncError) -> str:
    """Name the specified code for a failure that concerns the whole connector."""
    if isinstance(error, TenantError | InstanceError) and not error.reason.startswith("address"):
        return codes.PERMISSION_DENIED
    if isinstance(error, NotFoundError):
        return codes.MISSING_COMPANY_ID
    if isinstance(error, WireError):
        return codes.UNEXPECTED_ANSWER
    if error.vendor == "graph":
        return codes.GRAPH_CONNECTION_ERROR
    return codes.PSA_CONNECTION_ERROR


def message_of(error: SyncError) -> str:
    """Say what failed, and what to do about it."""
    advice = {
        TenantError: "check the app registration, its secret and the admin consent of this tenant",
        InstanceError: "check the PSA key, its rights and the address",
        TransientError: "nothing needs to be done if the vendor is back; the next run takes it up",
    }
    hint = next((text for kind, text in advice.items() if isinstance(error, kind)), "see the worker's log")
    missing = (
        f" (missing permission: {error.permission})" if isinstance(error, TenantError) and error.permission else ""
    )
    return f"{error}{missing}; {hint}"
