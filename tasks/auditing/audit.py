"""One connector's audit: read its contacts and its users, once, and say what was found. It writes to neither side.

The calls are those of a full run's reading: each company's contact list and count, and the pages of the user list."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from adapters.errors import BudgetError, ResyncError, TransientError
from adapters.records import User
from tasks.auditing.cluster_rows import ClusterRows
from tasks.auditing.clusters import Clustering
from tasks.auditing.listed import Listed
from tasks.auditing.roster import Roster
from tasks.auditing.trend import CONTACTS, History, Measure, measures_of
from tasks.connector import Connector
from tasks.expressions.compiled import ExpressionError
from tasks.indexing import tolerated_lack
from tasks.ports import Contacts, Directory, Memory
from tasks.profiles import USERS
from tasks.request import SyncRequest
from tasks.scope import Scope

__all__ = ["Audit", "AuditPorts", "audit_connector"]

T = TypeVar("T")

MOST_RESTARTS = 3  # of a list of users whose page link died
CONTACTS_PART = "contacts"


@dataclass(frozen=True)
class AuditPorts:
    """What an audit may touch. Without memory nothing is known of links and earlier days."""

    directory: Directory
    contacts: Contacts
    memory: Memory | None
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = lambda _: None
    """Called with a line of progress: numbers alone."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True)
class Audit:
    """What was found about one connector."""

    connector_id: str
    audited_at: datetime
    company_ids: tuple[str, ...]
    users: int  # of the tenant
    contacts: int  # of the companies, inactive ones included
    clusters: ClusterRows
    surplus: int  # contacts that would go if each cluster became one
    measures: list[Measure]
    knows_links: bool


def audit_connector(ports: AuditPorts, connector: Connector) -> Audit:
    """Read a connector's companies and tenant, and compare. Raises SyncError where either cannot be read whole.

    The day's numbers are remembered; a repeat on the same day takes their place."""
    packed = _read_contacts(ports, connector)
    roster = _read_users(ports, connector)
    clusters = Clustering(packed, roster, tenant_id=connector.tenant_id)
    now = ports.now()
    found = {
        CONTACTS: clusters.active,
        "contacts_without_user": clusters.active_without_user,
        "duplicate_contacts": clusters.surplus,
        "users_without_contact": roster.in_scope_without_contact(),
    }
    profiles = roster.gaps.numbers()
    history = _remember(ports, connector, day=now.date().isoformat(), profiles=profiles, found=found)
    return Audit(
        connector_id=connector.connector_id,
        audited_at=now,
        company_ids=connector.company_ids,
        users=len(roster),
        contacts=len(packed),
        clusters=ClusterRows(clusters),
        surplus=clusters.surplus,
        measures=measures_of(profiles | found, history, today=now.date()),
        knows_links=ports.memory is not None,
    )


def _remember(
    ports: AuditPorts, connector: Connector, *, day: str, profiles: dict[str, int], found: dict[str, int]
) -> History:
    """Remember the numbers of this day, and return those of all days."""
    memory = ports.memory
    if memory is None:
        return {}
    memory.note_quality(connector.connector_id, day, USERS, profiles)
    memory.note_quality(connector.connector_id, day, CONTACTS_PART, found)
    return memory.quality(connector.connector_id)


def _read_contacts(ports: AuditPorts, connector: Connector) -> list[bytes]:
    """Return the contacts of the connector's companies, each id once."""
    packed: list[bytes] = []
    known: set[str] = set()
    for company_id in connector.company_ids:
        cursor, seen, is_read = None, 0, False
        while not is_read:
            page, cursor = _patiently(ports, lambda at=cursor, of=company_id: ports.contacts.fetch_contacts(of, at))  # type: ignore[misc] # mypy cannot infer a lambda with a default
            seen, is_read = seen + len(page), cursor is None
            fresh = [contact for contact in page if contact.id not in known]
            known.update(contact.id for contact in fresh)
            owners = ports.memory.owners(connector.home, [each.id for each in fresh]) if ports.memory else {}
            packed.extend(Listed.of(contact, owners.get(contact.id)).pack() for contact in fresh)
            ports.tell(f"{len(packed)} contacts read")
        counted = _patiently(ports, lambda of=company_id: ports.contacts.count_contacts(of))  # type: ignore[misc] # as above
        if counted - seen > tolerated_lack(counted):
            raise TransientError("contact_list_incomplete", vendor=connector.psa_kind)
    return packed


def _read_users(ports: AuditPorts, connector: Connector) -> Roster:
    """Return all users of the tenant; a list whose page link died is read again."""
    for restart in range(MOST_RESTARTS + 1):
        try:
            return _read_list(ports, connector)
        except ResyncError as error:
            if restart == MOST_RESTARTS:
                raise TransientError(error.reason, vendor=error.vendor, status=error.status) from error
    raise AssertionError  # pragma: no cover - the loop ends by itself


def _read_list(ports: AuditPorts, connector: Connector) -> Roster:
    scope = Scope(connector, SyncRequest())

    def is_in_scope(user: User) -> bool:
        try:
            return scope.decide(user) is None
        except ExpressionError:
            return True  # a run reports such a user as an error of its own, and leaves nobody out for it

    roster = Roster(is_in_scope)
    link: str | None = None
    while True:
        page = _patiently(ports, lambda at=link: ports.directory.fetch_users(at))  # type: ignore[misc] # as above
        for entry in page.entries:
            if isinstance(entry, User):
                roster.add(entry)
        ports.tell(f"{len(roster)} users read")
        link = page.next_link
        if link is None:
            return roster


def _patiently(ports: AuditPorts, fetch: Callable[[], T]) -> T:
    """Return what this fetches; while the budget that runs share is spent, wait for as long as it says."""
    while True:
        try:
            return fetch()
        except BudgetError as error:
            wait_s = max(error.retry_after_s or 0.0, 0.1)
            ports.tell(f"the vendor's budget is spent; going on in {wait_s:.0f} s")
            ports.sleep(wait_s)
