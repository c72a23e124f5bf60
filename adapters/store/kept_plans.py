"""Plans in the reports of closed runs, who carries them out, and which connectors may run by themselves."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from adapters.records import Carrier, KeptPlan, Run
from adapters.store.connection import Connection, text
from adapters.store.packing import unpack
from adapters.store.rows import CHUNK_ROWS, iter_rows
from adapters.store.runs import encode_run

Json = dict[str, Any]

LINE_KINDS = ("created", "updated", "held")
"""Kinds of rows that hold a plan's lines, in the order of the lines."""
FACTS = ("plan", "connector_id", "closed_at_ms", "carried_by", "replaced_by")
AT_ONCE = 100  # plans loaded together
MOST_CHUNKS = 20  # looked through in one call; some ten thousand lines


class KeptPlans:
    """Keyed by the run whose report it is."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def load(self, run_id: str) -> KeptPlan | None:
        """Return the plan that a closed run keeps; None if it keeps none, or there is no such report (any more)."""
        return next(iter(self._load_all([run_id])), None)

    def _load_all(self, run_ids: Sequence[str]) -> list[KeptPlan]:
        """Return the plans of those runs that keep one, in two round trips."""
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.hmget(self._keys.report(run_id), FACTS)
            found = [(run_id, facts) for run_id, facts in zip(run_ids, pipe.execute(), strict=True) if facts[0]]
        carriers = self._carriers([text(carried_by) for _, (_, _, _, carried_by, _) in found])
        return [_plan_of(run_id, facts, carriers) for run_id, facts in found]

    def _carriers(self, run_ids: Sequence[str]) -> dict[str, Carrier]:
        """Tell how the runs stand that carry plans out; a run is looked for before its report, which follows it."""
        named = [run_id for run_id in run_ids if run_id]
        if not named:
            return {}
        with self._connection.pipeline() as pipe:
            for run_id in named:
                pipe.exists(self._keys.run_parts(run_id)["run"])
                pipe.hget(self._keys.report(run_id), "head")
            answers = pipe.execute()
        standing = zip(named, answers[::2], answers[1::2], strict=True)
        return {run_id: "open" if is_open else _ended(head) for run_id, is_open, head in standing}

    def find(self, number: int) -> str | None:
        """Name the run that keeps the plan of this number; None if there is none (any more)."""
        found = self._connection.client.zrangebyscore(self._keys.kept, number, number)
        return text(found[0]) if found else None

    def newest(self, limit: int = 20, *, connectors: Sequence[str] = ()) -> list[KeptPlan]:
        """Return the last plans, the newest first, of these connectors or of all."""
        return list(islice(self._iter_newest(connectors), limit))

    def _iter_newest(self, connectors: Sequence[str]) -> Iterator[KeptPlan]:
        start = 0
        named = self._named(connectors) if connectors else []
        while run_ids := named[start : start + AT_ONCE] if connectors else self._newest_of_all(start):
            yield from self._load_all(run_ids)
            start += AT_ONCE

    def _newest_of_all(self, start: int) -> list[str]:
        return [text(each) for each in self._connection.client.zrevrange(self._keys.kept, start, start + AT_ONCE - 1)]

    def _named(self, connectors: Sequence[str]) -> list[str]:
        """Return the runs of these connectors that keep a plan, the newest plan first, in one round trip."""
        with self._connection.pipeline() as pipe:
            for connector_id in dict.fromkeys(connectors):
                pipe.zinter({self._keys.kept: 1, self._keys.closed_of(connector_id): 0}, withscores=True)
            numbers = {text(run_id): number for found in pipe.execute() for run_id, number in found}
        return sorted(numbers, key=numbers.__getitem__, reverse=True)

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


def _plan_of(run_id: str, facts: Sequence[bytes | None], carriers: Mapping[str, Carrier]) -> KeptPlan:
    plan, connector_id, closed_at_ms, carried_by, replaced_by = (text(fact) for fact in facts)
    return KeptPlan(
        **json.loads(plan),
        run_id=run_id,
        connector_id=connector_id,
        kept_at_ms=int(closed_at_ms),
        carried_by=carried_by,
        carrier=carriers.get(carried_by),
        replaced_by=replaced_by,
    )


def _ended(head: bytes | None) -> Carrier:
    """Tell how a run ended by the head of its report."""
    return "stopped" if head is None or json.loads(head)["stopped"] else "done"
