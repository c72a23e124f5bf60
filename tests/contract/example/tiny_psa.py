"""A whole PSA adapter, in memory: what `ops/docs/writing-an-adapter.md` shows."""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from adapters.costs import Cost
from adapters.errors import NotFoundError, RecordError
from adapters.limits import Budget
from adapters.records import Company, Contact, ContactChange, ContactDraft, FieldSpec, PsaSchema
from adapters.transport import Permit
from tasks.connector import FieldRule
from worker.configuration import Parts, PsaContacts, PsaKind, PsaSection

VENDOR = "tiny"


class TinyPsa(PsaSection):
    """The table [psa.NAME] with kind = "tiny"."""

    kind: Literal["tiny"] = Field(description="The vendor.")
    place: str = Field(description="Which of the PSAs in memory this is.")


class Place:
    """The PSA itself: what a vendor's server would hold."""

    def __init__(self) -> None:
        self.companies: dict[str, Company] = {}
        self.sites: dict[str, tuple[tuple[str, str], ...]] = {}
        self.contacts: dict[str, Contact] = {}


PLACES: defaultdict[str, Place] = defaultdict(Place)
FIELDS = (
    FieldSpec(name="first_name", kind="text", max_length=30, required=True),
    FieldSpec(name="last_name", kind="text", max_length=30),
    FieldSpec(name="email", kind="email", max_length=250),
    FieldSpec(name="phone", kind="phone", max_length=30),
    FieldSpec(name="mobile_phone", kind="phone", max_length=30),
    FieldSpec(name="job_title", kind="text", max_length=50),
)


@dataclass(frozen=True)
class Facts:
    """What `check` answers."""

    codebase: str
    version: str | None = None
    vendor_sync: bool | None = None
    missing: tuple[str, ...] = ()


