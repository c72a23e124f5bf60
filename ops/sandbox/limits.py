"""How many requests a vendor takes: sliding windows on real time."""

import time
from collections import deque


class Window:
    """At most `limit` units within `seconds`; None or 0 means no limit."""

    def __init__(self, limit: int | None, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._taken: deque[tuple[float, int]] = deque()
        self._sum = 0

    def take(self, units: int = 1) -> float:
        """Take units and return 0, or take nothing and return the seconds until there is room."""
        if not self.limit:
            return 0.0
        now = self._forget_the_past()
        if self._sum + units > self.limit:
            return self._taken[0][0] + self.seconds - now if self._taken else self.seconds
        self._taken.append((now, units))
        self._sum += units
        return 0.0

    def used(self) -> int:
        """Units taken within the window; nothing is counted without a limit."""
        self._forget_the_past()
        return self._sum

    def _forget_the_past(self) -> float:
        now = time.monotonic()
        while self._taken and self._taken[0][0] <= now - self.seconds:
            self._sum -= self._taken.popleft()[1]
        return now


class Penalty:
    """A wait that starts anew when a caller does not keep it, as Microsoft's dev-proxy simulates it."""

    def __init__(self) -> None:
        self._until = 0.0

    def start(self, seconds: float) -> None:
        """Refuse for so long."""
        self._until = time.monotonic() + seconds

    def active(self) -> bool:
        """Whether callers are refused."""
        return time.monotonic() < self._until
