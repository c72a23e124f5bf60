"""The sandbox's time: real time plus what a test has advanced it by, for all or for one tenant."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time that can be moved forward. Rate limits do not use it: they count real time."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._tenant_offset_s: dict[str, float] = {}

    def advance(self, seconds: float, tenant_id: str | None = None) -> None:
        """Move the time of all, or of one tenant."""
        if tenant_id is None:
            self._offset_s += seconds
        else:
            self._tenant_offset_s[tenant_id] = self._tenant_offset_s.get(tenant_id, 0.0) + seconds

    def now(self, tenant_id: str | None = None) -> float:
        """Seconds since the epoch."""
        own = self._tenant_offset_s.get(tenant_id, 0.0) if tenant_id else 0.0
        return time.time() + self._offset_s + own


def iso(timestamp: float) -> str:
    """Format as the vendors do: UTC, whole seconds, Z."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
