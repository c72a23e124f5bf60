"""The records of one ConnectWise PSA, with the indexes that keep every look-up short."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from ops.sandbox.audit import Audit
from ops.sandbox.clock import Clock, iso
from ops.sandbox.connectwise.fields import UDF
from ops.sandbox.http import Json

VENDOR = "connectwise"
# Ids differ per installation: none is the 1, 2, 4 that most have.
EMAIL, DIRECT, CELL, FAX, HOME, PERSONAL_EMAIL = 13, 22, 26, 31, 34, 37
CUSTOM_FIELD_ID = 15
IndexKey = tuple[str, str]


def _type(number: int, description: str, kind: str, *, default: bool = False) -> Json:
    return {
        "id": number,
        "description": description,
        "phoneFlag": kind == "Phone",
        "faxFlag": kind == "Fax",
        "emailFlag": kind == "Email",
        "defaultFlag": default,
        "exchangeXref": None,
        "_info": {"lastUpdated": "2020-01-01T00:00:00Z"},
    }


def communication_types() -> dict[int, Json]:
    """The kinds of communication of this installation."""
    types = [
        _type(EMAIL, "Business Email", "Email", default=True),
        _type(DIRECT, "Direct", "Phone", default=True),
        _type(CELL, "Cell", "Phone"),
        _type(FAX, "Fax", "Fax", default=True),
        _type(HOME, "Home", "Phone"),
        _type(PERSONAL_EMAIL, "Personal Email", "Email"),
    ]
    return {entry["id"]: entry for entry in types}


def class_of(entry: Json) -> str:
    """The class of a communication type."""
    if entry["emailFlag"]:
        return "Email"
    return "Fax" if entry["faxFlag"] else "Phone"


@dataclass(eq=False)
class Access:
    """Who may call."""

    company: str = "sandbox"
    public_key: str = "sbPublicKey7"
    private_key: str = "sbPrivateKey7"
    client_id: str = "5b1e7a0c-7777-4c1d-8f00-00000000c117"
    codebase: str = "v2026_1/"
    rights: set[str] = field(default_factory=lambda: {"contacts.read", "contacts.write", "companies.read"})


class Psa:
    """All records. Contact dicts are replaced, never changed in place, so a shallow copy is a snapshot."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self.clock = clock
        self.audit = audit
        self.access = Access()
        self.contacts: dict[int, Json] = {}
        self.by_company: dict[int, list[int]] = {}
        self.companies: dict[int, Json] = {}
        self.sites: dict[int, Json] = {}
        self.departments: dict[int, Json] = {}
        self.relationships: dict[int, Json] = {}
        self.contact_types: dict[int, Json] = {}
        self.countries: dict[int, Json] = {}
        self.communication_types = communication_types()
        self.version = 0
        self._index: dict[IndexKey, set[int]] = {}
        self._next_contact, self._next_item = 1_001, 90_001

    def now(self) -> str:
        """The time for `_info`."""
        return iso(self.clock.now())

    def new_contact_id(self) -> int:
        """The id of the next contact."""
        self._next_contact += 1
        return self._next_contact - 1

    def new_item_id(self) -> int:
        """The id of the next communication item."""
        self._next_item += 1
        return self._next_item - 1

    def put(self, contact: Json, *, by: str) -> None:
        """Store a contact, new or in place of its older form, and write it down."""
        before = self.contacts.get(contact["id"])
        self.store(contact)
        method = "create" if before is None else "update"
        company_id = (contact.get("company") or {}).get("id")
        self.audit.record(
            VENDOR, method, contact_id=contact["id"], before=before, after=contact, company_id=company_id, by=by
        )

    def store(self, contact: Json) -> None:
        """Store a contact without a trace: seeding, and orders of items that no one chose."""
        before = self.contacts.get(contact["id"])
        if before is not None:
            self._unindex(before)
        self.contacts[contact["id"]] = contact
        for key in _keys(contact):
            self._index.setdefault(key, set()).add(contact["id"])
        company_id = company_id_of(contact)
        if before is None or company_id_of(before) != company_id:
            if before is not None:
                self._leave_company(before)
            insort(self.by_company.setdefault(company_id, []), contact["id"])
        self.version += 1

    def delete(self, contact_id: int, *, by: str) -> None:
        """Forget a contact."""
        before = self.contacts.pop(contact_id)
        self._unindex(before)
        self._leave_company(before)
        self.version += 1
        company_id = (before.get("company") or {}).get("id")
        self.audit.record(
            VENDOR, "delete", contact_id=contact_id, before=before, after=None, company_id=company_id, by=by
        )

    def _unindex(self, contact: Json) -> None:
        for key in _keys(contact):
            self._index.get(key, set()).discard(contact["id"])

    def _leave_company(self, contact: Json) -> None:
        ids = self.by_company[company_id_of(contact)]
        del ids[bisect_left(ids, contact["id"])]

    def with_value(self, name: str, value: str) -> set[int]:
        """Contacts with a value in an indexed field: `item`, a user-defined field, or `custom`."""
        return self._index.get((name, value.casefold()), set())

    def rewrite_company(self, company_id: int) -> None:
        """Carry a company's new name into its contacts' references."""
        company = self.companies[company_id]
        reference = {"id": company_id, "identifier": company["identifier"], "name": company["name"], "_info": {}}
        for contact_id in list(self.by_company.get(company_id, ())):
            self.contacts[contact_id] = {**self.contacts[contact_id], "company": reference}


def company_id_of(contact: Json) -> int:
    """The id of a contact's company, 0 without one."""
    return int((contact.get("company") or {}).get("id", 0))


def _keys(contact: Json) -> Iterator[IndexKey]:
    for item in contact.get("communicationItems") or ():
        yield "item", str(item["value"]).casefold()
    for name in UDF:
        if contact.get(name):
            yield name, str(contact[name]).casefold()
    for entry in contact.get("customFields") or ():
        if entry.get("value") is not None:
            yield "custom", str(entry["value"]).casefold()
