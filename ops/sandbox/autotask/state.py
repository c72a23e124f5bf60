"""The records of one Autotask database, with the indexes that keep every look-up short."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from ops.sandbox.audit import Audit
from ops.sandbox.clock import Clock, iso
from ops.sandbox.http import Json

VENDOR = "autotask"
INDEXED = ("emailAddress", "emailAddress2", "emailAddress3", "externalID")
IndexKey = tuple[str, str]


@dataclass(eq=False)
class Access:
    """Who may call, and in which zone the user lives."""

    username: str = "api.user.7@sandbox.example"
    secret: str = "sbSecret7#Autotask"
    integration_code: str = "SANDBOXCODE7INTEGRATION0001"
    zone: str = "zone14"
    rights: set[str] = field(default_factory=lambda: {"contacts.read", "contacts.write", "companies.read"})


class Database:
    """All records. Contact dicts are replaced, never changed in place, so a shallow copy is a snapshot."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self.clock = clock
        self.audit = audit
        self.access = Access()
        self.contacts: dict[int, Json] = {}
        self.by_company: dict[int, list[int]] = {}
        self.companies: dict[int, Json] = {}
        self.locations: dict[int, Json] = {}
        self.countries: dict[int, Json] = {}
        self._index: dict[IndexKey, set[int]] = {}
        self._next_contact = 30_001

    def now(self) -> str:
        """The time for dates, which the vendor answers with a fraction."""
        return iso(self.clock.now()).replace("Z", ".123Z")

    def new_contact_id(self) -> int:
        """The id of the next contact."""
        self._next_contact += 1
        return self._next_contact - 1

    def put(self, contact: Json, *, by: str) -> None:
        """Store a contact, new or in place of its older form, and write it down."""
        before = self.contacts.get(contact["id"])
        self.store(contact)
        self._record("create" if before is None else "update", before, contact, by=by)

    def store(self, contact: Json) -> None:
        """Store a contact without a trace."""
        number = contact["id"]
        before = self.contacts.get(number)
        if before is not None:
            self._unindex(before)
        self.contacts[number] = contact
        for key in _keys(contact):
            self._index.setdefault(key, set()).add(number)
        if before is None or before["companyID"] != contact["companyID"]:
            if before is not None:
                self._leave_company(before)
            insort(self.by_company.setdefault(contact["companyID"], []), number)

    def delete(self, contact_id: int, *, by: str) -> None:
        """Forget a contact."""
        before = self.contacts.pop(contact_id)
        self._unindex(before)
        self._leave_company(before)
        self._record("delete", before, None, by=by)

    def with_value(self, name: str, value: str) -> set[int]:
        """Contacts with a value in an indexed field."""
        return self._index.get((name, value.casefold()), set())

    def _record(self, method: str, before: Json | None, after: Json | None, *, by: str) -> None:
        record = after or before or {}
        self.audit.record(
            VENDOR,
            method,
            contact_id=record["id"],
            before=before,
            after=after,
            company_id=record["companyID"],
            by=by,
        )

    def _unindex(self, contact: Json) -> None:
        for key in _keys(contact):
            self._index.get(key, set()).discard(contact["id"])

    def _leave_company(self, contact: Json) -> None:
        ids = self.by_company[contact["companyID"]]
        del ids[bisect_left(ids, contact["id"])]


def _keys(contact: Json) -> Iterator[IndexKey]:
    for name in INDEXED:
        if contact[name]:
            yield name, contact[name].casefold()
