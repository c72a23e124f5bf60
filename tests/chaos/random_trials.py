"""Random trials: a plan's faults are done to a run; then all is calm, a further run heals, and all must be exact."""

import time
from collections.abc import Callable

from adapters.errors import SyncError
from tests.chaos.disturbing import Disturber
from tests.chaos.ground import Ground
from tests.chaos.invariants import Misses, check_report, check_settled, check_writes
from tests.chaos.plans import LOSSES, VENDOR_FAULTS, Plan
from tests.chaos.scenes import SCENES
from tests.chaos.trial import Trial
from tests.integration.stack import Json, Stack

CLOSED_WITHIN_S = 15.0  # after the last fault has gone, on an idle machine
MOST_SLOWNESS = 4.0  # of a machine that is busy otherwise
IDLE_RUN_S = 1.5  # what an undisturbed run takes on two idle cores, the start of its worker included
NEXT_RUNS_S = 30.0
LOOK_S = 0.02


def disturb(ground: Ground, plan: Plan) -> Trial:
    """Carry a plan out on this ground, and check everything."""
    begun_s = time.monotonic()
    ground.begin()
    SCENES[plan.scene].prepare(ground)
    stack, misses = ground.stack, Misses()
    stack.control.post("limits", json={"latency_ms": plan.latency_ms})
    truth, since = stack.truth(), stack.last_write()
    inputs = SCENES[plan.scene].inputs(stack)
    disturber = Disturber(ground, pool=plan.pool, workers=plan.workers)
    asked_s = time.monotonic()
    for event in plan.events:
        disturber.plan(event, begun_s=asked_s)
    disturber.go_on()
    disturber.runs += _ask(stack, inputs)
    recovery_s = _wait_for_runs(disturber, misses)
    disturber.calm()
    stack.control.post("limits", json={"latency_ms": 0})
    if not misses.found:
        _judge(misses, plan, disturber, truth=truth, since=since)
    if recovery_s > CLOSED_WITHIN_S and not misses.found:
        bound_s = CLOSED_WITHIN_S * _slowness(ground)
        if recovery_s > bound_s:
            misses.add("hung", f"closed {recovery_s:.0f} s after the last fault; the bound is {bound_s:.0f} s")
    return Trial(
        name=str(plan),
        replay=f"--trials 1 --seed {plan.seed}",
        injected=dict(disturber.done),
        misses=[(kind, text) for kind, text in misses.found],
        recovery_s=round(recovery_s, 2),
        seconds=round(time.monotonic() - begun_s, 2),
    )


def _ask(stack: Stack, inputs: Json) -> list[str]:
    try:
        return [stack.request(**inputs)]
    except SyncError:  # the store is away or full: nobody was promised a run
        return []


def _wait_for_runs(disturber: Disturber, misses: Misses) -> float:
    """Wait until every fault has gone and every run is closed, or gone with what the store forgot."""
    while True:
        is_more_to_come = disturber.go_on()
        if (
            disturber.is_store_there
            and not is_more_to_come
            and all(_is_over(disturber.stack, run_id) for run_id in disturber.runs)
        ):
            return time.monotonic() - disturber.last_s
        if not is_more_to_come and time.monotonic() - disturber.last_s > CLOSED_WITHIN_S * MOST_SLOWNESS:
            states = [disturber.stack.state(run_id) for run_id in disturber.runs]
            misses.add("hung", f"not closed {CLOSED_WITHIN_S * MOST_SLOWNESS:.0f} s after the last fault: {states}")
            return CLOSED_WITHIN_S * MOST_SLOWNESS
        time.sleep(LOOK_S)


def _is_over(stack: Stack, run_id: str) -> bool:
    return _reached(lambda: stack.store.reports.head(run_id) is not None or stack.ports.runs.load_run(run_id) is None)


def _reached(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except SyncError:
        return False


def _slowness(ground: Ground) -> float:
    """Tell how many times longer than on an idle machine an undisturbed run takes at this moment."""
    ground.begin()
    begun_s = time.monotonic()
    ground.start_worker()
    ground.stack.run(sync_mode="full")
    return min(MOST_SLOWNESS, max(1.0, (time.monotonic() - begun_s) / IDLE_RUN_S))


def _judge(misses: Misses, plan: Plan, disturber: Disturber, *, truth: Json, since: int) -> None:
    stack = disturber.stack
    runs = [run_id for run_id in disturber.runs if stack.store.reports.head(run_id) is not None]
    runs.append(stack.request())
    deadline_s = time.monotonic() + NEXT_RUNS_S
    while not _is_over(stack, runs[-1]):
        if time.monotonic() > deadline_s:
            misses.add("hung", f"the healing run: {stack.state(runs[-1])}")
            return
        disturber.go_on()
        time.sleep(LOOK_S)
    reports = [stack.report(run_id) for run_id in runs]
    changed = "user changed in mid-run" in plan.faults
    check_writes(stack, misses, since=since, truth=truth, changed=changed)
    if not plan.faults & set(LOSSES):
        is_plain = len(runs) == 2 and not changed and not plan.faults & set(VENDOR_FAULTS)
        counts_all = SCENES[plan.scene].counts_all and is_plain
        check_report(stack, misses, reports, since=since, counts_all=counts_all)
    check_settled(stack, misses, timeout_s=NEXT_RUNS_S)
