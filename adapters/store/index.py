"""The contact index of one run: contacts by id and by look-up key, loaded by one holder at a time."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from adapters.records import Contact
from adapters.store.connection import Connection, text
from adapters.store.packing import pack, unpack
from adapters.store.runs import NOTE
from adapters.store.timing import StoreTiming

Json = dict[str, Any]
PROGRESS = NOTE + "indexed"


class Index:
    """Contacts of the run's companies at one time."""

    def __init__(self, connection: Connection, *, timing: StoreTiming) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys
        self._timing = timing

    def reset(self, run_id: str, *, holder: str, keep: bool = False) -> bool:
        """Forget what was indexed, unless it is to be kept, and go on under this holder.

        False if another live holder is loading (it lapses after a while without progress), or if the index is sealed:
        a late copy of the step must not empty what a judge is reading."""
        args = {"holder": holder, "lapse_ms": int(self._timing.loading_s * 1000), "keep": keep, "note": PROGRESS}
        return bool(self._connection.call("index_reset", keys=self._part_keys(run_id), args=args))

    def add(
        self,
        run_id: str,
        contacts: Sequence[Contact],
        keys: Sequence[Sequence[str]],
        *,
        holder: str,
        progress: Json | None = None,
    ) -> None:
        """Index contacts, each under its look-up keys, and note how far the index is. A repeat changes nothing.

        Raises LookupError if it was lost."""
        values: list[str | bytes] = []
        for contact in contacts:
            values += [contact.id, pack(contact.model_dump_json(exclude_unset=True).encode())]
        for contact, own_keys in zip(contacts, keys, strict=True):
            for key in own_keys:
                values += [key, contact.id]
        args = {"holder": holder, "contacts": len(contacts), "note": PROGRESS, "progress": json.dumps(progress)}
        if not self._connection.call("index_add", keys=self._part_keys(run_id), args=args, rest=values):
            raise LookupError("another holder loads this index")

    def seal(self, run_id: str, *, holder: str, read_at_ms: int) -> None:
        """Say that the index is complete and when its read began. Raises LookupError if it was lost."""
        args = {"holder": holder, "read_at_ms": read_at_ms}
        if not self._connection.call("index_seal", keys=self._part_keys(run_id), args=args):
            raise LookupError("another holder loads this index")

    def release(self, run_id: str, *, holder: str) -> None:
        """Give up an index that is not sealed, so that the next one need not wait for this holder to lapse."""
        args = {"what": "index", "holder": holder}
        self._connection.call("holder_release", keys=self._part_keys(run_id), args=args)

    def find(self, run_id: str, keys: Sequence[str]) -> dict[str, tuple[Contact, ...]]:
        """Return the contacts under each key, in one round trip; a key without any is not in the answer."""
        if not keys:
            return {}
        found, flat = self._connection.call("index_find", keys=self._part_keys(run_id), args={}, rest=keys)
        contacts = {text(flat[at]): _decode(flat[at + 1]) for at in range(0, len(flat), 2)}
        return {
            key: tuple(contacts[contact_id] for contact_id in text(ids).split("\n"))
            for key, ids in zip(keys, found, strict=True)
            if ids
        }

    def fetch(self, run_id: str, contact_ids: Sequence[str]) -> dict[str, Contact]:
        """Return indexed contacts by id; an unknown one is not in the answer."""
        if not contact_ids:
            return {}
        blobs: Iterable[bytes | None] = self._connection.client.hmget(self._part_keys(run_id)["index"], contact_ids)
        return {
            contact_id: _decode(blob) for contact_id, blob in zip(contact_ids, blobs, strict=True) if blob is not None
        }

    def _part_keys(self, run_id: str) -> dict[str, str]:
        return {**self._keys.run_parts(run_id), "beats": self._keys.beats}


def _decode(blob: bytes) -> Contact:
    return Contact.model_validate_json(unpack(blob))
