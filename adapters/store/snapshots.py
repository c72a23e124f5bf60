"""The published configuration: numbered snapshots that runs pin. What is in them is the worker's to say."""

import hashlib
import json
from typing import Any, NamedTuple

from adapters.store.connection import Connection, text
from adapters.store.packing import pack, unpack

Json = dict[str, Any]

KEPT = 50


class Published(NamedTuple):
    """One entry of the history."""

    version: int
    published_at_ms: int
    digest: str


class Snapshots:
    """Configuration snapshots by version."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def current_version(self) -> int:
        """Return the newest published version; 0 if there is none."""
        return int(self._connection.client.get(self._keys.snapshot_version) or 0)

    def publish(self, documents: Json) -> int:
        """Publish and return the version; the current one if its content is equal. Old ones that nobody pins go."""
        content = json.dumps(documents, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(content).hexdigest()
        while True:
            current = self.current_version()
            keys = {
                "snapshots": self._keys.snapshots,
                "snapshot_version": self._keys.snapshot_version,
                "snapshot": self._keys.snapshot(current + 1),
            }
            args = {"current": current, "digest": digest, "blob": pack(content)}
            answer = self._connection.call("snapshot_publish", keys=keys, args=args)
            if answer != b"again":
                break
        self._forget_old(int(answer))
        return int(answer)

    def get(self, version: int) -> Json:
        """Return the documents of a version. Raises KeyError if there is no such version (any more)."""
        found = self._connection.client.get(self._keys.snapshot(version))
        if found is None:
            raise KeyError(version)
        documents: Json = json.loads(unpack(found))
        return documents

    def history(self) -> list[Published]:
        """List the versions that are kept, the newest first."""
        found = self._connection.client.hgetall(self._keys.snapshots)
        entries = []
        for version, value in found.items():
            published_at_ms, _, digest = text(value).partition(" ")
            entries.append(Published(int(version), int(published_at_ms), digest))
        return sorted(entries, reverse=True)

    def _forget_old(self, newest: int) -> None:
        old = [entry.version for entry in self.history() if entry.version <= newest - KEPT]
        unpinned = set(old) - self._pinned() if old else set()
        for version in unpinned:
            with self._connection.pipeline() as pipe:
                pipe.hdel(self._keys.snapshots, str(version))
                pipe.delete(self._keys.snapshot(version))
                pipe.execute()

    def _pinned(self) -> set[int]:
        run_ids = [text(run_id) for run_id in self._connection.client.zrange(self._keys.open, 0, -1)]
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.hget(self._keys.run_parts(run_id)["run"], "config_version")
            return {int(version or 0) for version in pipe.execute()}
