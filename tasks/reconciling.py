"""Takes up what a crash left: dead workers' users at once, anything else that is past its due time."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from adapters.errors import TransientError
from adapters.records import Run, RunState
from tasks import closing, codes, fanning_out
from tasks.events import taking
from tasks.ports import Ports

T = TypeVar("T")
MOST_AT_ONCE = 500
STALE_BATCH_S = 10.0  # a chord callback takes milliseconds; one that is not there by now was lost

log = structlog.get_logger()


def reconcile(ports: Ports) -> None:
    """Publish again whatever should have moved by now; ids are fixed, so publishing too early is harmless."""
    grace_s = ports.timing.due_s
    recovery, publisher = ports.recovery, ports.publisher
    recovery.bury_workers()
    _each(recovery.overdue_users(limit=MOST_AT_ONCE, grace_s=grace_s), publisher.upsert)
    _each(recovery.overdue_runs(limit=MOST_AT_ONCE, grace_s=grace_s), lambda run: _push(ports, run))
    _each(recovery.stale_batches(older_s=STALE_BATCH_S), lambda batch: publisher.summarize_batch(*batch))
    _each({instance for instance, _ in recovery.hungry_lanes()}, publisher.feed)
    overdue = ports.events.overdue(limit=MOST_AT_ONCE, grace_s=ports.timing.event_window_s)
    _each(overdue, lambda connector_id: taking.take_changes(ports, connector_id))


def _each(items: Iterable[T], do: Callable[[T], None]) -> None:
    """Do it for each; what is wrong with one keeps nobody from the others."""
    for item in items:
        try:
            do(item)
        except TransientError:  # store or broker: the others would fail alike, the next round is near
            raise
        except Exception:
            log.exception("reconcile.failed", item=getattr(item, "run_id", item))


def _push(ports: Ports, run: Run) -> None:
    """Publish the step that an open run stands at."""
    if run.state is RunState.REQUESTED:
        ports.publisher.start_run(run.run_id)
    elif run.state is RunState.READING:
        _push_reading(ports, run)
    elif run.state is RunState.JUDGING:
        ports.publisher.judge(run.run_id)
    else:
        _push_writing(ports, run)


def _push_reading(ports: Ports, run: Run) -> None:
    if run.mode == "full" and not run.index_at_ms:
        ports.publisher.start_run(run.run_id)
        return
    fanning_out.resume(ports, run)


def _push_writing(ports: Ports, run: Run) -> None:
    if ports.plan.is_complete(run.run_id):
        ports.publisher.close_run(run.run_id)
        return
    down_s = _down_for_s(ports, run)
    if down_s > ports.timing.instance_horizon_s and run.stopping is None:
        message = (
            f"the PSA has not answered for {down_s / 60:.0f} minutes; "
            "the users left stand in users_unprocessed and are taken by the next run"
        )
        closing.fail_run(ports, run, code=codes.PSA_CONNECTION_ERROR, message=message)
    ports.publisher.feed(run.instance)


def _down_for_s(ports: Ports, run: Run) -> float:
    since_ms = ports.budgets.down_since_ms(run.instance)
    return 0.0 if since_ms is None else (ports.runs.now_ms() - since_ms) / 1000