class TinyContacts:
    """One place's contacts and companies; satisfies `tasks.ports.Contacts`. Each method is one call."""

    CANNOT = {
        "faults": "It is in memory: there is no connection that could be throttled, cut or slow.",
        "lost answers": "It is in memory: an answer cannot be lost.",
        "keys": "It asks nobody for a key.",
    }
    cost = Cost(
        page_size=3,
        fetch_schema=0,
        find_contacts=1,
        find_namesakes=1,
        create_contact=1,
        update_contact=2,
    )

    def __init__(self, place: str, *, budget: Budget) -> None:
        self._place = PLACES[place]
        self._name = place
        self._budget = budget

    def with_budget(self, budget: Budget) -> "TinyContacts":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._budget = budget
        return other

    def check(self) -> Facts:
        """Say where it is."""
        return Facts(codebase=f"memory of {self._name}")

    def fetch_schema(self) -> PsaSchema:
        """Tell the fields; no call."""
        return PsaSchema(fields=FIELDS, contacts_per_call=self.cost.contacts_per_call)

    def fetch_company(self, company_id: str) -> Company:
        """Return a company. Raises NotFoundError."""
        self._budget.reserve()
        if company_id not in self._place.companies:
            raise NotFoundError("not_found", vendor=VENDOR)
        return self._place.companies[company_id]

    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]:
        """Return a company's sites."""
        self._budget.reserve()
        return self._place.sites.get(company_id, ())

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield the active companies, on one page."""
        self._budget.reserve()
        yield tuple(company for company in self._place.companies.values() if company.active)

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Return a page by id; the cursor is the last id, so that nothing shifts when a contact goes or comes."""
        self._budget.reserve()
        rest = [contact for contact in self._of([company_id]) if cursor is None or int(contact.id) > int(cursor)]
        page = tuple(rest[: self.cost.page_size])
        return page, page[-1].id if len(rest) > self.cost.page_size else None

    def count_contacts(self, company_id: str) -> int:
        """Count a company's contacts, inactive ones included."""
        self._budget.reserve()
        return len(self._of([company_id]))

    def fetch_contact(self, contact_id: str) -> Contact:
        """Return one contact. Raises NotFoundError."""
        self._budget.reserve()
        if contact_id not in self._place.contacts:
            raise NotFoundError("not_found", vendor=VENDOR)
        return self._place.contacts[contact_id]

    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]:
        """Return the first of these contacts."""
        self._budget.reserve()
        return {contact_ids[0]: self._place.contacts.get(contact_ids[0])}

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Look up by object id and all addresses, folded for case."""
        wanted = {email.strip().casefold() for email in emails}
        return self._find(
            company_ids,
            lambda contact: (
                bool(entra_id and (contact.entra_id or "").casefold() == entra_id.casefold())
                or not wanted.isdisjoint(email.casefold() for email in contact.emails)
            ),
        )

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Look up by name, folded for case."""
        wanted = (first_name.strip().casefold(), last_name.strip().casefold())
        return self._find(company_ids, lambda contact: _folded_name(contact) == wanted)

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add this contact. Nothing is lost on the way; an adapter of a real PSA raises AnswerLostError."""
        self._check(draft.fields)
        if draft.company_id not in self._place.companies:
            raise RecordError("company_unknown", vendor=VENDOR, field="company")
        self._budget.reserve()
        permit()  # the last moment before a write is sent
        number = str(max(map(int, self._place.contacts), default=0) + 1)
        email = draft.fields.get("email")
        contact = Contact(
            id=number,
            company_id=draft.company_id,
            active=True,
            entra_id=draft.entra_id,
            emails=(email,) if email else (),
            fields=draft.fields,
            site_id=draft.site_id,
        )
        self._place.contacts[number] = contact
        return contact

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write these differences and nothing else. Raises NotFoundError if the contact is gone."""
        self._check(change.fields)
        before = self.fetch_contact(change.contact_id)
        fields = {name: value for name, value in {**before.fields, **change.fields}.items() if value is not None}
        emails = before.emails
        if "email" in change.fields:
            new = change.fields["email"]
            emails = tuple(dict.fromkeys([*([new] if new else []), *before.emails[1:]]))
        after = before.model_copy(
            update={
                "fields": {**fields, "email": emails[0]} if emails else fields,
                "emails": emails,
                "entra_id": before.entra_id if change.entra_id is None else change.entra_id,
                "active": before.active if change.active is None else change.active,
                "site_id": before.site_id if change.site_id is None else change.site_id,
                "company_id": change.company_id if change.moves else before.company_id,
            }
        )
        self._budget.reserve()
        permit()
        self._place.contacts[after.id] = after
        return after

    def _of(self, company_ids: Sequence[str]) -> list[Contact]:
        found = [contact for contact in self._place.contacts.values() if contact.company_id in company_ids]
        return sorted(found, key=lambda contact: int(contact.id))

    def _find(self, company_ids: Sequence[str], is_wanted: Callable[[Contact], bool]) -> tuple[Contact, ...]:
        self._budget.reserve()
        return tuple(contact for contact in self._of(company_ids) if is_wanted(contact))

    def _check(self, fields: dict[str, str] | dict[str, str | None]) -> None:
        longest = {spec.name: spec.max_length or 0 for spec in FIELDS}
        for name, value in fields.items():
            if name not in longest or len(value or "") > longest[name]:
                raise RecordError("record_refused", vendor=VENDOR, field=name)


def _folded_name(contact: Contact) -> tuple[str, str]:
    return contact.fields.get("first_name", "").casefold(), contact.fields.get("last_name", "").casefold()


def build(psa: TinyPsa, parts: Parts) -> PsaContacts:
    """Return the adapter of these settings; opens no connection."""
    return TinyContacts(psa.place, budget=parts.budget)


KIND = PsaKind(
    settings=TinyPsa,
    build=build,
    default_mapping={
        "first_name": FieldRule(value="{{ user.givenName }}"),
        "last_name": FieldRule(value="{{ user.surname }}"),
        "email": FieldRule(value="{{ user.mail }}"),
        "job_title": FieldRule(value="{{ user.jobTitle }}"),
    },
    identity=("place",),
    addresses=(),
    calls_per_minute=600.0,
)
