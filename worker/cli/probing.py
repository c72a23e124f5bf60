"""What `check` asks: login, permissions, companies, mapping. Every probe only reads; an error becomes a finding."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from adapters.errors import SyncError
from adapters.records import Company, PsaSchema
from adapters.records.runs import Lane
from adapters.store import Store
from adapters.transport import Budget
from tasks.connector import Connector
from tasks.mapping_checks import check_mapping
from tasks.stepping import message_of
from worker.compose import shared_budgets
from worker.configuration import to_documents
from worker.settings import Settings, snapshot_configuration
from worker.vendors import Vendors

__all__ = ["Finding", "Prober", "Verdict"]

Verdict = Literal["ok", "warning", "failed"]
Found = tuple[str, Verdict, str]
"""What was looked at, how it is, and the words for it."""
Json = dict[str, Any]

VERSION = 1
LANE: Lane = "targeted"
NOBODY = "00000000-0000-0000-0000-000000000000"  # asked for among deleted users: the permission answers, no user does


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    connector: str
    what: str
    verdict: Verdict
    detail: str

    def as_json(self) -> Json:
        """Return the fields."""
        return asdict(self)


class FileAsSnapshot:
    """The configuration file as if it were published: what is checked is what the file says."""

    def __init__(self, settings: Settings) -> None:
        """Take the file's documents."""
        self._documents = to_documents(settings)

    def current_version(self) -> int:
        """Return the only version."""
        return VERSION

    def get(self, version: int) -> Json:
        """Return the file's documents, whatever the version."""
        del version
        return self._documents


@dataclass
class Pace:
    """A budget of this process alone, for a check while no store is there to share one: evenly spaced calls."""

    per_minute: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _next_s: float = field(default=0.0, init=False)

    def reserve(self) -> None:
        """Wait for the next call's turn."""
        now_s = self.clock()
        if self._next_s > now_s:
            self.sleep(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + 60 / self.per_minute

    def pause(self, seconds: float) -> None:
        """Put the next call off."""
        self._next_s = self.clock() + seconds

    def succeeded(self) -> None:
        """Go on."""

    def failed(self) -> None:
        """Go on."""


class Prober:
    """Checks connectors, each PSA instance once."""

    def __init__(self, settings: Settings, store: Store | None) -> None:
        """Take the file's settings, and the store whose budgets are shared; None: there is none now."""
        configuration = snapshot_configuration(settings, FileAsSnapshot(settings))
        self._vendors = Vendors(configuration, _own_budget if store is None else shared_budgets(store))
        self._instances: dict[str, list[Found]] = {}

    def close(self) -> None:
        """Close the connections to the vendors."""
        self._vendors.close()

    def probe(self, connector: Connector) -> Iterator[Finding]:
        """Yield what is found about one connector, as it is found."""
        yield from self._found(connector, "Microsoft 365", self._directory)
        yield from self._found(connector, "PSA login", self._instance)
        if self._instances[connector.psa][0][1] != "failed":
            yield from self._found(connector, "companies", self._companies)
            yield from self._found(connector, "mapping", self._mapping)

    def schema(self, connector: Connector) -> PsaSchema:
        """Read the fields of a connector's PSA. Raises SyncError."""
        return self._vendors.contacts_of(connector, version=VERSION, lane=LANE).fetch_schema()

    def _found(
        self, connector: Connector, what: str, part: Callable[[Connector], Iterator[Found]]
    ) -> Iterator[Finding]:
        """Yield a part's findings; an error ends the part and is one itself."""
        try:
            for found in part(connector):
                yield Finding(connector.connector_id, *found)
        except SyncError as error:
            yield Finding(connector.connector_id, what, "failed", message_of(error))

    def _directory(self, connector: Connector) -> Iterator[Found]:
        directory = self._vendors.directory_of(connector, version=VERSION, lane=LANE)
        tenant = directory.fetch_organization()
        domain = tenant.domains[0] if tenant.domains else "no verified domain"
        yield "Microsoft 365 login", "ok", f"{tenant.name}, {domain} (Organization.Read.All)"
        enabled, everybody = directory.count_users(enabled_only=True), directory.count_users(enabled_only=False)
        yield "users", "ok", f"{enabled} enabled of {everybody} (User.Read.All)"
        directory.fetch_latest_delta_link()
        directory.fetch_deleted_user(NOBODY)
        yield "changes and deleted users", "ok", "readable (Directory.Read.All)"

    def _instance(self, connector: Connector) -> Iterator[Found]:
        if connector.psa not in self._instances:
            try:
                self._instances[connector.psa] = list(self._login(connector))
            except SyncError as error:
                self._instances[connector.psa] = [("PSA login", "failed", message_of(error))]
        yield from self._instances[connector.psa]

    def _login(self, connector: Connector) -> Iterator[Found]:
        facts = self._vendors.contacts_of(connector, version=VERSION, lane=LANE).check()
        version = facts.version or "unknown"
        yield "PSA login", "ok", f"{connector.psa} is {connector.psa_kind}, version {version}, at {facts.codebase}"
        if facts.missing:
            lists = ", ".join(facts.missing)
            yield "PSA permissions", "failed", f"the API member's security role may not read: {lists}"
        if facts.vendor_sync:
            warning = "the PSA's own Microsoft 365 contact sync is on: two writers would fight; switch one off"
            yield "PSA contact sync", "warning", warning

    def _companies(self, connector: Connector) -> Iterator[Found]:
        contacts = self._vendors.contacts_of(connector, version=VERSION, lane=LANE)
        for company_id in connector.company_ids:
            company = contacts.fetch_company(company_id)
            held = contacts.count_contacts(company_id)
            verdict: Verdict = "failed" if company.deleted else "ok" if company.active else "warning"
            state = "deleted" if company.deleted else "active" if company.active else "inactive"
            yield f"company {company_id}", verdict, f"{company.name}: {state}, {held} contacts"
            yield from _sites(connector, company)

    def _mapping(self, connector: Connector) -> Iterator[Found]:
        problems = check_mapping(connector, self.schema(connector))
        for problem in problems:
            yield "mapping", "failed", problem
        if not problems:
            yield "mapping", "ok", f"{len(connector.field_mapping)} fields"


def _sites(connector: Connector, company: Company) -> Iterator[Found]:
    known = {site_id for site_id, _ in company.sites}
    for rule in connector.company_rules:
        if rule.company_id == company.id and rule.site_id is not None and rule.site_id not in known:
            yield f"site {rule.site_id}", "failed", f"company {company.id} has no such site; it has {sorted(known)}"


def _own_budget(name: str, *, lane: Lane, per_minute: float, vendor: str) -> Budget:
    del name, lane, vendor
    return Pace(per_minute)
