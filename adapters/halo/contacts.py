"""One HaloPSA as tasks see it: satisfies `tasks.ports.Contacts`.

Every method says what it costs in calls. On top of that each process pays for a token an hour, and two calls every ten
minutes for each client that it creates users in.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import httpx

from adapters.costs import Cost
from adapters.errors import (
    AnswerLostError,
    BudgetError,
    NotFoundError,
    RecordError,
    SyncError,
    WireError,
)
from adapters.halo import query
from adapters.halo.auth import Access
from adapters.halo.client import CLIENTS, USERS, HaloClient
from adapters.halo.layout import FieldSettings
from adapters.halo.listing import Listings
from adapters.halo.mapping import (
    change_body,
    draft_body,
    find_contradictions,
    is_general_user,
    is_pseudo_user,
    map_company,
    map_schema,
    map_sites,
    map_user,
    needs_read,
    wire_id,
    with_columns,
)
from adapters.halo.paging import read_cursor
from adapters.halo.searching import Searches
from adapters.halo.setup import AFRESH, Setup, UsersReport
from adapters.halo.wire import VENDOR, Page, WireUser
from adapters.limits import Budget
from adapters.records import Company, Contact, ContactChange, ContactDraft, PsaSchema
from adapters.transport import Observer, Permit

SETUP_AGE_S = 120.0  # how old the names may be that a run is judged by
DETAILED_PAGE_SIZE = 25  # their details are as many calls: a page must not take longer than a step may be silent
REPORTED_PAGE_SIZE = 1000  # no calls at all: what is indexed in one step of the store
BULK_PATIENCE_S = 30.0  # a walk of thousands of calls waits for its turn rather than start over
COST = Cost(
    page_size=DETAILED_PAGE_SIZE,
    page=0,
    contact_on_page=1,
    walk=2,  # the list at the beginning and at the end
    fetch_schema=0,
    fetch_company=2,
    fetch_sites=2,
    find_contacts=3,
    find_namesakes=2,
    create_contact=2,
    update_contact=3,
)
COST_WITH_REPORT = replace(COST, page_size=REPORTED_PAGE_SIZE, contact_on_page=0, walk=3, fetch_schema=1)
MOST_DETAILS = 40  # of one look-up

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class InstanceFacts:
    """What a check of the installation found. None: we may not know."""

    codebase: str  # where its API lives
    version: str | None
    vendor_sync: bool | None  # Halo's own Entra integration is connected: two writers would fight
    missing: tuple[str, ...]  # lists that scopes or role do not let us read


@dataclass
class _Learned:
    """How this installation proved to behave, for the life of the process."""

    proved: set[str] = field(default_factory=set)  # fields of which a write was seen to arrive


class HaloContacts:
    """Users and clients of one installation. Built without network; thread-safe; copies share all they know."""

    CANNOT: ClassVar[Mapping[str, str]] = {
        "lengths": "Halo documents no length of any field, so the schema has none.",
    }
    """What the conformance kit does not ask of this adapter, by topic, and why."""

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
        self._address = access.resource_url
        self._client = HaloClient(access, client=client, budget=budget, observer=observer, sleep=sleep, now=now)
        self._setup = Setup(settings, now=now)
        self._layout = self._setup.layout
        self.cost = COST if settings.users_report is None else COST_WITH_REPORT
        self._quiet = {} if settings.fires_automations else {"_dont_fire_automations": True}
        self._learned = _Learned()
        self._listings = Listings()
        self._searches = Searches(self._setup)
        self._sleep = sleep

    def with_budget(self, budget: Budget) -> "HaloContacts":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._client = self._client.with_budget(budget)  # noqa: SLF001 - our own copy
        return other

    # --- reading ------------------------------------------------------------------------------------------------------

    def fetch_schema(self) -> PsaSchema:
        """Tell fields and contact types: no call; 1 for the users' report where there is one and it is not known.

        Raises InstanceError where the report does not exist or lacks a column."""
        report = self._setup.report(self._client, max_age_s=SETUP_AGE_S)
        return map_schema(
            self._layout,
            max_lengths=self._setup.max_lengths,
            columns=report.columns if report is not None else None,
            contacts_per_call=self.cost.contacts_per_call,
        )

    def fetch_company(self, company_id: str) -> Company:
        """Read a client and its sites: 2 calls. Raises NotFoundError."""
        client, sites = self._setup.customer(self._client, _number(company_id), max_age_s=SETUP_AGE_S)
        return map_company(client, sites)

    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]:
        """Read a client's sites: 2 calls, or none if the client was read just before. Raises NotFoundError."""
        _, sites = self._setup.customer(self._client, _number(company_id), max_age_s=SETUP_AGE_S)
        return map_sites(sites)

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield the active clients, 100 a call."""
        for page in self._client.iter_clients():
            companies = (map_company(client, ()) for client in page)
            yield tuple(each for each in companies if each.active)

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Read one page of a client's users, inactive ones included, by id; pseudo-users are left out.

        Lists do not show the object id, further addresses and the department, and leave empty fields out, so that a row
        never proves that it shows all; without them users are missed, or written in every run. Therefore:

        - As a rule each row is followed by its detail: 25 calls for a page of 25. With the list, read once at the
          beginning and once at the end, 5,002 for 5,000 users, 63 minutes at the default of 80 calls a minute.
          Everything is seen.
        - With `users_report`, the id of a report that shows all users with these columns: 3 calls in all, for the
          report and twice for the list; a row that the report lacks costs its detail. Not seen, and no field of the
          schema, is what neither list nor report shows. Running a report writes nothing.

        An installation that does not give a whole list at once is asked for pages of 100 instead (`Listings`)."""
        number, after = _number(company_id), read_cursor(cursor)
        report = self._setup.report(self._client, max_age_s=AFRESH if cursor is None else math.inf)
        people = self._listings.behind(number, after, fetch=self._fetch_page, is_new=cursor is None)
        rows = people[: self.cost.page_size]
        whole = (_of_client(user, number) for user in self._whole(rows, report))
        contacts = tuple(map_user(user, self._layout) for user in whole)
        after = rows[-1].id if rows else after
        is_last = len(people) <= len(rows) and not self._listings.behind(
            number, after, fetch=self._fetch_page, is_new=True
        )
        if is_last:
            self._listings.forget(number)
        return contacts, None if is_last else str(after)

    def count_contacts(self, company_id: str) -> int:
        """Count a client's users, inactive ones included: 1 call.

        Halo counts pseudo-users too; those that the last whole walk left out are taken off."""
        number = _number(company_id)
        page = self._client.fetch_user_page(query.list_params(page=1, page_size=1, client_id=number))
        if page.record_count is None:
            raise WireError("count_missing", vendor=VENDOR)
        return max(0, page.record_count - self._listings.left_out.get(number, 0))

    def fetch_contact(self, contact_id: str) -> Contact:
        """Read one user live: 1 call. Raises NotFoundError, for a site's pseudo-user too.

        A service account is returned, protected: the contact of one of our links may have become one."""
        user = self._client.fetch_user(_number(contact_id))
        if is_general_user(user):
            raise NotFoundError("not_found", vendor=VENDOR)
        return self._map(user)

    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]:
        """Read the first of these users: 1 call, as lists neither take ids nor show all that a user holds."""
        first = contact_ids[0]
        try:
            return {first: self.fetch_contact(first)}
        except NotFoundError:
            return {first: None}

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Look up by object id and addresses, folded for case, inactive ones included.

        1 call for the object id, 1 for all addresses of one local part, 1 for each user found, and those are compared
        again: `search` knows no equality. Where the installation refuses to search by object id, the users' report is
        asked; without one, a user with our object id and none of the addresses is found by its id alone."""
        addresses = {folded: email.strip() for email in emails if (folded := email.strip().casefold())}
        clients = _numbers(company_ids)
        marked = self._searches.marked(self._client, entra_id, clients=clients) if entra_id and clients else []
        terms = query.address_terms(addresses.values()) if clients else []
        rows = self._searches.with_addresses(self._client, addresses, terms=terms, clients=clients)
        return self._details(
            [*marked, *rows],
            company_ids,
            lambda contact: (
                bool(entra_id and contact.entra_id and contact.entra_id.casefold() == entra_id.casefold())
                or any(email.casefold() in addresses for email in contact.emails)
            ),
        )

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Look up the users of that name, folded for case, inactive ones included: 1 call, and 1 for each of them."""
        wanted = (first_name.strip().casefold(), last_name.strip().casefold())
        term = query.spoken(last_name.strip()) or query.spoken(first_name.strip())
        if not term:
            return ()
        clients = _numbers(company_ids)
        rows = self._searches.with_text(self._client, term, clients=clients) if clients else []
        alike = [row for row in rows if _folded_name(map_user(row, self._layout)) == wanted]
        return self._details(alike, company_ids, lambda contact: _folded_name(contact) == wanted)

    def check(self) -> InstanceFacts:
        """Prove addresses, keys, reading rights and configuration, and look for the vendor's own sync: at most 4 calls.

        Whether the application may write cannot be known without writing."""
        lists = {"contacts": USERS, "companies": CLIENTS}
        missing = tuple(name for name, path in lists.items() if not self._client.is_readable(path))
        self.fetch_schema()
        vendor_sync = self._client.uses_vendor_sync()
        return InstanceFacts(codebase=self._address, version=None, vendor_sync=vendor_sync, missing=missing)

    # --- writing ------------------------------------------------------------------------------------------------------

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add this user and return it as it is now held: 1 call, 2 where the answer does not show its details.

        Not safe to repeat: AnswerLostError means it may exist, TransientError that it certainly was not taken.
        Raises WireError(write_not_applied) if the first answers show that client or object id did not arrive."""
        site_id = self._site_id(draft.company_id, site_id=draft.site_id, name=draft.fields.get("site"))
        body = {**draft_body(draft, self._layout, site_id=site_id), **self._quiet}
        contact = self._held(self._client.push_user(body, permit=permit))
        written = ContactChange(contact_id=contact.id, company_id=draft.company_id, entra_id=draft.entra_id)
        return self._proved(written, contact)

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write these differences and return the user: 1 call, 2 with a name among them, 1 more as for create_contact.

        A repeat writes the same values. The client follows from the site: a user that moves goes to the new client's
        main site, unless the change names one. The display name follows first and last name while it consists of them.
        Raises NotFoundError if the user is gone, WireError(write_not_applied) if a 201 proves to be false."""
        number = _number(change.contact_id)
        site_id: int | None = None
        if change.moves or change.site_id is not None or "site" in change.fields:
            site_id = self._site_id(change.company_id, site_id=change.site_id, name=self._named_site(change))
        current = self._client.fetch_user(number) if needs_read(change) else None
        body = change_body(change, self._layout, site_id=site_id, current=current)
        if body.keys() == {"id"}:
            return self._proved(change, self._map(self._client.fetch_user(number)))
        user = self._client.push_user({**body, **self._quiet}, permit=permit)
        if user.id != number:
            raise WireError("write_not_applied", vendor=VENDOR)
        return self._proved(change, self._held(user))

    def _named_site(self, change: ContactChange) -> str | None:
        if "site" in change.fields and not change.fields["site"] and change.site_id is None:
            raise RecordError("required_missing", vendor=VENDOR, field="site")
        return change.fields.get("site")

    def _site_id(self, company_id: str, *, site_id: str | None, name: str | None) -> int:
        if site_id is not None:
            return wire_id(site_id, field="site")
        if name and name.strip():
            return self._setup.site_of_name(self._client, company_id, name)
        return self._setup.main_site(self._client, company_id)

    def _held(self, user: WireUser) -> Contact:
        """Return the user that a write answered with; read it where the answer is as short as a list's row."""
        if user.shown & {"email2", "email3", "department"} and user.client_id > 0:
            return map_user(user, self._layout)
        try:
            return self._map(self._client.fetch_user(user.id))
        except SyncError as exc:  # the write was taken all the same
            raise AnswerLostError("answer_unreadable", vendor=VENDOR, status=exc.status) from exc

    def _proved(self, change: ContactChange, contact: Contact) -> Contact:
        """Return the contact, if its answer shows the change; a field that was seen to arrive once is trusted.

        A company that is not the expected one is never trusted: somebody moved the user meanwhile."""
        if set(find_contradictions(change, contact)) - self._learned.proved:
            raise WireError("write_not_applied", vendor=VENDOR, contact_id=contact.id)
        written = {*change.fields, *(name for name in ("entra_id", "active") if getattr(change, name) is not None)}
        self._learned.proved |= written
        return contact

    # --- inside -------------------------------------------------------------------------------------------------------

    def _map(self, user: WireUser) -> Contact:
        """Map a user with its details. One that shows no client is not understood: it must not pass for a stranger."""
        contact = map_user(user, self._layout)
        if not contact.company_id:
            raise WireError("company_missing", vendor=VENDOR)
        return contact

    def _fetch_page(self, params: Mapping[str, Any]) -> Page[WireUser]:
        return self._patiently(lambda: self._client.fetch_user_page(params))

    def _patiently(self, read: Callable[[], T]) -> T:
        """Read for a walk: where our own budget asks to come back soon, wait for it here."""
        waited_s = 0.0
        while True:
            try:
                return read()
            except BudgetError as error:
                wait_s = error.retry_after_s or 1.0
                waited_s += wait_s
                if waited_s > BULK_PATIENCE_S:
                    raise
                self._sleep(wait_s)

    def _whole(self, rows: Iterable[WireUser], report: UsersReport | None) -> Iterator[WireUser]:
        """Yield the users with all that lists do not show; one that is gone meanwhile is none."""
        for row in rows:
            reported = report.rows.get(row.id) if report is not None else None
            if reported is not None:
                yield with_columns(row, reported)
                continue
            try:
                yield self._patiently(partial(self._client.fetch_user, row.id))
            except NotFoundError:
                continue

    def _details(
        self, rows: Iterable[WireUser], company_ids: Sequence[str], is_wanted: Callable[[Contact], bool]
    ) -> tuple[Contact, ...]:
        """Read the users of these rows; return those that are wanted, each once, by id."""
        found: dict[int, Contact] = {}
        for user_id in list(dict.fromkeys(row.id for row in rows))[:MOST_DETAILS]:
            try:
                user = self._client.fetch_user(user_id)
            except NotFoundError:
                continue
            contact = self._map(user)
            if contact.company_id in company_ids and not is_pseudo_user(user) and is_wanted(contact):
                found[user_id] = contact
        return tuple(found[user_id] for user_id in sorted(found))


def _of_client(user: WireUser, client_id: int) -> WireUser:
    """Return a user of this client's list with its client, where neither row nor detail say it."""
    return user if user.client_id else user.model_copy(update={"client_id": client_id})


def _number(text: str) -> int:
    """Read a contact's or company's id. Raises NotFoundError for one that cannot exist here."""
    try:
        return wire_id(text, field="id")
    except RecordError as exc:
        raise NotFoundError("not_found", vendor=VENDOR) from exc


def _numbers(company_ids: Sequence[str]) -> list[int]:
    return sorted({int(text) for text in company_ids if text.isascii() and text.isdigit() and int(text) > 0})


def _folded_name(contact: Contact) -> tuple[str, str]:
    return contact.fields.get("first_name", "").casefold(), contact.fields.get("last_name", "").casefold()
