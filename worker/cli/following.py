"""Waiting for runs: asks the store how far they are until each is closed, or nobody is left to work on them."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.records import Run
from adapters.store import Store

__all__ = ["Glance", "NobodyWorksError", "Watcher", "follow"]

Json = dict[str, Any]

FIRST_LOOK_S, LATER_LOOK_S, LATE_LOOK_S = 0.2, 0.5, 1.0
LATER_AFTER_S, LATE_AFTER_S = 10.0, 60.0
VANISHED_S = 60.0  # longer than any recovery takes; then the run waits for a worker, and so need not we
PAUSED_WINDOW = 1  # what the budgets let in flight while an instance is paused or its breaker is open
MOST_IN_FLIGHT = 48


class NobodyWorksError(Exception):
    """No worker has been alive for `VANISHED_S`; the runs stay open."""


@dataclass(frozen=True)
class Glance:
    """How far an open run is."""

    state: str
    mode: str
    pages: int = 0
    done: Mapping[str, int] = field(default_factory=dict)  # users by what became of them
    total: int = 0  # users that were judged so far; final once the state is writing
    waits_for: str = ""  # "", or what the run waits for

    @property
    def finished(self) -> int:
        """Users that have an outcome."""
        return sum(self.done.values())


class Watcher(Protocol):
    """Who is told."""

    def saw(self, run: Run, glance: Glance) -> None:
        """Take how far a run is."""

    def closed(self, run: Run, head: Json) -> None:
        """Take a run's report."""


def follow(
    store: Store,
    runs: Iterable[Run],
    *,
    watcher: Watcher,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Json | None]:
    """Wait until all runs are closed; return the head of each report, by run id, None for one that is gone.

    Raises NobodyWorksError. An interruption leaves the runs going."""
    waiting = {run.run_id: run for run in runs}
    heads: dict[str, Json | None] = {}
    began_s = seen_alive_s = clock()
    while True:
        for run in list(waiting.values()):
            glance = look(store, run)
            if glance is not None:
                watcher.saw(run, glance)
                continue
            heads[run.run_id] = head = store.reports.head(run.run_id)
            del waiting[run.run_id]
            if head is not None:
                watcher.closed(run, head)
        if not waiting:
            return heads
        now_s = clock()
        if store.presence.living():
            seen_alive_s = now_s
        elif now_s - seen_alive_s >= VANISHED_S:
            raise NobodyWorksError
        sleep(_interval_s(now_s - began_s))


def look(store: Store, run: Run) -> Glance | None:
    """Return how far a run is; None if it is not open."""
    progress = store.reports.progress(run.run_id)
    if progress is None:
        return None
    return Glance(
        state=progress["state"],
        mode=progress["mode"],
        pages=progress["pages"],
        done=progress["done"],
        total=progress["total"],
        waits_for=_waits_for(store, run, progress),
    )


def _waits_for(store: Store, run: Run, progress: Json) -> str:
    if progress["stopping"]:
        return f"its end ({progress['stopping']})"
    if progress["state"] == "requested":
        return f"its turn at {run.instance}, place {progress['place']}" if progress["place"] else "a worker"
    if progress["state"] != "writing" or not progress["waiting"]:
        return ""
    if store.budgets.is_open(run.instance):
        return f"{run.instance}, which does not answer"
    window = store.budgets.window(run.instance, most=MOST_IN_FLIGHT, lane=run.lane)
    if window <= PAUSED_WINDOW:
        return f"{run.instance}, which asked for a pause"
    return "its budget" if progress["in_flight"] >= window else ""


def _interval_s(waited_s: float) -> float:
    if waited_s < LATER_AFTER_S:
        return FIRST_LOOK_S
    return LATER_LOOK_S if waited_s < LATE_AFTER_S else LATE_LOOK_S
