"""What `check` asks: login, permissions, companies, mapping. Every probe only reads; an error becomes a finding."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.errors import SyncError
from adapters.limits import Budget
from adapters.records import Company, Organization, PsaSchema
from adapters.records.runs import Lane
from adapters.store import Store
from tasks.connector import Connector
from tasks.mapping_checks import check_mapping
from tasks.pairing import CONFIRMED, DOUBTFUL, FITS, shared_domain
from tasks.stepping import message_of
from worker.cli.expiring import UNKNOWN, judge_ends, stated_ends, written_end
from worker.cli.findings import Finding, Found, Verdict
from worker.cli.overlapping import overlaps
from worker.cli.permissions import judge_roles
from worker.cli.unserved import find_unserved
from worker.compose import shared_budgets
from worker.configuration import PsaContacts, psa_kinds, to_documents
from worker.settings import Settings, snapshot_configuration
from worker.vendors import Vendors

__all__ = ["VERSION", "FileAsSnapshot", "Prober", "own_budget"]

Json = dict[str, Any]

VERSION = 1
LANE: Lane = "targeted"
NOBODY = "00000000-0000-0000-0000-000000000000"  # asked for among deleted users: the permission answers, no user does
MAY_READ_APPS = frozenset({"Application.Read.All", "Application.ReadWrite.All"})


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

    def __init__(self, settings: Settings, store: Store | None, *, confirm: bool = False) -> None:
        """Take the file's settings, and the store whose budgets are shared; None: there is none now.

        `confirm` says that a person vouches for the pairings."""
        configuration = snapshot_configuration(settings, FileAsSnapshot(settings))
        self._settings = settings
        self._store = store
        self._confirm = confirm
        self._vendors = Vendors(configuration, own_budget if store is None else shared_budgets(store))
        self._instances: dict[str, list[Found]] = {}

    def close(self) -> None:
        """Close the connections to the vendors."""
        self._vendors.close()

    def probe(self, connector: Connector) -> Iterator[Finding]:
        """Yield what is found about one connector, as it is found."""
        tenant: list[Organization] = []
        yield from _told(connector, "connectors", overlaps(connector, self._settings.connectors.values()))
        yield from _told(connector, "Microsoft 365", self._directory(connector, tenant))
        yield from _told(connector, "PSA login", self._instance(connector))
        if self._instances[connector.psa][0][1] != "failed":
            for company_id in connector.company_ids:
                yield from _told(connector, f"company {company_id}", self._company(connector, company_id, tenant))
            yield from _told(connector, "mapping", self._mapping(connector))

    def find_unserved(self) -> Iterator[Finding]:
        """Yield what is found about the companies of each PSA that was probed and answered."""
        connectors = self._settings.connectors.values()
        for psa, found in self._instances.items():
            if found[0][1] != "failed":
                ours = [each for each in connectors if each.psa == psa]
                served = {company_id for each in ours for company_id in each.company_ids}
                yield find_unserved(psa, self._contacts(ours[0]), served=served)

    def schema(self, connector: Connector) -> PsaSchema:
        """Read the fields of a connector's PSA. Raises SyncError."""
        return self._contacts(connector).fetch_schema()

    def _contacts(self, connector: Connector) -> PsaContacts:
        return self._vendors.contacts_of(connector, version=VERSION, lane=LANE)

    def _directory(self, connector: Connector, tenant: list[Organization]) -> Iterator[Found]:
        directory = self._vendors.directory_of(connector, version=VERSION, lane=LANE)
        organization = directory.fetch_organization()
        tenant.append(organization)
        domain = organization.domains[0] if organization.domains else "no verified domain"
        yield "Microsoft 365 login", "ok", f"{organization.name}, {domain} (Organization.Read.All)"
        roles = directory.fetch_roles()
        yield from judge_roles(roles)
        credentials = directory.fetch_credentials() if MAY_READ_APPS & (roles or set()) else None
        ends = list(judge_ends(stated_ends(self._settings.graph_apps[connector.graph_app]), credentials, now=_now()))
        yield from ends or [UNKNOWN]
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
        facts = self._contacts(connector).check()
        version = facts.version or "unknown"
        yield "PSA login", "ok", f"{connector.psa} is {connector.psa_kind}, version {version}, at {facts.codebase}"
        if facts.missing:
            lists = ", ".join(facts.missing)
            yield "PSA permissions", "failed", f"the API member's security role may not read: {lists}"
        if facts.vendor_sync:
            warning = "the PSA's own Microsoft 365 contact sync is on: two writers would fight; switch one off"
            yield "PSA contact sync", "warning", warning
        written = written_end("key", "key_expires", self._settings.psas[connector.psa].key_expires)
        yield from judge_ends(written, now=_now())
        yield self._rate(connector)

    def _rate(self, connector: Connector) -> Found:
        psa = self._settings.psas[connector.psa]
        per_minute = psa.requests_per_minute or psa_kinds()[psa.kind].calls_per_minute
        sharing = sum(each.psa == connector.psa for each in self._settings.connectors.values())
        return "PSA rate budget", "ok", f"{per_minute:g} calls a minute, for {sharing} connectors together"

    def _company(self, connector: Connector, company_id: str, tenant: list[Organization]) -> Iterator[Found]:
        contacts = self._contacts(connector)
        company = contacts.fetch_company(company_id)
        held = contacts.count_contacts(company_id)
        calls = math.ceil(held / contacts.fetch_schema().contacts_per_call)
        verdict: Verdict = "failed" if company.deleted else "ok" if company.active else "warning"
        state = "deleted" if company.deleted else "active" if company.active else "inactive"
        yield (
            f"company {company_id}",
            verdict,
            f"{company.name}: {state}, {held} contacts, {calls} calls to read them all",
        )
        if any(rule.company_id == company_id and rule.site_id is not None for rule in connector.company_rules):
            yield from _sites(connector, company_id, {site_id for site_id, _ in contacts.fetch_sites(company_id)})
        if tenant and not company.deleted:
            yield self._pairing(connector, tenant[0], company)

    def _pairing(self, connector: Connector, organization: Organization, company: Company) -> Found:
        """Compare tenant and company, and remember the answer where there is a store."""
        shared = shared_domain(organization, company, ())
        if shared is None:  # the website says nothing: what addresses do its people have?
            page, _ = self._contacts(connector).fetch_contacts(company.id)
            shared = shared_domain(organization, company, (mail for each in page for mail in each.emails))
        word = FITS if shared is not None else CONFIRMED if self._confirm else DOUBTFUL
        if self._store is not None:
            self._store.memory.save_pairing(connector.home, company.id, word)
            word = self._store.memory.pairings(connector.home, [company.id])[company.id]
        names = f"{organization.name} and {company.name}"
        if shared is not None:
            return "pairing", "ok", f"{names} share the domain {shared}"
        if word != DOUBTFUL:
            return "pairing", "ok" if self._store else "warning", _confirmed(names, is_kept=self._store is not None)
        domains = ", ".join(organization.domains) or "none is verified"
        rest = "until then no run writes" if self._store else "once it runs here, as this is not remembered now"
        detail = (
            f"{names} share no domain ({domains}): if they are the same customer, say so:"
            f" contact-sync check {connector.connector_id} --confirm; {rest}"
        )
        return "pairing", "failed", detail

    def _mapping(self, connector: Connector) -> Iterator[Found]:
        problems = check_mapping(connector, self.schema(connector))
        for problem in problems:
            yield "mapping", "failed", problem
        if not problems:
            yield "mapping", "ok", f"{len(connector.field_mapping)} fields"


def _now() -> datetime:
    return datetime.now(UTC)


def _told(connector: Connector, what: str, part: Iterator[Found]) -> Iterator[Finding]:
    """Yield a part's findings; an error ends the part and is one itself."""
    try:
        for found in part:
            yield Finding(connector.connector_id, *found)
    except SyncError as error:
        yield Finding(connector.connector_id, what, "failed", message_of(error))


def _confirmed(names: str, *, is_kept: bool) -> str:
    if is_kept:
        return f"{names} share no domain; a person confirmed that they are the same customer"
    return f"{names}: cannot be remembered, as contact-sync does not run here; confirm again once it does"


def _sites(connector: Connector, company_id: str, known: set[str]) -> Iterator[Found]:
    for rule in connector.company_rules:
        if rule.company_id == company_id and rule.site_id is not None and rule.site_id not in known:
            yield f"site {rule.site_id}", "failed", f"company {company_id} has no such site; it has {sorted(known)}"


def own_budget(name: str, *, lane: Lane, per_minute: float, vendor: str) -> Budget:
    """Return a budget of this process alone."""
    del name, lane, vendor
    return Pace(per_minute)
