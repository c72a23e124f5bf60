"""The journals of runs: what each write found and what it wrote. They are kept for a time of their own."""

from collections.abc import Iterator
from typing import Any

from adapters.store.connection import Connection, text
from adapters.store.rows import iter_rows

Json = dict[str, Any]

PURGE_AT_ONCE = 100  # as of reports


class Journal:
    """Entries by run id; they are written with the outcomes of users, and nowhere else."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def entries(self, run_id: str) -> Iterator[Json]:
        """Yield what a run wrote in the order in which it became known; a chunk is in memory at a time."""
        parts = self._keys.journal_parts(run_id)
        return iter_rows(self._connection, chunks=parts["journal_chunks"], rows=parts["journal"])

    def is_kept(self, run_id: str) -> bool:
        """Tell a run that wrote something, and whose journal is not forgotten yet."""
        return self._connection.client.zscore(self._keys.journals, run_id) is not None

    def purge(self, *, older_than_ms: int) -> int:
        """Forget some journals whose first entry was written before this instant; returns how many.

        A repeat goes on, and one that finds nothing costs one look."""
        oldest = self._connection.client.zrangebyscore(
            self._keys.journals, "-inf", f"({older_than_ms}", start=0, num=PURGE_AT_ONCE
        )
        run_ids = [text(run_id) for run_id in oldest]
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.unlink(*self._keys.journal_parts(run_id).values())
            for run_id in run_ids:
                pipe.zrem(self._keys.journals, run_id)
            return sum(pipe.execute()[len(run_ids) :]) if run_ids else 0
