"""What only ever grows: calls of the vendors, and what closed runs came to; the scripts beat and run_close count."""

from dataclasses import dataclass, field
from typing import Any

from adapters.records import Run
from adapters.records.runs import CANCELLED
from adapters.store.connection import Connection, text

Json = dict[str, Any]

RESULTS = ("success", "errors", "held", "cancelled", "busy", "failed")
UNWANTED = frozenset({"cancelled", "busy"})
"""Runs that ended because somebody said so, or because another one went on: how a connector stands they do not tell."""


@dataclass(frozen=True)
class Calls:
    """Calls by (vendor, endpoint, status), and the seconds they took by (vendor, endpoint)."""

    count: dict[tuple[str, str, str], int] = field(default_factory=dict)
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)


class Totals:
    """Counters since the store began."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def calls(self) -> Calls:
        """Return what all workers together have called, as far as their heartbeats have told."""
        found = Calls()
        for name, value in self._connection.client.hgetall(self._keys.calls).items():
            kind, vendor, endpoint, *rest = text(name).split("\n")
            if kind == "calls":
                found.count[vendor, endpoint, rest[0]] = int(value)
            else:
                found.seconds[vendor, endpoint] = int(value) / 1_000_000
        return found

    def of_runs(self) -> dict[str, dict[tuple[str, ...], int]]:
        """Return by family ("runs", "users", "changes", "errors") the counters of all closed runs.

        Their labels are connector and result, with "true" or "false" for a dry run; connector and status; connector
        and change; connector and code."""
        found: dict[str, dict[tuple[str, ...], int]] = {"runs": {}, "users": {}, "changes": {}, "errors": {}}
        for name, value in self._connection.client.hgetall(self._keys.totals).items():
            family, *labels = text(name).split("\n")
            found[family][tuple(labels)] = int(value)
        return found

    def successes(self) -> dict[str, int]:
        """Return by connector when its last successful run over the whole tenant began (ms)."""
        found = self._connection.client.hgetall(self._keys.successes)
        return {text(connector_id): int(at_ms) for connector_id, at_ms in found.items()}

    def endings(self) -> dict[str, str]:
        """Return by connector what its last run over the whole tenant came to, dry, cancelled and busy ones apart."""
        found = self._connection.client.hgetall(self._keys.endings)
        return {text(connector_id): text(result) for connector_id, result in found.items()}


def result_of(run: Run, head: Json) -> str:
    """Say in one of RESULTS what a run came to."""
    stopped = head.get("stopped")
    if stopped:
        return "busy" if run.notes.get("running") else "cancelled" if stopped == CANCELLED else "failed"
    if head.get("held"):
        return "held"
    return "success" if head.get("success") else "errors"
