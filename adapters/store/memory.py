"""What outlives a run: links and their owners, watermarks, retry set and refused users, schedule marks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from adapters.records import HistoryEvent, Link, Watermark
from adapters.store.connection import Connection, text
from adapters.store.outcomes import decode_events, encode_link
from adapters.store.packing import unpack
from adapters.store.quality import load_numbers, note_numbers

Json = dict[str, Any]

LINKS_AT_ONCE = 1000


class Memory:
    """Keyed by connector, or by tenant and instance (`home`)."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def links(self, home: str, user_ids: Sequence[str]) -> dict[str, Link]:
        """Return the users' links; a user without one is not in the answer."""
        if not user_ids:
            return {}
        found = self._connection.client.hmget(self._keys.links(home), user_ids)
        return {
            user_id: _decode_link(value) for user_id, value in zip(user_ids, found, strict=True) if value is not None
        }

    def iter_links(self, home: str) -> Iterator[dict[str, Link]]:
        """Yield all links some hundred at a time; one that is changed meanwhile may come twice or be left out."""
        cursor = 0
        while True:
            cursor, found = self._connection.client.hscan(self._keys.links(home), cursor, count=LINKS_AT_ONCE)
            if found:
                yield {text(user_id): _decode_link(value) for user_id, value in found.items()}
            if not cursor:
                return

    def count_links(self, home: str) -> int:
        """Count the users that have a link."""
        return int(self._connection.client.hlen(self._keys.links(home)))

    def owners(self, home: str, contact_ids: Sequence[str]) -> dict[str, str]:
        """Return which user each contact is linked to, from any tenant of the instance ("tenant/user")."""
        if not contact_ids:
            return {}
        found = self._connection.client.hmget(self._keys.owners(home), contact_ids)
        return {
            contact_id: text(owner) for contact_id, owner in zip(contact_ids, found, strict=True) if owner is not None
        }

    def save_links(self, home: str, links: Mapping[str, Link]) -> None:
        """Remember links without a write; a link with a newer read time stands."""
        keys = {"links": self._keys.links(home), "owners": self._keys.owners(home)}
        pending = list(links.items())
        for start in range(0, len(pending), LINKS_AT_ONCE):
            values: list[Any] = []
            for user_id, link in pending[start : start + LINKS_AT_ONCE]:
                encoded = encode_link(link, home=home, user_id=user_id)
                values += [user_id, encoded["read_at_ms"], encoded["link"], encoded["contact"], encoded["owner"]]
            self._connection.call("links_save", keys=keys, args={}, rest=values)

    def note_reader(self, tenant_id: str, connector_id: str) -> None:
        """Remember that this connector reads the tenant. A repeat changes nothing."""
        self._connection.client.sadd(self._keys.readers(tenant_id), connector_id)

    def readers(self, tenant_id: str) -> set[str]:
        """Return which connectors ever read the tenant."""
        return {text(name) for name in self._connection.client.smembers(self._keys.readers(tenant_id))}

    def note_changes(self, connector_id: str, run_id: str, tally: Mapping[str, int], *, keep_s: float) -> None:
        """Remember how many changes of each kind a run makes, and forget what is older than is kept."""
        key, now_ms = self._keys.changes(connector_id), self._connection.now_ms()
        since_ms = now_ms - int(keep_s * 1000)
        old = [run_id for run_id, value in self._changes(connector_id).items() if value["at_ms"] < since_ms]
        with self._connection.pipeline() as pipe:
            if old:
                pipe.hdel(key, *old)
            pipe.hset(key, run_id, json.dumps({"at_ms": now_ms, "tally": dict(tally)}))
            pipe.pexpire(key, int(keep_s * 1000))
            pipe.execute()

    def recent_changes(self, connector_id: str, *, within_s: float) -> dict[str, dict[str, int]]:
        """Return by run what was remembered within this time."""
        since_ms = self._connection.now_ms() - int(within_s * 1000)
        found = self._changes(connector_id)
        return {run_id: value["tally"] for run_id, value in found.items() if value["at_ms"] >= since_ms}

    def _changes(self, connector_id: str) -> dict[str, Json]:
        found = self._connection.client.hgetall(self._keys.changes(connector_id))
        return {text(run_id): json.loads(value) for run_id, value in found.items()}

    def watermark(self, connector_id: str) -> Watermark | None:
        """Return the saved delta link."""
        found = self._connection.client.hget(self._keys.watermarks, connector_id)
        return None if found is None else Watermark.model_validate_json(found)

    def pairings(self, home: str, company_ids: Sequence[str]) -> dict[str, str]:
        """Return what is known of this tenant's pairing with each company: "fits", "doubtful" or "confirmed"."""
        if not company_ids:
            return {}
        found = self._connection.client.hmget(self._keys.pairings, [_pair(home, each) for each in company_ids])
        return {each: text(word) for each, word in zip(company_ids, found, strict=True) if word is not None}

    def save_pairing(self, home: str, company_id: str, word: str) -> None:
        """Remember whether a tenant and a company belong together. What was confirmed stays so."""
        if word == "doubtful":
            self._connection.client.hsetnx(self._keys.pairings, _pair(home, company_id), word)
        else:
            self._connection.client.hset(self._keys.pairings, _pair(home, company_id), word)

    def unfinished(self, connector_id: str) -> dict[str, Json]:
        """Return the retry set and the refused users: user id → {"kind": "retry" | "refused", "since_ms", "row"}."""
        found = self._connection.client.hgetall(self._keys.unfinished(connector_id))
        return {text(user_id): json.loads(value) for user_id, value in found.items()}

    def forget_unfinished(self, connector_id: str, user_ids: Sequence[str]) -> None:
        """Take users that are gone off the retry set and the refused users."""
        if user_ids:
            self._connection.client.hdel(self._keys.unfinished(connector_id), *user_ids)

    def unfinished_of(self, connector_id: str, user_id: str) -> Json | None:
        """Return one user's entry of the retry set or the refused users."""
        found = self._connection.client.hget(self._keys.unfinished(connector_id), user_id)
        entry: Json | None = None if found is None else json.loads(found)
        return entry

    def history(self, home: str, user_id: str) -> tuple[HistoryEvent, ...]:
        """Return the last events of a user, the oldest first."""
        return decode_events(self._connection.client.hget(self._keys.history(home), user_id))

    def forget_history(self, home: str, user_ids: Sequence[str]) -> None:
        """Forget the events of users that are gone and have no link; a repeat changes nothing."""
        if user_ids:
            keys = {"links": self._keys.links(home), "history": self._keys.history(home)}
            self._connection.call("history_forget", keys=keys, args={}, rest=user_ids)

    def last_tick(self, connector_id: str) -> int | None:
        """Return the connector's last scheduled time that was taken (ms); None before its first sight."""
        found = self._connection.client.hget(self._keys.ticks, connector_id)
        return None if found is None else int(found)

    def see_connector(self, connector_id: str, *, at_ms: int) -> None:
        """Remember when a connector was first seen; a repeat changes nothing."""
        self._connection.client.hsetnx(self._keys.ticks, connector_id, str(at_ms))

    def note_quality(self, connector_id: str, day: str, part: str, numbers: Mapping[str, int]) -> None:
        """Remember one part of a day's numbers; a repeat replaces it. Old days are thinned out."""
        note_numbers(self._connection, self._keys.quality(connector_id), day=day, part=part, numbers=numbers)

    def quality(self, connector_id: str) -> dict[str, dict[str, int]]:
        """Return by day what is remembered, all parts of a day together."""
        return load_numbers(self._connection, self._keys.quality(connector_id))


def _pair(home: str, company_id: str) -> str:
    return f"{home}/{company_id}"


def _decode_link(value: bytes) -> Link:
    read_at_ms, contact_id, blob = value.split(b"\n", 2)
    rest = from_json(unpack(blob))
    return Link(contact_id=contact_id.decode(), read_at_ms=int(read_at_ms), **rest)
