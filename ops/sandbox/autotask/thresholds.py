"""How much Autotask takes: an hour of all integrations, and few at once at each endpoint.

autotask.net developer help: "Thread limiting", "REST API thresholds and limits".
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ops.sandbox.http import Json, Request
from ops.sandbox.limits import Window
from ops.sandbox.settings import Settings

DOCUMENTED_PER_HOUR, DOCUMENTED_THREADS = 10_000, 3
_HOUR_S = 3_600
_NO_LIMIT = 10**9  # still counted, for ThresholdInformation
_SLOWED = ((0.75, 1.0), (0.5, 0.5))  # from this load on, so many seconds
OVER = "over_threads"
"""The note on a request that came when its endpoint had no thread left."""


class Limits:
    """The hour and the threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._at_once: Counter[str] = Counter()
        self.set({"per_hour": None, "threads": None})

    def set(self, body: Json) -> None:
        """Change what is named; null means the documented value, 0 none."""
        if "per_hour" in body or "used" in body:
            limit = body.get("per_hour", getattr(self, "per_hour", None))
            self.per_hour = DOCUMENTED_PER_HOUR if limit is None else int(limit)
            self._window = Window(self.per_hour or _NO_LIMIT, _HOUR_S)
            self._window.take(int(body.get("used", 0)))
        if "threads" in body:
            self.threads = DOCUMENTED_THREADS if body["threads"] is None else int(body["threads"])

    def as_json(self) -> Json:
        """The limits in force."""
        return {"per_hour": self.per_hour, "threads": self.threads, "used": self.used()}

    def used(self) -> int:
        """Requests of the last hour."""
        return self._window.used()

    def take(self) -> float:
        """Count one request of the hour; gives the seconds until there is room, 0 if there is."""
        return self._window.take()

    @contextmanager
    def place(self, request: Request, endpoint: str) -> Iterator[float]:
        """Take a thread of an endpoint for as long as the request lasts, and a little longer."""
        self._at_once[endpoint] += 1
        if self.threads and self._at_once[endpoint] > self.threads:
            request.notes[OVER] = True
        try:
            yield self._slowed_s()
        finally:
            if linger_s := float(self._settings["autotask.thread_linger_s"]):
                asyncio.get_running_loop().call_later(linger_s, self._leave, endpoint)
            else:
                self._leave(endpoint)

    def _leave(self, endpoint: str) -> None:
        self._at_once[endpoint] -= 1

    def _slowed_s(self) -> float:
        if not self.per_hour or not self._settings["autotask.slow_under_load"]:
            return 0.0
        load = self.used() / self.per_hour
        return next((seconds for least, seconds in _SLOWED if load >= least), 0.0)
