"""Standing decisions about users, by connector; they survive runs and configurations."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.records import UserDecision
from adapters.store.connection import Connection, text
from adapters.store.packing import pack, unpack

Json = dict[str, Any]

AT_ONCE = 500


class Decisions:
    """One decision a user."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def find(self, connector_id: str, user_ids: Sequence[str]) -> dict[str, UserDecision]:
        """Return what is settled about these users; a user without a decision is not in the answer."""
        if not user_ids:
            return {}
        found = self._connection.client.hmget(self._keys.decisions(connector_id), user_ids)
        return {user_id: _decode(blob) for user_id, blob in zip(user_ids, found, strict=True) if blob is not None}

    def save(self, connector_id: str, decisions: Sequence[UserDecision]) -> None:
        """Settle this, in place of what was settled about these users before. A repeat changes nothing."""
        if decisions:
            values: Any = {each.user_id: pack(each.model_dump_json().encode()) for each in decisions}
            self._connection.client.hset(self._keys.decisions(connector_id), mapping=values)

    def release(self, connector_id: str, rows: Mapping[str, Json]) -> int:
        """Forget what is settled about users, and let the next incremental run read each of them; returns how many.

        `rows` says by user why it is read then. A user without a decision is left as it is."""
        keys = {"decisions": self._keys.decisions(connector_id), "standing": self._keys.unfinished(connector_id)}
        pending, released = list(rows.items()), 0
        for start in range(0, len(pending), AT_ONCE):
            values = [item for user_id, row in pending[start : start + AT_ONCE] for item in (user_id, json.dumps(row))]
            released += self._connection.call("decisions_release", keys=keys, args={}, rest=values)
        return released

    def iter_all(self, connector_id: str) -> Iterator[UserDecision]:
        """Yield every decision, some hundred in memory at a time; one that is changed meanwhile may be left out."""
        cursor = 0
        while True:
            cursor, found = self._connection.client.hscan(self._keys.decisions(connector_id), cursor, count=AT_ONCE)
            for _, blob in sorted(found.items(), key=lambda pair: text(pair[0])):
                yield _decode(blob)
            if not cursor:
                return


def _decode(blob: bytes) -> UserDecision:
    return UserDecision.model_validate_json(unpack(blob))
