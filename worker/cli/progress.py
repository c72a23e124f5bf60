"""Shows runs while they go on: a bar each on a terminal, a line now and then otherwise. All of it on stderr."""

import sys
import time
from collections.abc import Callable
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from adapters.records import Run
from worker.cli.console import err, plain, say
from worker.cli.following import Glance

__all__ = ["Bars", "Lines", "Silence", "make_watcher"]

Json = dict[str, Any]

LINE_EVERY_S = 10.0
MOST_BARS = 12
STATES = {"requested": "requested", "reading": "reading", "judging": "comparing", "writing": "writing"}
COUNTED = {"created": "created", "updated": "updated", "skipped": "skipped", "error": "errors"}


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End."""

    def saw(self, run: Run, glance: Glance) -> None:
        """Pass over it."""

    def closed(self, run: Run, head: Json) -> None:
        """Pass over it."""


class Lines(Silence):
    """A line when a run enters another state, and every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clock."""
        self._clock = clock
        self._last: dict[str, tuple[str, float]] = {}

    def saw(self, run: Run, glance: Glance) -> None:
        """Print a line if it is time."""
        state, told_s = self._last.get(run.run_id, ("", float("-inf")))
        now_s = self._clock()
        if glance.state != state or now_s - told_s >= LINE_EVERY_S:
            self._last[run.run_id] = (glance.state, now_s)
            say(f"{run.connector_id}: {describe(glance)}")

    def closed(self, run: Run, head: Json) -> None:
        """Print how it ended."""
        say(f"{run.connector_id}: {describe_end(head)}")


class Bars(Silence):
    """One bar a run; beyond a dozen runs, closed ones make room."""

    def __init__(self) -> None:
        """Nothing is drawn before the block begins."""
        self._progress = Progress(
            TextColumn("{task.fields[name]}", markup=False),
            TextColumn("{task.fields[state]:<9}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}", markup=False),
            TimeElapsedColumn(),
            console=err(),
        )
        self._bars: dict[str, TaskID] = {}
        self._rates: dict[str, Rate] = {}

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Leave the last picture standing."""
        self._progress.stop()

    def saw(self, run: Run, glance: Glance) -> None:
        """Draw how far the run is."""
        rate = self._rates.setdefault(run.run_id, Rate()).per_s(glance.finished)
        self._progress.update(
            self._bar(run),
            state=STATES.get(glance.state, plain(glance.state)),
            completed=glance.finished,
            total=glance.total if glance.state == "writing" else None,
            counts=" · ".join([*_facts(glance, rate=f"{rate:.0f}/s" if rate else ""), *_waiting(glance)]),
        )

    def closed(self, run: Run, head: Json) -> None:
        """Draw the end."""
        statistics = head["statistics"]
        done = {name: statistics.get(key, 0) for name, key in STATISTICS.items()}
        processed = statistics["users_processed"]
        self._progress.update(
            self._bar(run),
            state="done" if head["success"] else "ended",
            completed=processed,
            total=processed or 1,
            counts=_counts(done),
        )
        if len(self._bars) > MOST_BARS:
            self._progress.remove_task(self._bars.pop(run.run_id))

    def _bar(self, run: Run) -> TaskID:
        if run.run_id not in self._bars:
            self._bars[run.run_id] = self._progress.add_task(
                "", name=plain(run.connector_id), state="", counts="", total=None
            )
        return self._bars[run.run_id]


class Rate:
    """Users a second, over the last few seconds."""

    WINDOW_S = 5.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clock."""
        self._clock = clock
        self._seen: list[tuple[float, int]] = []

    def per_s(self, finished: int) -> float:
        """Add what is finished, and return the rate; 0 until there is one."""
        now_s = self._clock()
        self._seen = [each for each in self._seen if now_s - each[0] <= self.WINDOW_S]
        self._seen.append((now_s, finished))
        began_s, began = self._seen[0]
        return (finished - began) / (now_s - began_s) if now_s - began_s >= 1 else 0.0


STATISTICS = {
    "created": "contacts_created",
    "updated": "contacts_updated",
    "skipped": "contacts_skipped",
    "error": "errors",
}


def make_watcher(*, quiet: bool) -> Silence:
    """Return what suits stderr."""
    if quiet:
        return Silence()
    return Bars() if sys.stderr.isatty() else Lines()


def describe(glance: Glance) -> str:
    """Say in a line how far a run is."""
    state = STATES.get(glance.state, glance.state)
    users = [f"{glance.finished} of {glance.total} users"] if glance.state == "writing" else []
    return " · ".join([state, *users, *_facts(glance), *_waiting(glance)])


def describe_end(head: Json) -> str:
    """Say in a line how a run ended."""
    statistics = head["statistics"]
    counts = _counts({name: statistics.get(key, 0) for name, key in STATISTICS.items()})
    word = "done" if head["success"] else "ended with errors"
    trial = " (dry run: nothing was written)" if head.get("dry_run") else ""
    return f"{word}: {statistics['users_processed']} users · {counts} · {head.get('duration_s', 0):.1f} s{trial}"


def _counts(done: Any) -> str:
    return " ".join(f"{word} {done.get(name, 0)}" for name, word in COUNTED.items())


def _facts(glance: Glance, *, rate: str = "") -> list[str]:
    """Say what there is to say about a run in this state, and how fast it is."""
    if glance.state == "writing":
        return [_counts(glance.done), *([rate] if rate else [])]
    return [f"{glance.pages} pages"] if glance.state == "reading" and glance.pages else []


def _waiting(glance: Glance) -> list[str]:
    return [f"waiting for {plain(glance.waits_for)}"] if glance.waits_for else []
