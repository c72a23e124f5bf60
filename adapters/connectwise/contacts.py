"""One ConnectWise installation as tasks see it: satisfies `tasks.ports.Contacts`.

Every method says what it costs in calls. On top of that each process pays once for the codebase and the communication
types, and for the departments, countries and sites that it writes.
"""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx

from adapters.connectwise import query
from adapters.connectwise.auth import Access
from adapters.connectwise.client import CONTACTS, ConnectWiseClient
from adapters.connectwise.layout import FieldSettings, Layout
from adapters.connectwise.mapping import (
    REFERENCE_FIELDS,
    draft_body,
    map_company,
    map_contact,
    map_schema,
    map_sites,
    wire_id,
)
from adapters.connectwise.paging import PAGE_SIZE
from adapters.connectwise.patching import find_contradictions, needs_read, patch_of, with_all_custom_fields
from adapters.connectwise.refusals import CUSTOM_FIELDS
from adapters.connectwise.setup import Setup
from adapters.connectwise.wire import VENDOR, WireContact
from adapters.costs import Cost
from adapters.errors import NotFoundError, RecordError, WireError
from adapters.limits import Budget
from adapters.records import Company, Contact, ContactChange, ContactDraft, PsaSchema
from adapters.transport import Observer, Permit

SETUP_AGE_S = 120.0  # how old the names may be that a run is judged by

Json = dict[str, Any]


@dataclass(frozen=True)
class InstanceFacts:
    """What a check of the installation found. None: we may not know."""

    codebase: str
    version: str | None
    vendor_sync: bool | None  # ConnectWise's own Microsoft 365 contact sync has contacts: two writers would fight
    missing: tuple[str, ...]  # lists that the security role does not let us read


@dataclass
class _Learned:
    """How this installation proved to behave, for the life of the process."""

    wants_all_custom_fields: bool = False  # it refuses a patch without the whole array
    proved: set[str] = field(default_factory=set)  # fields of which a write was seen to arrive


