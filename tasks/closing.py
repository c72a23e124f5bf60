"""The end of a run: its report, the delta link, the retry set and the lease, in one step of the ledger."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from adapters.records import Churn, Run, RunState, Watermark
from adapters.records.runs import CANCELLED
from tasks import codes, guarding, reading_back, reading_plan, report
from tasks.alerting.facts import fact_of
from tasks.guarding import Excess
from tasks.plans import approving
from tasks.ports import Ports
from tasks.request import SyncRequest
from tasks.requesting import BY_ITSELF, CARRIES_OUT

Json = dict[str, Any]


def close_run(ports: Ports, run: Run) -> float | None:
    """Close a run in which every user has an outcome, once a sample is read back; one that has not is fed instead."""
    if run.state is not RunState.WRITING:
        return None
    if not ports.plan.is_complete(run.run_id):
        ports.publisher.feed(run.instance)
        return None
    wait_s = reading_back.read_back(ports, run)
    if wait_s is None and (current := ports.runs.load_run(run.run_id)) is not None:
        _close(ports, current)
    return wait_s


def request_close(ports: Ports, run: Run) -> None:
    """Ask for the close as a message of its own: the callback that finished the run may die before it."""
    ports.runs.touch(run.run_id, due_in_s=ports.timing.due_s)
    ports.publisher.close_run(run.run_id)


def fail_run(ports: Ports, run: Run, *, code: str, message: str, cause: tuple[str, str] | None = None) -> None:
    """End a run by one connector-wide error: at once, or when what is in flight has ended.

    `cause` says where the trouble is and what it is, if that is more than the code says: alerts go by it."""
    if cause is not None and run.stopping is None:
        ports.runs.note(run.run_id, cause=list(cause))
    error = report.error_row(None, code=code, message=message, at=now(ports))
    ports.runs.stop(run.run_id, reason=code, error=error)
    _end(ports, run.run_id)


def cancel_run(ports: Ports, run_id: str) -> bool:
    """End a run because somebody asks for it; False if it is not open.

    Users in flight are finished, the others stand in users_unprocessed, and the delta link stays. A repeat is harmless;
    should this process die before the close, the reconciler finds the run overdue and closes it."""
    run = ports.runs.load_run(run_id)
    if run is None:
        return False
    ports.runs.stop(run_id, reason=CANCELLED, error=None)
    _end(ports, run_id)
    return True


def _end(ports: Ports, run_id: str) -> None:
    """Close a stopped run, or let the users in flight end first."""
    current = ports.runs.load_run(run_id)
    if current is None:
        return
    if current.state is not RunState.WRITING or ports.plan.is_complete(run_id):
        _close(ports, current)
    if ports.runs.load_run(run_id) is not None:
        ports.publisher.feed(current.instance)


def refuse_busy(ports: Ports, run: Run, *, running: str) -> None:
    """Close a run that may not start because another one holds its connector; the report names that one."""
    ports.runs.note(run.run_id, running=running)
    message = f"run {running} of connector {run.connector_id} is going on; follow it by `contact-sync report {running}`"
    fail_run(ports, run, code=codes.CONNECTOR_BUSY, message=message)


def now(ports: Ports) -> datetime:
    """Read the store's clock as an aware time."""
    return datetime.fromtimestamp(ports.runs.now_ms() / 1000, UTC)


def wake_next(ports: Ports, instance: str) -> None:
    """Let the run that has waited longest ask for its turn; should the message be lost, it asks by itself later."""
    waiting = ports.runs.next_in_turn(instance)
    if waiting is not None:
        ports.publisher.start_run(waiting)


def _close(ports: Ports, run: Run) -> None:
    counts = ports.plan.counts(run.run_id)
    head = report.build_head(
        run,
        counts,
        total_office365_users=int(run.notes.get("enabled_users", 0)),
        finished_at=now(ports),
        warnings=_run_warnings(ports, run),
    )
    head["held"] = run.notes.get("held") or []
    head["home"] = run.home
    if (read_back := reading_back.summary(run)) is not None:
        head["read_back"] = read_back
    if run.undoes:
        head["undoes"] = run.undoes
    carried = run.notes.get(CARRIES_OUT)
    if carried:
        head["carries_out"] = {"plan": carried["number"], "run_id": carried["run"]}
    request = SyncRequest.from_run(run.request)
    settles = not (request.is_restricted or run.undoes or carried)
    is_whole = settles and not request.is_targeted
    watermark = _next_watermark(ports, run, counts)
    fact = fact_of(run, head, at_ms=ports.runs.now_ms())
    approving.take_back(ports, run)
    _count_what_was_written(ports, run, counts)
    plan = _plan_of(ports, run)
    if plan is not None and plan["is_first"]:
        ports.kept.replace_first(run.connector_id, run.run_id)
    ports.runs.close(
        run.run_id, head=head, watermark=watermark, settles=settles, is_whole=is_whole, alert=fact, plan=plan
    )
    wake_next(ports, run.instance)


