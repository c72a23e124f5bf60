"""What alerting remembers: facts that closed runs left, the incidents, and messages that wait to be sent."""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from adapters.store.connection import Connection, text
from adapters.store.outbox import Outbox
from adapters.store.reports import Reports

Json = dict[str, Any]


class Alerts:
    """One state of all incidents, changed by compare-and-set. Opaque here."""

    def __init__(self, connection: Connection, *, outbox: Outbox, reports: Reports) -> None:
        """Keep the connection; facts come by `outbox`."""
        self._connection = connection
        self._outbox = outbox
        self._messages = Outbox(connection, key=connection.keys.messages)
        self._reports = reports

    def load(self) -> tuple[int, str]:
        """Return the version of the state, and the state; empty before the first."""
        version, state = self._connection.client.hmget(self._connection.keys.incidents, ("version", "state"))
        return int(version or 0), text(state)

    def facts(self, *, limit: int) -> list[Json]:
        """Return facts that no state has taken in, the oldest first."""
        return self._outbox.waiting(limit=limit)

    def commit(self, version: int, state: str, *, facts: Sequence[Json], messages: Sequence[Json]) -> bool:
        """Replace the state of that version, drop the facts that it took in and put messages in, in one step.

        False, and nothing done, if another state has come in between."""
        keys = self._connection.keys
        named = {"incidents": keys.incidents, "outbox": keys.outbox, "messages": keys.messages}
        args = {"version": version, "state": state, "facts": len(facts)}
        rest = [json.dumps(each, sort_keys=True) for each in (*facts, *messages)]
        return bool(self._connection.call("alerts_commit", keys=named, args=args, rest=rest))

    def waiting(self, *, limit: int, grace_s: float) -> list[Json]:
        """Return messages to send; nobody else gets them for `grace_s`, then they come again unless dropped."""
        return self._messages.take(limit=limit, grace_s=grace_s)

    def drop(self, message: Json) -> None:
        """Forget a message that was sent."""
        self._messages.drop(message)

    def first_errors(self, run_id: str, *, most: int) -> list[Json]:
        """Return a closed run's first error rows, those of the whole run before its users'."""
        head = self._reports.head(run_id) or {}
        rows = [*head.get("errors", ())][:most]
        return rows + list(islice(self._reports.rows(run_id, "errors"), most - len(rows)))
