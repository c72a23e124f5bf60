"""One kill at every boundary: a worker dies just before or just after it, another one is started, all must be exact."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.chaos.boundaries import LOOPS, Death, environment
from tests.chaos.ground import RECOVERY_S, Ground
from tests.chaos.invariants import Misses, check_next_run, check_report, check_writes
from tests.chaos.scenes import SCENES
from tests.chaos.trial import Trial
from tests.integration.stack import wait_for

GIVE_UP_S = 20.0
LATE_DEATH_S = 0.6  # what a worker does after the run is closed: acknowledge, notify
RECORDED_S = 0.4


@dataclass(frozen=True)
class Recording:
    """An undisturbed run: how often each boundary was passed, and seconds from a worker's start to the run's end."""

    scene: str
    passed: Counter[str]
    seconds: float

    @property
    def bound_s(self) -> float:
        """How soon after a kill the run must be closed: it goes on in time, and is all done once more at half speed."""
        return RECOVERY_S + 2 * self.seconds

    def deaths(self) -> list[Death]:
        """Return a death before and after each boundary, at its first passage and at a middle one."""
        return sorted(_deaths(self.passed))


def _deaths(passed: Counter[str]) -> Iterator[Death]:
    for boundary, times in passed.items():
        by_the_clock = boundary.partition(":")[0] in LOOPS
        for number in {1} if by_the_clock else {1, (times + 1) // 2}:
            yield Death(boundary, "before", number)
            yield Death(boundary, "after", number)


def record(ground: Ground, scene: str) -> Recording:
    """Carry out a scene's run undisturbed, with its boundaries noted."""
    note = ground.folder / f"boundaries-{scene}"
    note.unlink(missing_ok=True)
    ground.begin()
    SCENES[scene].prepare(ground)
    begun_s = time.monotonic()
    ground.start_worker(environment=environment(note))
    ground.stack.run(**SCENES[scene].inputs(ground.stack))
    seconds = time.monotonic() - begun_s
    time.sleep(RECORDED_S)
    return Recording(scene, Counter(note.read_text().splitlines()), seconds)


def kill_at(ground: Ground, recording: Recording, death: Death, *, patience: float = 1.0) -> Trial:
    """Let the worker of a scene die there, and another one go on; check everything. Injected 0: it never came there.

    `patience` is for a busy machine: so much longer to end."""
    begun_s, scene = time.monotonic(), recording.scene
    bound_s, give_up_s = patience * recording.bound_s, patience * GIVE_UP_S
    ground.begin()
    SCENES[scene].prepare(ground)
    stack, misses = ground.stack, Misses()
    truth, since = stack.truth(), stack.last_write()
    note = ground.folder / "death"
    note.unlink(missing_ok=True)
    doomed = ground.start_worker(environment=environment(note, death=death))
    run_id = stack.request(**SCENES[scene].inputs(stack))

    def is_closed() -> bool:
        return stack.store.reports.head(run_id) is not None

    _wait_until(lambda: not doomed.is_alive or is_closed(), give_up_s)
    if doomed.is_alive:
        _wait_until(lambda: not doomed.is_alive, LATE_DEATH_S)
    died_s = time.monotonic()
    doomed.kill()
    ground.start_worker()
    try:
        wait_for(is_closed, timeout_s=give_up_s, what=lambda: stack.state(run_id))
        recovery_s = time.monotonic() - died_s
        if recovery_s > bound_s:
            misses.add("hung", f"closed {recovery_s:.1f} s after the kill; the bound is {bound_s:.1f} s")
        report = stack.report(run_id)
        check_writes(stack, misses, since=since, truth=truth)
        check_report(stack, misses, [report], since=since, counts_all=SCENES[scene].counts_all)
        check_next_run(stack, misses, timeout_s=give_up_s)
    except AssertionError as error:
        recovery_s = time.monotonic() - died_s
        misses.add("hung", str(error))
    return Trial(
        name=f"{scene}: {death}",
        replay=f"--scene {scene} --death '{death}'",
        injected={"worker killed at a boundary": int(note.exists())},
        misses=[(kind, text) for kind, text in misses.found],
        recovery_s=round(recovery_s, 2),
        seconds=round(time.monotonic() - begun_s, 2),
    )


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.01)
