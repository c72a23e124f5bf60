"""A value that all threads share and one of them reads."""

import math
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """One value, read once for all threads, and again when it is too old or has proved wrong.

    While one thread reads, the others wait for it; a failed read is remembered by nobody."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        """Start without a value."""
        self._now = now
        self._lock = threading.Lock()
        self._held: tuple[T, float] | None = None
        self._renewed_in_vain_at = -math.inf

    def get(self, read: Callable[[], T], *, max_age_s: float = math.inf) -> T:
        """Return the value, read anew if it is older than this."""
        with self._lock:
            if self._held is None or self._now() - self._held[1] > max_age_s:
                self._held = read(), self._now()
            return self._held[0]

    def renew(self, read: Callable[[], T], *, stale: T, pause_s: float) -> T:
        """Return what is right in place of the stale value: what another thread has read meanwhile, or a new read.

        A read that brought the same value again is not repeated for `pause_s`."""
        with self._lock:
            if self._held is not None and self._held[0] != stale:
                return self._held[0]
            if self._now() - self._renewed_in_vain_at < pause_s:
                return stale
            value = read()
            self._held = value, self._now()
            if value == stale:
                self._renewed_in_vain_at = self._now()
            return value
