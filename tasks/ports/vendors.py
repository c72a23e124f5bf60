"""What tasks ask of a vendor: one tenant's directory, one PSA's contacts, subscriptions to changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from adapters.records import Company, Contact, ContactChange, ContactDraft, DirectoryPage, PsaSchema, Subscription, User

Json = dict[str, Any]
Permit = Callable[[], float]
"""Called just before a write is sent: seconds that it may still take; raises TransientError if it may not be sent."""


class Directory(Protocol):
    """One tenant's Microsoft 365 users. All reads, all repeatable; all raise Transient-, Tenant- or WireError."""

    def fetch_users(self, link: str | None = None, *, created_since: str | None = None) -> DirectoryPage:
        """Read one page of the user list; None is the first. Raises ResyncError(page_link_expired)."""

    def fetch_delta(self, link: str) -> DirectoryPage:
        """Read one page of changes. Raises ResyncError(delta_link_dead)."""

    def fetch_latest_delta_link(self) -> str:
        """Return a delta link that starts now, asked for with our `$select`."""

    def fetch_user(self, name: str) -> User | None:
        """Read one user by object id or user principal name; None if Graph does not know it."""

    def find_users(self, address: str) -> tuple[User, ...]:
        """Look up the users whose mail this is; where it is nobody's, those who have it as an alias."""

    def fetch_deleted_user(self, user_id: str) -> User | None:
        """Read a user that was deleted within the last 30 days: its names and few more; None if there is no such."""

    def fetch_deleted_users(self, link: str | None = None) -> DirectoryPage:
        """Read one page of the users that were deleted within the last 30 days: id and names only."""

    def count_users(self, *, enabled_only: bool) -> int:
        """Count the tenant's users, guests included; eventually consistent."""


class Contacts(Protocol):
    """One PSA instance's contacts and companies, through one lane of its budget."""

    def fetch_schema(self) -> PsaSchema:
        """Read which fields, lengths, departments and contact types this installation has."""

    def fetch_company(self, company_id: str) -> Company:
        """Read a company. Raises NotFoundError."""

    def fetch_sites(self, company_id: str) -> tuple[tuple[str, str], ...]:
        """Read id and name of a company's sites that a contact may still be given."""

    def iter_companies(self) -> Iterator[tuple[Company, ...]]:
        """Yield the companies that are active and not deleted, 1 call a page.

        Some may come twice. For a check: no run asks it."""

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Read a large page of a company's contacts, inactive ones included, in a stable order; and the next cursor."""

    def count_contacts(self, company_id: str) -> int:
        """Count a company's contacts, inactive ones included."""

    def fetch_contact(self, contact_id: str) -> Contact:
        """Read one contact live. Raises NotFoundError."""

    def fetch_by_ids(self, contact_ids: Sequence[str]) -> Mapping[str, Contact | None]:
        """Read the first of these contacts live, as many as one request takes; None stands for one that is gone.

        The answer names at least the first one, and nobody who was not asked for."""

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Look up live, in these companies, by stored object id and by all addresses; inactive ones included."""

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Look up live, in these companies, the contacts of that name, folded for case; inactive ones included."""

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add this contact and return it as the PSA now holds it.

        Not safe to repeat: AnswerLostError means it may exist, TransientError that it certainly was not taken,
        RecordError that the PSA refuses it, WireError with a `contact_id` that it exists, but not as it was to be."""

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write these differences and return the contact as the PSA now holds it. A repeat writes the same values.

        Errors as for create_contact; NotFoundError if the contact is gone."""


class Subscriptions(Protocol):
    """Our app's subscriptions to changes of one tenant's users. All raise Transient-, Tenant- or WireError."""

    def create(self, *, url: str, client_state: str, expires_at_ms: int) -> Subscription:
        """Subscribe this address. Not safe to repeat: after AnswerLostError there may be one."""

    def renew(self, subscription_id: str, *, expires_at_ms: int) -> Subscription:
        """Let a subscription live until then, and authorise it again. Raises NotFoundError."""

    def fetch_all(self) -> tuple[Subscription, ...]:
        """Return every subscription of our app to this tenant's users."""

    def delete(self, subscription_id: str) -> None:
        """End a subscription; one that is gone is fine."""
