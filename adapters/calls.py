"""How often the vendors were called, counted in this process until the store has taken it in. No socket, no thread.

What may be a label is bounded here: endpoints are templates that adapters name, and few; a status is a registered one.
"""

import threading
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus

MOST_ENDPOINTS = 100  # of a vendor; ours have two dozen. An adapter that names ids shows as "other" from there on
OTHER = "other"
NO_ANSWER = "none"
REGISTERED = frozenset(int(status) for status in HTTPStatus)
SEPARATOR = "\n"


@dataclass(frozen=True)
class Batch:
    """What was counted between two heartbeats; with its number it is taken in once, however often it is sent."""

    number: int
    counted: dict[str, int]


class VendorCalls:
    """Counts calls and the time they took, by vendor, endpoint and status. Thread-safe; one for each process."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._counted: Counter[str] = Counter()
        self._endpoints: dict[str, set[str]] = {}
        self._sent: Batch | None = None
        self._number = 0

    def count(self, vendor: str, endpoint: str, status: int | None, seconds: float) -> None:
        """Count one call; an `Observer` of the transport."""
        with self._lock:
            known = self._endpoints.setdefault(vendor, set())
            if endpoint not in known and len(known) >= MOST_ENDPOINTS:
                endpoint = OTHER
            known.add(endpoint)
            place = SEPARATOR.join((vendor, endpoint))
            self._counted[SEPARATOR.join(("calls", place, _label(status)))] += 1
            self._counted[SEPARATOR.join(("micros", place))] += int(seconds * 1_000_000)

    def batch(self) -> Batch:
        """Return what is to be sent: a batch that has not arrived for certain comes again as it was."""
        with self._lock:
            if self._sent is None:
                self._number += 1
                self._sent = Batch(self._number, dict(self._counted))
                self._counted.clear()
            return self._sent

    def arrived(self, batch: Batch) -> None:
        """Forget a batch that the store has taken in."""
        with self._lock:
            if self._sent is batch:
                self._sent = None


def _label(status: int | None) -> str:
    """Return a status as a label; a vendor that invents some makes one label for each hundred of them."""
    if status is None:
        return NO_ANSWER
    return str(status) if status in REGISTERED else f"{status // 100}xx"
