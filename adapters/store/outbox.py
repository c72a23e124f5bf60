"""What waits to be dealt with, as JSON. It is put in by the step that it tells of, and dealt with at least once."""

import json
from typing import Any

from adapters.store.connection import Connection, text

Json = dict[str, Any]


class Outbox:
    """Alerts in the order in which they came."""

    def __init__(self, connection: Connection, *, key: str | None = None) -> None:
        """Keep the connection; `key` is another outbox than that of closed runs."""
        self._connection = connection
        self._key = connection.keys.outbox if key is None else key

    def push(self, alert: Json) -> None:
        """Put an alert in; an equal one that waits stays the only one."""
        args = {"alert": json.dumps(alert, sort_keys=True)}
        self._connection.call("alert_push", keys={"outbox": self._key}, args=args)

    def waiting(self, *, limit: int) -> list[Json]:
        """Return what waits, the oldest first; nothing is taken."""
        return [json.loads(text(alert)) for alert in self._connection.client.zrange(self._key, 0, limit - 1)]

    def take(self, *, limit: int, grace_s: float) -> list[Json]:
        """Return alerts to send; nobody else gets them for `grace_s`, then they come again unless they are dropped."""
        args = {"most": limit, "grace_ms": int(grace_s * 1000)}
        found = self._connection.call("due_take", keys={"waiting": self._key}, args=args)
        return [json.loads(text(alert)) for alert in found]

    def drop(self, alert: Json) -> None:
        """Forget an alert that was sent."""
        self._connection.client.zrem(self._key, json.dumps(alert, sort_keys=True))