class ConnectWiseContacts:
    """Contacts and companies of one installation. Built without network; thread-safe; copies share all they know."""

    CANNOT: ClassVar[Mapping[str, str]] = {}
    """What the conformance kit does not ask of this adapter, by topic, and why."""
    cost = Cost(
        page_size=PAGE_SIZE,
        fetch_schema=4,
        find_contacts=2,
        find_namesakes=1,
        create_contact=1,
        update_contact=2,
    )

    def __init__(
        self,
        access: Access,
        *,
        client: httpx.Client,
        budget: Budget | None,
        settings: FieldSettings | None = None,
        observer: Observer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts. `client` comes from `adapters.transport.make_client`."""
        settings = settings or FieldSettings()
        self._client = ConnectWiseClient(access, client=client, budget=budget, observer=observer, sleep=sleep, now=now)
        self._setup = Setup(settings, now=now)
        self._max_lengths = settings.max_lengths
        self._learned = _Learned()

    def with_budget(self, budget: Budget) -> "ConnectWiseContacts":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._client = self._client.with_budget(budget)  # noqa: SLF001 - our own copy
        return other

    # --- reading ------------------------------------------------------------------------------------------------------

    def fetch_schema(self) -> PsaSchema:
        """Read fields, lengths, departments, countries and contact types: 4 calls, or none if it was read just before.

        Raises InstanceError where the configuration names a communication type or custom field that does not exist."""
        layout = self._setup.layout(self._client, max_age_s=SETUP_AGE_S)
        return map_schema(
            layout,
            departments=self._setup.table(self._client, "department", max_age_s=SETUP_AGE_S),
            countries=self._setup.table(self._client, "country", max_age_s=SETUP_AGE_S),
            contact_types=self._setup.table(self._client, "contact_type", max_age_s=SETUP_AGE_S),
            max_lengths=self._max_lengths,
        )

    def fetch_company(self, company_id: str) -> Company:
        """Read a company: 1 call. Raises NotFoundError."""
        return map_company(self._client.fetch_company(_number(company_id)))

    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]:
        """Read a company's sites: 1 call, or none if it was read just before."""
        return map_sites(self._setup.sites(self._client, _number(company_id), max_age_s=SETUP_AGE_S))

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield the companies that are active and not deleted, 1,000 a call."""
        for page in self._client.iter_companies():
            companies = (map_company(wire) for wire in page)
            yield tuple(each for each in companies if each.active and not each.deleted)

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Read one page of up to 1,000 contacts, inactive ones included, by id: 1 call."""
        params = {"conditions": f"company/id={_number(company_id)}", "fields": self._fields}
        page, following = self._client.fetch_contact_page(params, cursor)
        layout = self._layout
        contacts = tuple(map_contact(wire, layout) for wire in page)
        if any(contact.company_id != str(int(company_id)) for contact in contacts):
            raise WireError("query_ignored", vendor=VENDOR)
        return contacts, following

    def count_contacts(self, company_id: str) -> int:
        """Count a company's contacts, inactive ones included: 1 call."""
        return self._client.count_contacts(f"company/id={_number(company_id)}")

    def fetch_contact(self, contact_id: str) -> Contact:
        """Read one contact live: 1 call. Raises NotFoundError."""
        return map_contact(self._client.fetch_contact(_number(contact_id)), self._layout)

    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]:
        """Read as many of these contacts as one URL has room for, about 80: 1 call."""
        room = query.QUERY_LENGTH - len(query.encode({"fields": self._fields}))
        asked, conditions = query.of_ids(contact_ids, room=room)
        answer: dict[str, Contact | None] = dict.fromkeys(asked)
        if conditions:
            params = {"conditions": conditions, "fields": self._fields}
            page, _ = self._client.fetch_contact_page(params)
            answer |= {str(wire.id): map_contact(wire, self._layout) for wire in page}
        if len(answer) > len(asked):
            raise WireError("query_ignored", vendor=VENDOR)
        return answer

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Look up by object id and addresses, folded for case, inactive ones included: 2 calls for about ten addresses.

        What the server finds is compared again: it knows wildcards, and may look elsewhere than it was asked to."""
        addresses = {folded: email.strip() for email in emails if (folded := email.strip().casefold())}
        where = query.of_companies(company_ids)
        questions = [self._entra_id_question(entra_id, where)] if entra_id else []
        base = {"conditions": where} if where else {}
        room = query.QUERY_LENGTH - len(query.encode({**base, "fields": self._fields}))
        questions += [
            {**base, "childConditions": asked} for asked in query.address_conditions(addresses.values(), room=room)
        ]
        return self._ask(
            questions,
            company_ids,
            lambda contact: (
                bool(entra_id and contact.entra_id and contact.entra_id.casefold() == entra_id.casefold())
                or any(email.casefold() in addresses for email in contact.emails)
            ),
        )

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Look up the contacts of that name, folded for case, inactive ones included: 1 call."""
        names = {"firstName": first_name.strip(), "lastName": last_name.strip()}
        asked = [query.equals(name, value) for name, value in names.items() if value]
        if not asked:
            return ()
        conditions = query.both(query.of_companies(company_ids), *asked)
        wanted = tuple(value.casefold() for value in names.values())
        return self._ask([{"conditions": conditions}], company_ids, lambda contact: _folded_name(contact) == wanted)

    def check(self) -> InstanceFacts:
        """Prove address, keys, reading rights and configuration, and look for the vendor's own sync: at most 12 calls.

        Whether the role may write cannot be known without writing."""
        lists = {"contacts": CONTACTS, "companies": "/company/companies"}
        missing = tuple(name for name, path in lists.items() if not self._client.is_readable(path))
        self.fetch_schema()
        return InstanceFacts(
            codebase=self._client.codebase,
            version=self._client.fetch_version(),
            vendor_sync=self._client.uses_vendor_sync(),
            missing=missing,
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add this contact and return it as it is now held: 1 call.

        Not safe to repeat: AnswerLostError means it may exist, TransientError that it certainly was not taken.
        Raises WireError(write_not_applied) if the first answers show that company or object id did not arrive."""
        layout = self._layout
        references = self._references(draft.fields, company_id=draft.company_id)
        body = draft_body(draft, layout, references=references)
        contact = map_contact(self._client.create_contact(body, permit=permit), layout)
        written = ContactChange(contact_id=contact.id, company_id=draft.company_id, entra_id=draft.entra_id)
        return self._proved(written, contact)

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write these differences and return the contact: 1 call, 2 with an address, a number or a clearing among them.

        A repeat writes the same values. The default address is changed in place, unless the contact has the wanted one
        already: then that becomes the default and the old one stays. Other people's items are left alone.
        A contact that moves goes to the new company's main site, unless the change names one.
        Raises NotFoundError if the contact is gone, WireError(write_not_applied) if a 200 proves to be false."""
        layout, number = self._layout, _number(change.contact_id)
        if change.moves and change.site_id is None:  # a site of the old company would be refused
            change = change.model_copy(update={"site_id": self._setup.main_site(self._client, change.company_id)})
        references = self._references(change.fields, company_id=change.company_id)
        wants_all = self._learned.wants_all_custom_fields
        current = self._client.fetch_contact(number) if needs_read(change) or wants_all else None
        patch = patch_of(change, layout, references=references, current=current)
        if not patch:
            return self._proved(change, map_contact(current or self._client.fetch_contact(number), layout))
        if wants_all and current is not None:
            patch = with_all_custom_fields(patch, current, layout)
            wire = self._client.patch_contact(number, patch, permit=permit)
        else:
            wire = self._patch(number, patch, current=current, permit=permit)
        return self._proved(change, map_contact(wire, layout))

    def _patch(self, number: int, patch: list[Json], *, current: WireContact | None, permit: Permit) -> WireContact:
        """Send a patch; one that is refused for no field of its own is sent once more with all custom fields.

        Some installations want the whole array in every patch, for others our one entry is enough. What worked is
        remembered."""
        try:
            return self._client.patch_contact(number, patch, permit=permit)
        except NotFoundError:
            raise
        except RecordError as error:
            if error.status != httpx.codes.BAD_REQUEST or error.field not in (None, CUSTOM_FIELDS):
                raise
        current = current or self._client.fetch_contact(number)
        whole = with_all_custom_fields(patch, current, self._layout)
        wire = self._client.patch_contact(number, whole, permit=permit)
        self._learned.wants_all_custom_fields = True
        return wire

    def _proved(self, change: ContactChange, contact: Contact) -> Contact:
        """Return the contact, if its answer shows the change; a field that was seen to arrive once is trusted.

        A company that is not the expected one is never trusted: somebody moved the contact meanwhile."""
        missing = set(find_contradictions(change, contact)) - self._learned.proved
        if missing:
            raise WireError("write_not_applied", vendor=VENDOR, contact_id=contact.id)
        written = {*change.fields, *(name for name in ("entra_id", "active") if getattr(change, name) is not None)}
        self._learned.proved |= written
        return contact

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _layout(self) -> Layout:
        return self._setup.layout(self._client)

    @property
    def _fields(self) -> str:
        return query.contact_fields(self._setup.entra_id)

    def _entra_id_question(self, entra_id: str, where: str) -> dict[str, str]:
        entra_id_field = self._setup.entra_id
        if not entra_id_field.is_custom:
            return {"conditions": query.both(where, query.equals(entra_id_field.name, entra_id))}
        asked = query.both(query.equals("caption", entra_id_field.name), query.equals("value", entra_id))
        return {"customFieldConditions": asked} | ({"conditions": where} if where else {})

    def _ask(
        self, questions: Iterable[Mapping[str, str]], company_ids: Sequence[str], is_wanted: Callable[[Contact], bool]
    ) -> tuple[Contact, ...]:
        """Ask all questions; return what is wanted of the answers, each contact once, by id."""
        layout, found = self._layout, dict[int, Contact]()
        for question in questions:
            for wire in self._client.fetch_all_contacts({**question, "fields": self._fields}):
                contact = map_contact(wire, layout)
                if contact.company_id in company_ids and is_wanted(contact):
                    found[wire.id] = contact
        return tuple(found[number] for number in sorted(found))

    def _references(self, fields: Mapping[str, str | None], *, company_id: str) -> dict[str, int]:
        """Return the ids of the references among these fields. Raises RecordError(reference_unknown)."""
        return {
            name: self._setup.reference_id(self._client, name, value, company_id=company_id)
            for name in REFERENCE_FIELDS
            if (value := fields.get(name))
        }


def _number(text: str) -> int:
    """Read a contact's or company's id. Raises NotFoundError for one that cannot exist here."""
    try:
        return wire_id(text, field="id")
    except RecordError as exc:
        raise NotFoundError("not_found", vendor=VENDOR) from exc


def _folded_name(contact: Contact) -> tuple[str, str]:
    return contact.fields.get("first_name", "").casefold(), contact.fields.get("last_name", "").casefold()