def _count_what_was_written(ports: Ports, run: Run, counts: dict[str, int]) -> None:
    """Let only what was written count among a day's changes of runs that nobody asked for.

    Else what failed would count once more when it is tried again, and be held."""
    is_counted = run.trigger in BY_ITSELF and not run.dry_run and run.notes.get("tally")
    if not is_counted or not (counts["error"] or counts["unprocessed"]):
        return
    written = Counter(kind for entry in ports.journal.entries(run.run_id) for kind in guarding.kinds_written(entry))
    ports.memory.note_changes(run.connector_id, run.run_id, written, keep_s=guarding.COUNTED_TOGETHER_S)


def _plan_of(ports: Ports, run: Run) -> Json | None:
    """Return what is known of the plan that the run's report is to keep; one that was stopped keeps none."""
    facts = run.notes.get("plan")
    if facts is None or run.stopping is not None:
        return None
    connector = ports.configuration.connector(run.connector_id, version=run.config_version)
    return {
        **facts,
        "trigger": run.trigger,
        "is_held": not run.dry_run,
        "is_first": any(each.kind == guarding.FIRST_RUN for each in _excesses(run)),
        "home": run.home,
        "config_version": run.config_version,
        "fingerprint": connector.fingerprint,
        "request": {**run.request, "dry_run": False},
    }


def _run_warnings(ports: Ports, run: Run) -> list[Json]:
    found = [reading_plan.mode_warning(run), _held_warning(run), reading_back.unread_warning(run)]
    found += [*run.notes.get("claims", []), *run.notes.get("warnings", [])]
    return [report.warning_row(warning, at=now(ports)) for warning in found if warning]


def _held_warning(run: Run) -> Json | None:
    """Say what the guard holds back, and what to do about it."""
    excesses = _excesses(run)
    if not excesses:
        return None
    message = guarding.explain_hold(excesses, run_id=run.run_id)
    return {"user_principal_name": None, "code": codes.CHANGES_HELD, "message": message}


def _excesses(run: Run) -> list[Excess]:
    return [Excess.model_validate(each) for each in run.notes.get("held") or ()]


def _next_watermark(ports: Ports, run: Run, counts: dict[str, int]) -> Watermark | None:
    """Return the delta link to save: only a real run over everybody and everything, with nobody left, moves it."""
    request = SyncRequest.from_run(run.request)
    link = run.notes.get("new_link")
    left_over = run.stopping or run.notes.get("held") or counts.get("unprocessed")
    if link is None or run.dry_run or request.is_narrowed or left_over or CARRIES_OUT in run.notes:
        return None
    connector = ports.configuration.connector(run.connector_id, version=run.config_version)
    before = ports.memory.watermark(run.connector_id)
    full_at_ms = run.started_at_ms if run.mode == "full" else (before.full_at_ms if before else 0)
    if run.notes.get("list_incomplete"):
        full_at_ms = 0  # whoever was left out is in no delta: the next run reads everybody again
    return Watermark(
        delta_link=link,
        obtained_at_ms=run.notes["link_at_ms"],
        fingerprint=connector.fingerprint,
        home=run.home,
        fresh=bool(run.notes.get("fresh")),
        full_at_ms=full_at_ms,
        users=run.notes.get("users_read") or (before.users if before else 0),
        contacts=run.notes.get("contacts_read") or (before.contacts if before else {}),
        churn=_churn(run, before),
    )


def _churn(run: Run, before: Watermark | None) -> tuple[Churn, ...]:
    """Return what is usual, with this run; the first one over the tenant is not."""
    if before is None:
        return ()
    this = guarding.churn_of(run.notes.get("tally") or {})
    return (*before.churn, this)[-guarding.RUNS_REMEMBERED :]
