"""What one run has read: each page stored once, its entries in packed buckets by user, so that a merge holds few."""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic_core import from_json

from adapters.records import Tombstone, User
from adapters.store.connection import Connection
from adapters.store.packing import pack, unpack

Json = dict[str, Any]
Entry = User | Tombstone

BUCKETS = 64
SLICE_ENTRIES = 1500  # small buckets are merged up to this, so that a small tenant is one slice


class Reading:
    """The pages of a run."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def save_page(
        self,
        run_id: str,
        *,
        generation: int,
        page: int,
        entries: Sequence[Entry],
        unknown: Sequence[str] = (),
        read_at_ms: int,
        next_step: Json | None,
    ) -> bool:
        """Store a page and the step that follows it in one step. False if the first one stands or it is not wanted."""
        buckets: dict[int, list[bytes]] = defaultdict(list)
        for position, entry in enumerate(entries):
            buckets[_bucket(entry.id)].append(_encode(entry, position))
        sizes = {bucket: len(found) for bucket, found in buckets.items()}
        meta = {"next": next_step, "read_at_ms": read_at_ms, "unknown": list(unknown), "sizes": sizes}
        fields: list[Any] = []
        for bucket, found in buckets.items():
            fields += [_field(page, bucket), pack(b"[" + b",".join(found) + b"]")]
        args = {"generation": generation, "page": page, "meta": json.dumps(meta), "last": next_step is None}
        return bool(self._connection.call("page_save", keys=self._keys.run_parts(run_id), args=args, rest=fields))

    def next_step(self, run_id: str, *, generation: int, page: int) -> Json | Literal[False] | None:
        """Return what follows a stored page; False if that page is not stored."""
        parts = self._keys.run_parts(run_id)
        with self._connection.pipeline() as pipe:
            pipe.hget(parts["run"], "generation")
            pipe.hget(parts["pages"], str(page))
            current, meta = pipe.execute()
        if meta is None or current is None or int(current) != generation:
            return False
        step: Json | None = json.loads(meta)["next"]
        return step

    def pages(self, run_id: str) -> int:
        """Count the stored pages of the current generation."""
        return int(self._connection.client.hlen(self._keys.run_parts(run_id)["pages"]))

    def restart(self, run_id: str, *, generation: int, mode: str | None = None) -> int | None:
        """Drop the pages of that generation and return the next one; None if that is not what the run is at."""
        args = {"generation": generation, "mode": mode}
        answer = self._connection.call("page_restart", keys=self._keys.run_parts(run_id), args=args)
        return None if answer is None else int(answer)

    def slices(self, run_id: str) -> Iterator[list[tuple[Entry, int]]]:
        """Yield all entries with their read times, each user once (last page and position win).

        A slice is sorted by user id and holds some hundred to a few thousand users; users of one bucket stay together.
        Raises LookupError if stored entries are gone, so that a loss is never taken for an empty tenant."""
        metas = self._metas(run_id)
        group: list[int] = []
        size = 0
        for bucket in range(BUCKETS):
            found = sum(meta["sizes"].get(str(bucket), 0) for meta in metas.values())
            if group and size + found > SLICE_ENTRIES:
                yield self._slice(run_id, metas, group)
                group, size = [], 0
            if found:
                group.append(bucket)
                size += found
        if group:
            yield self._slice(run_id, metas, group)

    def find(self, run_id: str, user_id: str) -> Entry | None:
        """Return what the run has read last of one user; None if it has met none of that id. A handful of round trips.

        Raises LookupError if stored entries are gone."""
        metas, bucket = self._metas(run_id), _bucket(user_id)
        if not any(str(bucket) in meta["sizes"] for meta in metas.values()):
            return None
        found = self._slice(run_id, metas, [bucket])
        return next((entry for entry, _ in found if entry.id == user_id), None)

    def unknown_names(self, run_id: str) -> list[str]:
        """List the names that Graph did not know."""
        return [name for meta in self._metas(run_id).values() for name in meta["unknown"]]

    def begin_judging(self, run_id: str) -> bool:
        """Take READING to JUDGING once the read is complete; True also for a repeat."""
        return bool(self._connection.call("judging_begin", keys=self._keys.run_parts(run_id), args={}))

    def _metas(self, run_id: str) -> dict[int, Json]:
        found = self._connection.client.hgetall(self._keys.run_parts(run_id)["pages"])
        return {page: json.loads(meta) for page, meta in sorted((int(page), meta) for page, meta in found.items())}

    def _slice(self, run_id: str, metas: dict[int, Json], group: list[int]) -> list[tuple[Entry, int]]:
        places = [(page, bucket) for page, meta in metas.items() for bucket in group if str(bucket) in meta["sizes"]]
        fields = [_field(page, bucket) for page, bucket in places]
        blobs = self._connection.client.hmget(self._keys.run_parts(run_id)["entries"], fields)
        merged: dict[str, tuple[tuple[int, int], Json, int]] = {}
        for (page, _), blob in zip(places, blobs, strict=True):
            if blob is None:
                raise LookupError(f"entries of page {page} are gone")
            for position, value in from_json(unpack(blob)):
                known = merged.get(value["id"])
                if known is None or known[0] <= (page, position):
                    merged[value["id"]] = ((page, position), value, metas[page]["read_at_ms"])
        return [(_decode(value), read_at_ms) for _, (_, value, read_at_ms) in sorted(merged.items())]


def _bucket(user_id: str) -> int:
    return zlib.crc32(user_id.encode()) % BUCKETS


def _field(page: int, bucket: int) -> str:
    return f"{page}.{bucket}"


def _encode(entry: Entry, position: int) -> bytes:
    """Keep absent and null apart: only what Graph named is stored."""
    value = entry.model_dump_json(by_alias=True, exclude_unset=True)
    return b"[%d,%s]" % (position, value.encode())


def _decode(value: Json) -> Entry:
    """Tell a tombstone, the only one with a reason, from a user."""
    return Tombstone.model_validate(value) if "reason" in value else User.model_validate(value)
