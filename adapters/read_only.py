"""A PSA that may be read and not written: what a dry run is given in place of the real one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NoReturn, Protocol

from adapters.errors import SyncError
from adapters.records import Company, Contact, ContactChange, ContactDraft, PsaSchema


class ReadOnlyError(SyncError):
    """A write was asked of a port that only reads: a mistake of ours. Nothing was sent."""


class _Readable(Protocol):
    """The reading half of a PSA; every vendor's contacts have it."""

    def fetch_schema(self) -> PsaSchema: ...
    def fetch_company(self, company_id: str) -> Company: ...
    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]: ...
    def iter_companies(self) -> Iterator[tuple[Company, ...]]: ...
    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]: ...
    def count_contacts(self, company_id: str) -> int: ...
    def fetch_contact(self, contact_id: str) -> Contact: ...
    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]: ...
    def find_contacts(
        self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]
    ) -> tuple[Contact, ...]: ...
    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]: ...


class ReadOnlyContacts:
    """Reads as the PSA it is given; every write raises ReadOnlyError before anything is sent."""

    def __init__(self, contacts: _Readable) -> None:
        """Take over the reading methods; the writing ones cannot be reached from here."""
        self.fetch_schema = contacts.fetch_schema
        self.fetch_company = contacts.fetch_company
        self.fetch_sites = contacts.fetch_sites
        self.iter_companies = contacts.iter_companies
        self.fetch_contacts = contacts.fetch_contacts
        self.count_contacts = contacts.count_contacts
        self.fetch_contact = contacts.fetch_contact
        self.fetch_by_ids = contacts.fetch_by_ids
        self.find_contacts = contacts.find_contacts
        self.find_namesakes = contacts.find_namesakes

    def create_contact(self, draft: ContactDraft, *, permit: Callable[[], float]) -> NoReturn:  # noqa: ARG002 - the port's
        """Refuse."""
        raise ReadOnlyError("read_only", vendor="psa")

    def update_contact(self, change: ContactChange, *, permit: Callable[[], float]) -> NoReturn:  # noqa: ARG002 - the port's
        """Refuse."""
        raise ReadOnlyError("read_only", vendor="psa")
