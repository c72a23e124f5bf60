"""What can be read about runs: reports of closed ones, progress of open ones, and how long reports are kept."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from adapters.records import Run
from adapters.store.connection import Connection, text
from adapters.store.keys import ROW_KINDS
from adapters.store.rows import iter_rows
from adapters.store.runs import decode_run

Json = dict[str, Any]

HEADS_AT_ONCE = 100
PURGE_AT_ONCE = 100  # 5 ms, and 144,000 a day if it is called each minute


class Reports:
    """Reports by run id."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def heads(
        self,
        limit: int = 20,
        *,
        connector_id: str | None = None,
        since_ms: int = 0,
        wanted: Callable[[Json], bool] | None = None,
    ) -> list[Json]:
        """Return the heads of the last closed runs, the newest first; none that closed before `since_ms`.

        With `wanted`, of those runs only whose head it likes: ids are looked up once, heads until there are enough."""
        source = self._keys.closed if connector_id is None else self._keys.closed_of(connector_id)
        most = limit if wanted is None else -1
        found = self._connection.client.zrevrangebyscore(source, "+inf", since_ms, start=0, num=most)
        heads = self._iter_heads([text(run_id) for run_id in found])
        return list(islice((head for head in heads if wanted is None or wanted(head)), limit))

    def _iter_heads(self, run_ids: list[str]) -> Iterator[Json]:
        for start in range(0, len(run_ids), HEADS_AT_ONCE):
            with self._connection.pipeline() as pipe:
                for run_id in run_ids[start : start + HEADS_AT_ONCE]:
                    pipe.hget(self._keys.report(run_id), "head")
                yield from (json.loads(head) for head in pipe.execute() if head is not None)

    def head(self, run_id: str) -> Json | None:
        """Return a closed run's head; None if there is no such report (any more)."""
        found = self._connection.client.hget(self._keys.report(run_id), "head")
        head: Json | None = None if found is None else json.loads(found)
        return head

    def rows(self, run_id: str, kind: str) -> Iterator[Json]:
        """Yield a report's rows of one kind (`ROW_KINDS`) as they came, a chunk in memory at a time."""
        if kind not in ROW_KINDS:
            raise ValueError(f"no kind of report rows: {kind}")
        parts = self._keys.report_parts(run_id)
        return iter_rows(self._connection, chunks=parts[f"report_chunks.{kind}"], rows=parts[f"report_rows.{kind}"])

    def open_runs(self) -> list[Run]:
        """Return all open runs, the oldest first."""
        run_ids = [text(run_id) for run_id in self._connection.client.zrange(self._keys.open, 0, -1)]
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.hgetall(self._keys.run_parts(run_id)["run"])
            runs = [run for run in map(decode_run, pipe.execute()) if run is not None]
        return sorted(runs, key=lambda run: run.requested_at_ms)

    def progress(self, run_id: str) -> Json | None:
        """Tell how far an open run is: state, pages read, users waiting, in flight, done by status, and their total.

        None if the run is not open. Before the plan is sealed the total still grows."""
        parts = self._keys.run_parts(run_id)
        with self._connection.pipeline() as pipe:
            pipe.hmget(parts["run"], ["state", "pending", "mode", "stopping", "note:place"])
            pipe.hlen(parts["pages"])
            pipe.llen(parts["spool"])
            pipe.hgetall(parts["counts"])
            (state, pending, mode, stopping, place), pages, waiting, counts = pipe.execute()
        if state is None:
            return None
        done = {text(name): int(count) for name, count in counts.items() if not name.startswith(b"rows.")}
        done.pop("deactivated", None)
        in_flight = int(pending or 0)
        return {
            "state": text(state),
            "mode": text(mode),
            "stopping": text(stopping) or None,
            "place": int(place or 0),
            "pages": pages,
            "waiting": waiting,
            "in_flight": in_flight,
            "done": done,
            "total": waiting + in_flight + sum(done.values()),
        }

    def purge(self, *, older_than_ms: int) -> int:
        """Forget the reports of runs that closed before this instant, the oldest first; returns how many.

        At most `PURGE_AT_ONCE` a call; a repeat goes on. A call that finds nothing costs one look. Whoever does the
        same meanwhile is harmless: a report is forgotten with all of its keys in one step, and counted once."""
        oldest = self._connection.client.zrangebyscore(
            self._keys.closed, "-inf", f"({older_than_ms}", start=0, num=PURGE_AT_ONCE
        )
        if not oldest:
            return 0
        run_ids = [text(run_id) for run_id in oldest]
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.hget(self._keys.report(run_id), "connector_id")
            connector_ids = [text(connector_id) for connector_id in pipe.execute()]
        with self._connection.pipeline() as pipe:
            for run_id, connector_id in zip(run_ids, connector_ids, strict=True):
                pipe.zrem(self._keys.closed_of(connector_id), run_id)
                pipe.unlink(self._keys.report(run_id), *self._keys.report_parts(run_id).values())
            pipe.zrem(self._keys.kept, *run_ids)
            for run_id in run_ids:
                pipe.zrem(self._keys.closed, run_id)
            return sum(pipe.execute()[-len(run_ids) :])
