"""What Autotask admits: so many requests at once for each kind of object, so many in an hour for the whole database.

"Thread limiting" and "Thresholds and limits" (autotask.net, read 2026-11-24): 3 requests at once for an integration
code and an object, counted a little beyond their answers; 10,000 in a rolling hour, shared with all other integrations
and slowed down from a half on.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from adapters.autotask.wire import Threshold
from adapters.errors import BudgetError, SyncError
from adapters.limits import Budget, Slots

HOUR_SHARE = 0.5  # of the hour, used by all together; the rest is for the MSP's other integrations
CHECK_EVERY_S = 60.0  # asking counts too

_SHARED = {"Companies": "Contacts"}
"""Contacts are written below their company; which of the two such a write counts for is not documented."""


class ObjectSlots:
    """Places by object, out of places by endpoint: `/Contacts/query` and `/Contacts/{id}` share theirs."""

    def __init__(self, slots: Slots) -> None:
        """Keep what all workers share."""
        self._slots = slots

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Hold a place of the endpoint's object."""
        name = name.strip("/").partition("/")[0]
        return self._slots.hold(_SHARED.get(name, name))

    def is_first(self, name: str, *, seconds: float) -> bool:
        """Tell one of all workers that it is the first."""
        return self._slots.is_first(name, seconds=seconds)


class Hour:
    """Watches over the hour: asks once a minute, of all workers one, and stops everybody when our share is reached."""

    def __init__(self, slots: Slots, *, share: float = HOUR_SHARE, now: Callable[[], float] = time.monotonic) -> None:
        """Keep the parts; nothing is asked."""
        self._slots = slots
        self._share = share
        self._now = now
        self._checked_at = -CHECK_EVERY_S
        self._lock = threading.Lock()

    def check(self, read: Callable[[], Threshold], budget: Budget | None) -> None:
        """Ask if it is time, and pause the budget for a minute if the share is used up: the next reservation says so.

        An answer that cannot be had changes nothing, the rate of the budget holds without it."""
        if budget is None or not self._is_due():
            return
        try:
            threshold = read()
        except BudgetError:
            raise
        except SyncError:
            return
        if threshold.most > 0 and threshold.used >= threshold.most * self._share:
            budget.pause(CHECK_EVERY_S)

    def _is_due(self) -> bool:
        with self._lock:
            if self._now() - self._checked_at < CHECK_EVERY_S:
                return False
            self._checked_at = self._now()
        return self._slots.is_first("threshold", seconds=CHECK_EVERY_S)
