"""One Autotask database as tasks see it: satisfies `tasks.ports.Contacts`.

Every method says what it costs in calls. On top of that each process pays once for the zone, the field information and
the countries, once for the locations of each company whose contacts have some, and one call a minute of all workers
goes to the hour's threshold.
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx

from adapters.autotask import query
from adapters.autotask.auth import Access
from adapters.autotask.client import AutotaskClient
from adapters.autotask.layout import EntraIdField, FieldSettings, Layout
from adapters.autotask.limits import HOUR_SHARE
from adapters.autotask.mapping import (
    REFERENCE_FIELDS,
    draft_body,
    map_company,
    map_contact,
    map_schema,
    map_sites,
    wire_id,
)
from adapters.autotask.paging import PAGE_SIZE
from adapters.autotask.patching import find_contradictions, laid_over, patch_body
from adapters.autotask.setup import Setup
from adapters.autotask.wire import VENDOR, WireContact
from adapters.costs import Cost
from adapters.errors import AnswerLostError, NotFoundError, RecordError, SyncError, WireError
from adapters.limits import Budget, Slots
from adapters.records import Company, Contact, ContactChange, ContactDraft, PsaSchema
from adapters.transport import Observer, Permit

SETUP_AGE_S = 120.0  # how old the names may be that a run is judged by
MOST_BY_ID = 200  # in one question; far below the 500 conditions and the 500 contacts of a page

Json = dict[str, Any]


@dataclass(frozen=True)
class InstanceFacts:
    """What a check of the installation found. None: we may not know."""

    codebase: str  # where the API lives: the zone
    version: str | None
    vendor_sync: bool | None  # Autotask has no contact sync of its own that could be asked about
    missing: tuple[str, ...]  # what the API user's security level does not let us do


@dataclass
class _Learned:
    """How this installation proved to behave, for the life of the process."""

    proved: set[str] = field(default_factory=set)  # fields of which a write was seen to arrive


class AutotaskContacts:
    """Contacts and companies of one database. Built without network; thread-safe; copies share all they know."""

    CANNOT: ClassVar[Mapping[str, str]] = {
        "move": "A PATCH goes to /Companies/{id}/Contacts, and companyID is read-only: the API moves no contact.",
    }
    """What the conformance kit does not ask of this adapter, by topic, and why."""
    cost = Cost(
        page_size=PAGE_SIZE,
        fetch_schema=2,
        find_contacts=1,
        find_namesakes=1,
        create_contact=2,
        update_contact=3,
    )

    def __init__(  # noqa: PLR0913 - the one place where all of it meets
        self,
        access: Access,
        *,
        client: httpx.Client,
        budget: Budget | None,
        slots: Slots | None = None,
        hour_share: float = HOUR_SHARE,
        settings: FieldSettings | None = None,
        observer: Observer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts. `client` comes from `adapters.transport.make_client`."""
        settings = settings or FieldSettings()
        self._client = AutotaskClient(
            access,
            client=client,
            budget=budget,
            slots=slots,
            hour_share=hour_share,
            observer=observer,
            sleep=sleep,
            now=now,
        )
        self._setup = Setup(settings, now=now)
        self._max_lengths = settings.max_lengths
        self._learned = _Learned()

    def with_budget(self, budget: Budget) -> "AutotaskContacts":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._client = self._client.with_budget(budget)  # noqa: SLF001 - our own copy
        return other

    # --- reading ------------------------------------------------------------------------------------------------------

    def fetch_schema(self) -> PsaSchema:
        """Read fields, their lengths, countries and contact types: 2 calls, or none if it was read just before.

        1 more where the settings name a user-defined field. Raises InstanceError if that does not exist, or is no list
        where contact types are wanted."""
        layout = self._setup.layout(self._client, max_age_s=SETUP_AGE_S)
        countries = self._setup.countries(self._client, max_age_s=SETUP_AGE_S)
        return map_schema(layout, countries=countries, max_lengths=self._max_lengths)

    def fetch_company(self, company_id: str) -> Company:
        """Read a company: 1 call. Raises NotFoundError."""
        return map_company(self._client.fetch_company(_number(company_id)))

    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]:
        """Read a company's locations: 1 call, or none if it was read just before."""
        return map_sites(self._setup.locations(self._client, _number(company_id), max_age_s=SETUP_AGE_S))

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield the active companies, 500 a call; the MSP itself, company 0, is one of them."""
        for page in self._client.iter_companies():
            companies = (map_company(wire) for wire in page)
            yield tuple(each for each in companies if each.active)

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Read one page of up to 500 contacts, inactive ones included, by id: 1 call."""
        number = _number(company_id)
        where = [query.equals("companyID", number)]
        page, following = self._client.fetch_contact_page(where, cursor, fields=self._fields)
        if any(wire.company_id != number for wire in page):
            raise WireError("query_ignored", vendor=VENDOR)
        return tuple(self._map(wire) for wire in page), following

    def count_contacts(self, company_id: str) -> int:
        """Count a company's contacts, inactive ones included: 1 call."""
        return self._client.count_contacts([query.equals("companyID", _number(company_id))])

    def fetch_contact(self, contact_id: str) -> Contact:
        """Read one contact live: 1 call. Raises NotFoundError."""
        return self._map(self._client.fetch_contact(_number(contact_id)))

    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]:
        """Read up to 200 of these contacts: 1 call."""
        asked = list(contact_ids[:MOST_BY_ID])
        answer: dict[str, Contact | None] = dict.fromkeys(asked)
        numbers = sorted({int(contact_id) for contact_id in asked if contact_id.isascii() and contact_id.isdigit()})
        if numbers:
            page, _ = self._client.fetch_contact_page([query.one_of("id", numbers)], fields=self._fields)
            answer |= {str(wire.id): self._map(wire) for wire in page}
        if len(answer) > len(asked):
            raise WireError("query_ignored", vendor=VENDOR)
        return answer

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Look up by object id and addresses, folded for case, inactive ones included: 1 call for about 80 addresses.

        1 more where a user-defined field holds the object id. What the server finds is compared again."""
        wanted = {folded: email.strip() for email in emails if (folded := email.strip().casefold())}
        by_mark = query.marks(entra_id, self._entra_id) if entra_id else []
        by_mail = query.addresses(wanted.values())
        apart = [by_mark, by_mail] if self._entra_id.is_user_defined else [[*by_mark, *by_mail]]
        where = query.of_companies(company_ids)
        return self._ask(
            [question for alternatives in apart for question in query.questions(where, alternatives)],
            company_ids,
            lambda contact: (
                bool(entra_id and contact.entra_id and contact.entra_id.casefold() == entra_id.casefold())
                or any(email.casefold() in wanted for email in contact.emails)
            ),
        )

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Look up the contacts of that name, folded for case, inactive ones included: 1 call."""
        names = {"firstName": first_name.strip(), "lastName": last_name.strip()}
        asked = [query.equals(name, value) for name, value in names.items() if value]
        if not asked:
            return ()
        wanted = tuple(value.casefold() for value in names.values())
        question = [*query.of_companies(company_ids), *asked]
        return self._ask([question], company_ids, lambda contact: _folded_name(contact) == wanted)

    def check(self) -> InstanceFacts:
        """Prove zone, keys, rights and configuration: at most 8 calls, all of them reads."""
        contacts, companies = self._client.fetch_rights("Contacts"), self._client.fetch_rights("Companies")
        rights = {
            "contacts": contacts.can_query,
            "contacts (create)": contacts.can_create,
            "contacts (update)": contacts.can_update,
            "companies": companies.can_query,
        }
        if contacts.can_query:
            self.fetch_schema()
        return InstanceFacts(
            codebase=self._client.zone,
            version=self._client.fetch_version(),
            vendor_sync=None,
            missing=tuple(name for name, may in rights.items() if not may),
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add this contact and return it as it is now held: 1 call, and 1 to prove a field for the first time.

        The answer is the id alone; reading each new contact back would halve what the hour allows, so the contact is
        what was sent, once a read has shown that such a field arrives unharmed.
        Not safe to repeat: AnswerLostError means it may exist, TransientError that it certainly was not taken.
        Raises WireError(write_not_applied) if that read shows that a field did not arrive."""
        layout = self._layout
        references = self._references(draft.fields, company_id=draft.company_id)
        body = draft_body(draft, layout, references=references)
        written = ContactChange(
            contact_id="",
            company_id=draft.company_id,
            fields=dict(draft.fields),
            entra_id=draft.entra_id,
            active=True,
            site_id=draft.site_id,
        )
        expected = self._map(WireContact.model_validate({**body, "id": 0}))  # what may be missing is read before
        number = self._client.create_contact(body["companyID"], body, permit=permit)
        return self._proved(written, expected.model_copy(update={"id": str(number)}))

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write these differences and return the contact: 2 calls, and 1 to prove a field for the first time.

        PATCH answers with the id alone, so the contact is read just before; where it is so already, nothing is written.
        A default address is changed in place, or changes places with the wanted one if the contact has that already.
        Raises NotFoundError if the contact is gone, from its company or altogether, RecordError(move_unsupported) for a
        move to another company, WireError(write_not_applied) if a 200 proves to be false."""
        layout, number = self._layout, _number(change.contact_id)
        current = self._client.fetch_contact(number)
        references = self._references(change.fields, company_id=change.company_id)
        body = patch_body(change, layout, references=references, current=current)
        if str(current.company_id) != change.company_id:
            raise NotFoundError("not_in_company", vendor=VENDOR, field="company")
        expected = self._map(laid_over(current, body))
        if not body:
            return expected
        self._client.patch_contact(int(change.company_id), number, body, permit=permit)
        return self._proved(change, expected)

    def _proved(self, change: ContactChange, expected: Contact) -> Contact:
        """Return the contact as written, read once more while one of its fields was never seen to arrive.

        A read that fails takes nothing from the write: it was confirmed, with its id."""
        written = {*change.fields, *(name for name in ("entra_id", "active") if getattr(change, name) is not None)}
        written |= {"site"} if change.site_id is not None else set()
        if written <= self._learned.proved:
            return expected
        try:
            contact = self.fetch_contact(expected.id)
        except NotFoundError as exc:
            raise AnswerLostError("answer_unconfirmed", vendor=VENDOR) from exc
        except SyncError:
            return expected
        if set(find_contradictions(change, contact)) - self._learned.proved:
            raise WireError("write_not_applied", vendor=VENDOR, contact_id=contact.id)
        self._learned.proved |= written
        return contact

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _layout(self) -> Layout:
        return self._setup.layout(self._client)

    @property
    def _entra_id(self) -> EntraIdField:
        """The object id's field; a user-defined one as the installation spells it."""
        return self._layout.entra_id if self._setup.entra_id.is_user_defined else self._setup.entra_id

    @property
    def _fields(self) -> list[str] | None:
        return query.contact_fields(self._setup.entra_id)

    def _map(self, wire: WireContact) -> Contact:
        return map_contact(wire, self._layout, names=self._setup.names_of(self._client, wire))

    def _ask(
        self, questions: Sequence[list[Json]], company_ids: Sequence[str], is_wanted: Callable[[Contact], bool]
    ) -> tuple[Contact, ...]:
        """Ask all questions; return what is wanted of the answers, each contact once, by id."""
        found: dict[int, Contact] = {}
        for question in questions:
            for wire in self._client.fetch_all_contacts(question, fields=self._fields):
                contact = self._map(wire)
                if not contact.company_id:  # every contact has one: this must not pass for a stranger
                    raise WireError("company_missing", vendor=VENDOR)
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
