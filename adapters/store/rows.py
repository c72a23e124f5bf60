"""Report rows: loose JSON while they arrive, sealed into packed chunks of some hundreds; read back as one stream."""

import json
from collections.abc import Iterator
from typing import Any

from adapters.store.connection import Connection
from adapters.store.keys import ROW_KINDS
from adapters.store.packing import pack, unpack

Json = dict[str, Any]

CHUNK_ROWS = 500
FEWEST_SEALED = 8  # below that a chunk saves nothing worth its key


def seal_rows(connection: Connection, run_id: str, *, fewest: int = FEWEST_SEALED) -> None:
    """Seal the loose rows of a run, and its journal; what another process seals at the same time is left to it."""
    parts, journal = connection.keys.run_parts(run_id), connection.keys.journal_parts(run_id)
    pairs = [(parts[f"rows.{kind}"], parts[f"chunks.{kind}"]) for kind in ROW_KINDS]
    pairs.append((journal["journal"], journal["journal_chunks"]))
    with connection.pipeline() as pipe:
        for rows, _ in pairs:
            pipe.llen(rows)
        lengths = pipe.execute()
    for (rows, chunks), length in zip(pairs, lengths, strict=True):
        left = length
        while left >= fewest and _seal_chunk(connection, {"run": parts["run"], "list": rows, "chunks": chunks}):
            left -= CHUNK_ROWS


def _seal_chunk(connection: Connection, keys: dict[str, str]) -> bool:
    with connection.pipeline() as pipe:
        pipe.llen(keys["chunks"])
        pipe.lrange(keys["list"], 0, CHUNK_ROWS - 1)
        sealed_before, rows = pipe.execute()
    args = {"sealed_before": sealed_before, "count": len(rows), "chunk": pack(b"[" + b",".join(rows) + b"]")}
    return bool(rows and connection.call("rows_seal", keys=keys, args=args))


def iter_rows(connection: Connection, *, chunks: str, rows: str) -> Iterator[Json]:
    """Yield the rows of one kind in the order in which they came; one chunk is in memory at a time."""
    position = 0
    while chunk := connection.client.lindex(chunks, position):
        yield from json.loads(unpack(chunk))
        position += 1
    start = 0
    while loose := connection.client.lrange(rows, start, start + CHUNK_ROWS - 1):
        yield from (json.loads(row) for row in loose)
        start += len(loose)
