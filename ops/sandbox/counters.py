"""What was called how often: the measure of a synchronisation's cost."""

from collections import Counter

from ops.sandbox.http import Json


class Counters:
    """Calls per vendor, endpoint template, method and status. Status 0 is a connection closed without answer."""

    def __init__(self) -> None:
        self._in_flight: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Forget everything but the requests under way."""
        self._calls: Counter[tuple[str, str, str, int]] = Counter()
        self._max_in_flight: dict[str, int] = dict(self._in_flight)

    def enter(self, vendor: str) -> None:
        """One more request is under way."""
        self._in_flight[vendor] += 1
        if self._in_flight[vendor] > self._max_in_flight.get(vendor, 0):
            self._max_in_flight[vendor] = self._in_flight[vendor]

    def leave(self, vendor: str) -> None:
        """A request has ended."""
        self._in_flight[vendor] -= 1

    def count(self, vendor: str, method: str, *, endpoint: str, status: int) -> None:
        """Count one answer."""
        self._calls[vendor, method, endpoint, status] += 1

    def as_json(self) -> Json:
        """Return everything for the control API."""
        vendors: dict[str, Json] = {}
        for vendor in sorted({key[0] for key in self._calls} | set(self._max_in_flight)):
            vendors[vendor] = {
                "calls": sum(n for key, n in self._calls.items() if key[0] == vendor),
                "in_flight": self._in_flight[vendor],
                "max_in_flight": self._max_in_flight.get(vendor, 0),
                "throttled": sum(n for key, n in self._calls.items() if key[0] == vendor and key[3] == 429),
            }
        calls = [
            {"vendor": vendor, "method": method, "endpoint": endpoint, "status": status, "count": n}
            for (vendor, method, endpoint, status), n in sorted(self._calls.items())
        ]
        return {"vendors": vendors, "calls": calls}
