"""Work that one worker at a time may do for a run: loading its index, judging it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from adapters.errors import BudgetError
from adapters.records import Run
from tasks.ports import Ports

T = TypeVar("T")

BUSY_WAIT_S = 5.0  # until a worker that found another one at it comes back to see
RENEWALS = 9  # in the time after which work without a sign of life is given to another worker
PATIENCE_S = 10.0  # a budget that others spend is back within seconds; a longer pause is left to the queue


class TakenOverError(Exception):
    """Another worker took this one for dead and has begun anew: come back and see."""


@contextmanager
def while_held() -> Iterator[None]:
    """Take the store's word that the work has another holder. Raises TakenOverError."""
    try:
        yield
    except LookupError as error:
        raise TakenOverError from error


class JudgingHold:
    """This worker's hold on the judging of a run, kept through reads one by one that may take minutes."""

    def __init__(self, ports: Ports, run: Run) -> None:
        """Take a name; the plan is taken by it later."""
        self._ports, self._run = ports, run
        self._renewed_at = time.monotonic()
        self.holder = ports.presence.new_holder()

    def read(self, fetch: Callable[[], T]) -> T:
        """Return what this fetches; where our own budget is spent, wait for it here.

        A judge that came back later would begin anew, and never end under a budget that others keep spending."""
        while True:
            self._renew()
            try:
                return fetch()
            except BudgetError as error:
                if error.retry_after_s is None or error.retry_after_s > PATIENCE_S:
                    raise
                time.sleep(error.retry_after_s)

    def _renew(self) -> None:
        due_s = self._ports.timing.step_due_s
        if time.monotonic() - self._renewed_at < due_s / RENEWALS:
            return
        self._renewed_at = time.monotonic()
        self._ports.runs.touch(self._run.run_id, due_in_s=due_s)
        with while_held():
            self._ports.plan.add(self._run.run_id, holder=self.holder, planned=(), outcomes=())
