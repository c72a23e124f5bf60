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
    """One decision a user, one user a contact."""

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

    def owners(self, home: str, contact_ids: Sequence[str], *, now_ms: int) -> dict[str, str]:
        """Return to which user of whichever connector each contact was given for good ("tenant/user")."""
        if not contact_ids:
            return {}
        places = [_place(home, contact_id) for contact_id in contact_ids]
        found = self._connection.client.hmget(self._keys.given, places)
        owners = {}
        for contact_id, value in zip(contact_ids, found, strict=True):
            if value is not None:
                _, tenant_id, user_id, until_ms = text(value).split("\n")
                if not until_ms or int(until_ms) > now_ms:
                    owners[contact_id] = f"{tenant_id}/{user_id}"
        return owners

    def save(self, connector_id: str, decisions: Sequence[UserDecision], *, rows: Mapping[str, Json]) -> str | None:
        """Settle this, in place of what was settled about these users before. A repeat changes nothing.

        `rows` puts users into the retry set in the same step, and says by user why. If a contact was given to another
        user before, and that decision stands, nothing is saved, and "connector/user" is returned."""
        for start in range(0, len(decisions), AT_ONCE):
            values: list[Any] = []
            for each in decisions[start : start + AT_ONCE]:
                row = json.dumps(rows[each.user_id]) if each.user_id in rows else ""
                place = _place(each.home, each.contact_id) if each.action == "link" else ""
                blob = pack(each.model_dump_json().encode())
                until_ms = "" if each.until_ms is None else each.until_ms
                values += [each.user_id, blob, place, each.home.rpartition("@")[0], until_ms, row]
            keys, args = self._keys_of(connector_id), {"connector": connector_id}
            taken = self._connection.call("decisions_save", keys=keys, args=args, rest=values)
            if taken:
                return text(taken)
        return None

    def release(self, connector_id: str, rows: Mapping[str, Json]) -> int:
        """Forget what is settled about users, and let the next incremental run read each of them; returns how many.

        `rows` says by user why it is read then. A user without a decision is left as it is."""
        keys, args = self._keys_of(connector_id), {"connector": connector_id}
        pending, released = list(rows.items()), 0
        for start in range(0, len(pending), AT_ONCE):
            values = [item for user_id, row in pending[start : start + AT_ONCE] for item in (user_id, json.dumps(row))]
            released += self._connection.call("decisions_release", keys=keys, args=args, rest=values)
        return released

    def ended(self, connector_id: str, *, now_ms: int) -> list[str]:
        """Name the users whose decision has ended since that was last told."""
        found = self._connection.client.zrangebyscore(self._keys.decision_ends(connector_id), 0, now_ms)
        return sorted(map(text, found))

    def forget_ended(self, connector_id: str, *, now_ms: int) -> None:
        """Say that it was told whose decisions had ended by then. A repeat changes nothing."""
        self._connection.client.zremrangebyscore(self._keys.decision_ends(connector_id), 0, now_ms)

    def iter_all(self, connector_id: str) -> Iterator[UserDecision]:
        """Yield every decision, some hundred in memory at a time; one that is changed meanwhile may be left out."""
        cursor = 0
        while True:
            cursor, found = self._connection.client.hscan(self._keys.decisions(connector_id), cursor, count=AT_ONCE)
            for _, blob in sorted(found.items(), key=lambda pair: text(pair[0])):
                yield _decode(blob)
            if not cursor:
                return

    def _keys_of(self, connector_id: str) -> dict[str, str]:
        return {
            "decisions": self._keys.decisions(connector_id),
            "ends": self._keys.decision_ends(connector_id),
            "given": self._keys.given,
            "standing": self._keys.unfinished(connector_id),
        }


def _place(home: str, contact_id: str) -> str:
    return f"{home.rpartition('@')[2]}\n{contact_id}"


def _decode(blob: bytes) -> UserDecision:
    return UserDecision.model_validate_json(unpack(blob))
