"""A PSA in memory that satisfies `tasks.ports.Contacts`: it keeps what is written and fails only when it is told to."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from adapters.errors import AnswerLostError, NotFoundError, RecordError, SyncError
from adapters.records import Company, Contact, ContactChange, ContactDraft, FieldSpec, PsaSchema
from tests.fakes.moments import Moments

VENDOR = "fake"
Permit = Callable[[], float]
Operation = Literal["create", "update"]

SCHEMA = PsaSchema(
    fields=(
        FieldSpec(name="first_name", kind="text", max_length=30, required=True),
        FieldSpec(name="last_name", kind="text", max_length=30),
        FieldSpec(name="email", kind="email", max_length=250),
        FieldSpec(name="phone", kind="phone", max_length=250),
        FieldSpec(name="mobile_phone", kind="phone", max_length=250),
        FieldSpec(name="job_title", kind="text", max_length=50),
        FieldSpec(name="department", kind="reference", choices=("Sales", "IT", "Accounting")),
        FieldSpec(name="site", kind="reference"),
        FieldSpec(name="address_line1", kind="text", max_length=50),
        FieldSpec(name="city", kind="text", max_length=50),
        FieldSpec(name="zip", kind="text", max_length=12),
    ),
    contact_types=(("1", "Employee"), ("2", "User")),
)


@dataclass(frozen=True)
class Write:
    """One write that really happened, in the order of the audit list."""

    operation: Operation
    contact_id: str
    written: ContactDraft | ContactChange
    before: Contact | None
    after: Contact


class FakeContacts:
    """Companies and contacts in memory, safe to use from several threads.

    `writes` lists what happened, `calls` counts every call by method name. Failures are scripted per method, first in,
    first out: `fail`, `refuse` and `lose_answer`; each is used up by one call. `moments` are for what happens
    meanwhile.
    """

    CANNOT: ClassVar[Mapping[str, str]] = {
        "cost": "It has no budget: tests count its calls themselves.",
        "faults": "It has no connection; failures are scripted by exception.",
        "keys": "It asks nobody for a key.",
    }

    def __init__(self, *, schema: PsaSchema = SCHEMA, page_size: int = 1000) -> None:
        """Start empty."""
        self.schema = schema
        self.page_size = page_size
        self.by_ids = 3  # contacts that one request takes
        self.companies: dict[str, Company] = {}
        self.sites: dict[str, tuple[tuple[str, str], ...]] = {}
        self.contacts: dict[str, Contact] = {}
        self.writes: list[Write] = []
        self.calls: Counter[str] = Counter()
        self.moments = Moments()
        self._failures: dict[str, deque[tuple[SyncError, bool]]] = defaultdict(deque)
        self._next_id = 1000
        self._lock = threading.RLock()

    # --- what a test arranges ---------------------------------------------------------------------------------------

    def add_company(
        self,
        company_id: str = "250",
        name: str = "Contoso Ltd",
        *,
        active: bool = True,
        deleted: bool = False,
        domains: Sequence[str] = ("contoso.com",),
        sites: Sequence[tuple[str, str]] = (("7", "Main"),),
    ) -> Company:
        """Put a company into the PSA."""
        company = Company(id=company_id, name=name, active=active, deleted=deleted, domains=tuple(domains))
        with self._lock:
            self.companies[company_id] = company
            self.sites[company_id] = tuple(sites)
        return company

    def add_contact(
        self,
        *,
        contact_id: str | None = None,
        company_id: str = "250",
        active: bool = True,
        entra_id: str | None = None,
        emails: Sequence[str] = (),
        site_id: str | None = None,
        protected: str | None = None,
        **fields: str,
    ) -> Contact:
        """Put a contact into the PSA as somebody else would have: not in `writes`. `email` is the first of `emails`."""
        addresses = _with_default(tuple(emails), fields.get("email"))
        if addresses:
            fields["email"] = addresses[0]
        with self._lock:
            contact = Contact(
                id=contact_id or self._new_id(),
                company_id=company_id,
                active=active,
                entra_id=entra_id,
                emails=addresses,
                fields=fields,
                site_id=site_id,
                protected=protected,
            )
            self.contacts[contact.id] = self._with_site(contact)
            return self.contacts[contact.id]

    def remove_contact(self, contact_id: str) -> None:
        """Delete a contact behind our back."""
        with self._lock:
            del self.contacts[contact_id]

    def fail(self, method: str, error: SyncError, *, times: int = 1) -> None:
        """Let the next calls of this method raise; a write does not happen."""
        self._failures[method].extend([(error, False)] * times)

    def refuse(self, method: str, *, field: str | None = None, message: str = "refused", times: int = 1) -> None:
        """Let the PSA refuse the record of the next calls."""
        error = RecordError("record_refused", vendor=VENDOR, field=field, vendor_message=message, status=400)
        self.fail(method, error, times=times)

    def lose_answer(self, method: str, *, happened: bool = True, times: int = 1) -> None:
        """Let the answer of the next writes be lost, after they happened or before."""
        self._failures[method].extend([(AnswerLostError("answer_lost", vendor=VENDOR), happened)] * times)

    def heal(self) -> None:
        """Forget every failure that was not used up."""
        self._failures.clear()

    # --- the port ---------------------------------------------------------------------------------------------------

    def fetch_schema(self) -> PsaSchema:
        """Return the schema it was made with."""
        with self._call("fetch_schema"):
            return self.schema

    def fetch_company(self, company_id: str) -> Company:
        """Return a company."""
        with self._call("fetch_company"):
            if company_id not in self.companies:
                raise NotFoundError("not_found", vendor=VENDOR, status=404)
            return self.companies[company_id]

    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]:
        """Return the sites of a company."""
        with self._call("fetch_sites"):
            return self.sites.get(company_id, ())

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield the active companies on one page."""
        with self._call("iter_companies"):
            companies = tuple(self.companies.values())
        yield tuple(company for company in companies if company.active)

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Return one page ordered by id."""
        with self._call("fetch_contacts"):
            rest = [c for c in self._of_companies([company_id]) if cursor is None or _order(c.id) > _order(cursor)]
            page = tuple(rest[: self.page_size])
            return page, page[-1].id if len(rest) > self.page_size else None

    def count_contacts(self, company_id: str) -> int:
        """Count a company's contacts."""
        with self._call("count_contacts"):
            return len(self._of_companies([company_id]))

    def fetch_contact(self, contact_id: str) -> Contact:
        """Return one contact."""
        with self._call("fetch_contact"):
            return self._existing(contact_id)

    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]:
        """Return the first of these contacts, as many as `by_ids` says."""
        with self._call("fetch_by_ids"):
            return {contact_id: self.contacts.get(contact_id) for contact_id in contact_ids[: self.by_ids]}

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Return the contacts of that object id or any of those addresses."""
        wanted = {email.strip().casefold() for email in emails}
        with self._call("find_contacts"):
            return tuple(
                contact
                for contact in self._of_companies(company_ids)
                if (contact.entra_id or "").casefold() == entra_id.casefold()
                or wanted.intersection(email.casefold() for email in contact.emails)
            )

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Return the contacts of that name."""
        wanted = (first_name.strip().casefold(), last_name.strip().casefold())
        with self._call("find_namesakes"):
            return tuple(contact for contact in self._of_companies(company_ids) if _folded_name(contact) == wanted)

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add a contact; no address is unique, as in the PSAs."""
        permit()
        with self._call("create_contact"):
            if draft.company_id not in self.companies:
                raise RecordError("record_refused", vendor=VENDOR, field="company", status=400)
            self._check(draft.fields, new=True)
            contact = Contact(
                id=self._new_id(),
                company_id=draft.company_id,
                active=True,
                entra_id=draft.entra_id,
                emails=_with_default((), draft.fields.get("email")),
                fields=dict(draft.fields),
                site_id=draft.site_id,
            )
            return self._keep(Write("create", contact.id, draft, None, contact))

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write the differences; a new default address replaces the old default, the other addresses stay."""
        permit()
        with self._call("update_contact"):
            before = self._existing(change.contact_id)
            self._check({name: value for name, value in change.fields.items() if value is not None}, new=False)
            fields = {name: value for name, value in {**before.fields, **change.fields}.items() if value is not None}
            emails = before.emails
            if "email" in change.fields:
                emails = _with_default(before.emails[1:], change.fields["email"])
                if emails:
                    fields["email"] = emails[0]
            after = before.model_copy(
                update={
                    "fields": fields,
                    "emails": emails,
                    "entra_id": before.entra_id if change.entra_id is None else change.entra_id or None,
                    "active": before.active if change.active is None else change.active,
                    "site_id": before.site_id if change.site_id is None else change.site_id,
                    "company_id": change.company_id if change.moves else before.company_id,
                }
            )
            return self._keep(Write("update", after.id, change, before, after))

    # --- inside -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, method: str) -> Iterator[None]:
        with self._lock:
            self.calls[method] += 1
            self.moments.reach(method, "before")
            waiting = self._failures[method]
            error, happens = waiting.popleft() if waiting else (None, True)
            if happens:
                yield
            self.moments.reach(method, "after")
            if error is None:
                return
        raise error

    def _existing(self, contact_id: str) -> Contact:
        if contact_id not in self.contacts:
            raise NotFoundError("not_found", vendor=VENDOR, status=404)
        return self.contacts[contact_id]

    def _of_companies(self, company_ids: Sequence[str]) -> list[Contact]:
        found = [contact for contact in self.contacts.values() if contact.company_id in company_ids]
        return sorted(found, key=lambda contact: _order(contact.id))

    def _check(self, fields: dict[str, str], *, new: bool) -> None:
        specs = {spec.name: spec for spec in self.schema.fields}
        required = [spec.name for spec in self.schema.fields if new and spec.required and not fields.get(spec.name)]
        too_long = [
            name
            for name, value in fields.items()
            if name not in specs or len(value) > (specs[name].max_length or len(value))
        ]
        unknown = [
            name
            for name, value in fields.items()
            if (choices := specs[name].choices if name in specs else None) is not None
            and value.casefold() not in {choice.casefold() for choice in choices}
        ]
        for name in [*required, *too_long, *unknown]:
            raise RecordError("record_refused", vendor=VENDOR, field=name, status=400)

    def _keep(self, write: Write) -> Contact:
        kept = self._with_site(write.after)
        self.contacts[kept.id] = kept
        self.writes.append(replace(write, after=kept))
        return kept

    def _with_site(self, contact: Contact) -> Contact:
        name = dict(self.sites.get(contact.company_id, ())).get(contact.site_id or "")
        return contact.model_copy(update={"fields": {**contact.fields, "site": name}}) if name else contact

    def _new_id(self) -> str:
        self._next_id += 1
        return str(self._next_id)


def _order(contact_id: str) -> tuple[int, str]:
    return len(contact_id), contact_id


def _folded_name(contact: Contact) -> tuple[str, str]:
    return contact.fields.get("first_name", "").casefold(), contact.fields.get("last_name", "").casefold()


def _with_default(others: tuple[str, ...], default: str | None) -> tuple[str, ...]:
    if not default:
        return others
    return (default, *(email for email in others if email.casefold() != default.casefold()))
