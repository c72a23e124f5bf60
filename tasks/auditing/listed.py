"""What an audit keeps of each contact while it reads: little enough that 100,000 of them fit into memory. Pure."""

import json
from typing import NamedTuple

from adapters.records import Contact
from tasks.contact_keys import object_id_of

__all__ = ["Listed", "id_order"]

PHONES = ("phone", "mobile_phone")


class Listed(NamedTuple):
    """One contact as it was listed."""

    id: str
    company_id: str
    active: bool
    protected: str | None  # "default", "billing", …
    first_name: str
    last_name: str
    emails: tuple[str, ...]  # as written, the default one first
    phones: tuple[str, ...]
    object_id: str | None  # in lower case; None where there is none, or somebody else's kind of value
    owner: str | None  # the user ("tenant/object id") that contact-sync linked it to
    filled: int  # fields that hold something

    @property
    def name(self) -> str:
        """First and last name."""
        return " ".join(filter(None, (self.first_name, self.last_name)))

    @classmethod
    def of(cls, contact: Contact, owner: str | None) -> "Listed":
        """Take from a contact what is kept."""
        fields = contact.fields
        return cls(
            id=contact.id,
            company_id=contact.company_id,
            active=contact.active,
            protected=contact.protected,
            first_name=fields.get("first_name", ""),
            last_name=fields.get("last_name", ""),
            emails=contact.emails,
            phones=tuple(fields[name] for name in PHONES if fields.get(name)),
            object_id=object_id_of(contact),
            owner=owner,
            filled=sum(1 for value in fields.values() if value.strip()),
        )

    def pack(self) -> bytes:
        """Return it as a few hundred bytes."""
        return json.dumps(self, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, packed: bytes) -> "Listed":
        """Return what was packed."""
        values = json.loads(packed)
        values[6:8] = map(tuple, values[6:8])  # emails and phones
        return cls(*values)


def id_order(contact_id: str) -> tuple[int, int, str]:
    """Return the order of ids: numbers by size, for a PSA counts upwards, and before all else."""
    return (0, int(contact_id), contact_id) if contact_id.isascii() and contact_id.isdigit() else (1, 0, contact_id)
