"""Plans in the reports of closed runs, who carries them out, and which connectors may run by themselves."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from adapters.records import KeptPlan, Run
from adapters.store.connection import Connection, text
from adapters.store.packing import unpack
from adapters.store.rows import CHUNK_ROWS, iter_rows
from adapters.store.runs import encode_run

Json = dict[str, Any]

LINE_KINDS = ("created", "updated", "held")
"""Kinds of rows that hold a plan's lines, in the order of the lines."""
MOST_CHUNKS = 20  # looked through in one call; some ten thousand lines


class KeptPlans:
    """Keyed by the run whose report it is."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def load(self, run_id: str) -> KeptPlan | None:
        """Return the plan that a closed run keeps; None if it keeps none, or there is no such report (any more)."""
        names = ["plan", "connector_id", "closed_at_ms", "carried_by", "replaced_by"]
        plan, *facts = self._connection.client.hmget(self._keys.report(run_id), names)
        if plan is None:
            return None
        connector_id, closed_at_ms, carried_by, replaced_by = (text(fact) for fact in facts)
        return KeptPlan(
            **json.loads(plan),
            run_id=run_id,
            connector_id=connector_id,
            kept_at_ms=int(closed_at_ms),
            carried_by=carried_by,
            replaced_by=replaced_by,
        )

    def find(self, number: int) -> str | None:
        """Name the run that keeps the plan of this number; None if there is none (any more)."""
        found = self._connection.client.zrangebyscore(self._keys.kept, number, number)
        return text(found[0]) if found else None

    def newest(self, limit: int = 20, *, connectors: Sequence[str] = ()) -> list[KeptPlan]:
        """Return the last plans, the newest first, of these connectors or of all."""
        return list(islice(self._iter_newest(connectors), limit))

    def _iter_newest(self, connectors: Sequence[str]) -> Iterator[KeptPlan]:
        start, at_once = 0, 100
        while run_ids := self._connection.client.zrevrange(self._keys.kept, start, start + at_once - 1):
            for run_id in run_ids:
                plan = self.load(text(run_id))
                if plan is not None and (not connectors or plan.connector_id in connectors):
                    yield plan
            start += at_once

    def lines(self, run_id: str) -> Iterator[Json]:
        """Yield the lines of a plan in their order, a chunk in memory at a time."""
        for chunks, rows in self._lists(run_id):
            yield from (row for row in iter_rows(self._connection, chunks=chunks, rows=rows) if "fingerprint" in row)

    def lines_from(
        self, run_id: str, cursor: Sequence[int] | None, *, most: int, operation: str | None = None
    ) -> tuple[list[Json], list[int] | None]:
        """Return up to so many lines (of one operation) from a place on, and the next place; None: that was the end.

        A place is a list, a chunk of it, and a row of that. Fewer, or none, may come before the end."""
        lists, found = self._lists(run_id), list[Json]()
        kind, chunk, row = cursor or (0, 0, 0)
        for _ in range(MOST_CHUNKS):
            rows = self._chunk(lists[kind], chunk)
            if rows is None:
                kind, chunk, row = kind + 1, 0, 0
                if kind == len(lists):
                    return found, None
                continue
            while row < len(rows) and len(found) < most:
                line, row = rows[row], row + 1
                if "fingerprint" in line and operation in (None, line["operation"]):
                    found.append(line)
            if row < len(rows):
                break
            chunk, row = chunk + 1, 0
        return found, [kind, chunk, row]

    def _lists(self, run_id: str) -> list[tuple[str, str]]:
        parts = self._keys.report_parts(run_id)
        return [(parts[f"report_chunks.{kind}"], parts[f"report_rows.{kind}"]) for kind in LINE_KINDS]

    def _chunk(self, lists: tuple[str, str], at: int) -> list[Json] | None:
        """Return a chunk of a closed run's rows; what is loose counts as some more chunks."""
        chunks, rows = lists
        sealed = int(self._connection.client.llen(chunks))
        if at < sealed:
            blob = self._connection.client.lindex(chunks, at)
            found: list[Json] = json.loads(unpack(blob)) if blob else []
            return found
        start = (at - sealed) * CHUNK_ROWS
        loose = self._connection.client.lrange(rows, start, start + CHUNK_ROWS - 1)
        return [json.loads(row) for row in loose] or None

    def carry_out(self, run: Run, *, source: str, expected: str) -> bool:
        """Write this run as requested and as the one that carries out the plan of `source`, in one step.

        False, and nothing written, if another than the expected run is put down, or a newer plan replaced this one."""
        fields = [item for pair in encode_run(run).items() for item in pair]
        keys = {
            **self._keys.run_parts(run.run_id),
            "marker": self._keys.marker(run.run_id),
            "report": self._keys.report(run.run_id),
            "open": self._keys.open,
            "source": self._keys.report(source),
        }
        args = {"run_id": run.run_id, "expected": expected}
        return bool(self._connection.call("kept_carry", keys=keys, args=args, rest=fields))

    def replace_first(self, connector_id: str, run_id: str) -> None:
        """Put a run down as the holder of its connector's first plan; the lines of the one before it go.

        Not those of one that somebody has asked to be carried out. A repeat changes nothing."""
        while True:
            old = self.first_of(connector_id) or ""
            if old == run_id:
                return
            keys = {**self._keys.report_parts(old), "first_plans": self._keys.first_plans}
            keys["former"] = self._keys.report(old)
            args = {"connector_id": connector_id, "run_id": run_id, "expected": old}
            if self._connection.call("kept_replace", keys=keys, args=args):
                return

    def first_of(self, connector_id: str) -> str | None:
        """Name the run that holds the connector's newest first plan."""
        found = self._connection.client.hget(self._keys.first_plans, connector_id)
        return None if found is None else text(found)

    def approvals(self, connector_id: str) -> dict[str, Json]:
        """Return by which run each pairing of the connector (tenant and instance) was approved for automatic runs."""
        found = self._connection.client.hgetall(self._keys.approved(connector_id))
        return {text(home): json.loads(value) for home, value in found.items()}

    def approve(self, connector_id: str, home: str, *, run_id: str) -> None:
        """Let the connector run by itself from now on, with this tenant and instance. The first approval stands."""
        value = json.dumps({"run_id": run_id, "at_ms": self._connection.now_ms()})
        self._connection.client.hsetnx(self._keys.approved(connector_id), home, value)

    def disapprove(self, connector_id: str, *, run_id: str) -> None:
        """Take back what that run has approved of, where no other run had before; a repeat changes nothing."""
        for home, approval in self.approvals(connector_id).items():
            if approval["run_id"] == run_id:
                self._connection.client.hdel(self._keys.approved(connector_id), home)
