"""Everything that the sandbox holds, and how it is set back."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography import x509

from ops.sandbox.audit import Audit
from ops.sandbox.autotask.installation import AutotaskInstallation
from ops.sandbox.clock import Clock
from ops.sandbox.connectwise.installation import ConnectWiseInstallation
from ops.sandbox.counters import Counters
from ops.sandbox.faults import Faults
from ops.sandbox.halo.installation import HaloInstallation
from ops.sandbox.http import Json
from ops.sandbox.installation import Installation
from ops.sandbox.microsoft.delivery import Deliveries
from ops.sandbox.microsoft.login import Login
from ops.sandbox.microsoft.routes import Graph
from ops.sandbox.microsoft.seed import load_tenant
from ops.sandbox.microsoft.state import Directory, Tenant
from ops.sandbox.microsoft.subscriptions import Subscriptions
from ops.sandbox.microsoft.tokens import TokenOffice
from ops.sandbox.people import Cast, Person
from ops.sandbox.seeding import Seed, build_cast, company_of, domain_of, name_of
from ops.sandbox.settings import Settings
from ops.sandbox.truth import Truth, TruthFinder
from ops.sandbox.vendor import Vendor
from ops.sandbox.verdict import Judge

INSTALLATIONS: tuple[Callable[[Clock, Audit, Settings], Installation], ...] = (
    ConnectWiseInstallation,
    AutotaskInstallation,
    HaloInstallation,
)
"""Every PSA; the first is meant where none is named."""
_LARGE = 10_000  # users: from here on filling takes long enough for a first caller to notice


class World:
    """All vendors on one clock. A PSA is filled when it is first asked for: few tests need more than one."""

    def __init__(
        self, certificate: x509.Certificate, seed: Seed, *, latency_ms: float, ca_file: Path | None = None
    ) -> None:
        self.office = TokenOffice(certificate)
        self._start_latency_ms = latency_ms
        self.settings = Settings()
        self.deliveries = Deliveries(self.settings, ca_file)
        self.faults = Faults()
        self.counters = Counters()
        self.current_seed = seed
        self._casts: list[Cast] = []
        self._installations: dict[str, Installation] = {}
        self._empty: set[str] = set()
        self.seed(seed)
        self.installation()

    def seed(self, seed: Seed) -> None:
        """Forget everything and fill anew; tokens stay valid."""
        if not self._casts or seed != self.current_seed:
            self._casts = [build_cast(number, seed) for number in range(len(seed.sizes))]
        self.current_seed = seed
        self.clock = Clock()
        self.settings.reset()
        self.deliveries.clear()
        self.faults.clear()
        self.counters.clear()
        self.latency_ms = self._start_latency_ms
        self.audit = Audit(self.clock)
        self.directory = Directory(self.clock)
        self.login = Login(self.directory, self.office, self.settings)
        self.subscriptions = Subscriptions(self.deliveries, self.settings)
        self.graph = Graph(self.directory, self.office, self.settings, subscriptions=self.subscriptions)
        in_use = set(self._installations) - self._empty
        made = [make(self.clock, self.audit, self.settings) for make in INSTALLATIONS]
        self._installations = {installation.vendor.name: installation for installation in made}
        self._empty = set(self._installations)
        self._vendors: tuple[Vendor, ...] = (*(one.vendor for one in made), self.graph, self.login)
        self._company_by_tenant: dict[str, int] = {}
        for number, cast in enumerate(self._casts):
            tenant = load_tenant(self.directory, number, name=name_of(number), domain=domain_of(number), cast=cast)
            tenant.on_change = self.subscriptions.changed
            self._company_by_tenant[tenant.id] = company_of(number)
        self.rebase()
        if sum(seed.sizes) > _LARGE:
            for name in in_use:
                self.installation(name)

    def installations(self) -> Mapping[str, Installation]:
        """Every PSA by name, filled or not."""
        return self._installations

    def installation(self, name: str | None = None) -> Installation:
        """The PSA of that name, filled; raises ValueError."""
        name = name or next(iter(self._installations))
        if name not in self._installations:
            raise ValueError(f"vendor {name!r} is none of {', '.join(self._installations)}")
        installation = self._installations[name]
        if name in self._empty:
            self._empty.remove(name)
            self._fill(installation)
            self._contacts_then[name] = dict(installation.contacts())
        return installation

    def _fill(self, installation: Installation) -> None:
        installation.load_tables()
        for number, cast in enumerate(self._casts):
            identifier = f"CUSTOMER{number + 1}" if number else "CONTOSO"
            installation.load_company(company_of(number), identifier=identifier, name=name_of(number))
            installation.load_contacts(cast.known)

    def vendor_for(self, path: str) -> Vendor | None:
        """The vendor whose path it is, ready to answer."""
        vendor = next((vendor for vendor in self._vendors if vendor.handles(path)), None)
        if vendor is not None and vendor.name in self._empty:
            self.installation(vendor.name)
        return vendor

    def rebase(self) -> None:
        """Take the present state as that before the next run."""
        self._users_then = {tenant.id: dict(tenant.users) for tenant in self.directory.tenants.values()}
        self._contacts_then: dict[str, dict[int, Json]] = {
            name: dict(one.contacts()) for name, one in self._installations.items() if name not in self._empty
        }
        self._truths: dict[tuple[str, str, int], Truth] = {}

    def company_for(self, tenant: Tenant) -> int:
        """The company that belongs to a tenant, the same number in every PSA."""
        return self._company_by_tenant.get(tenant.id, company_of(0))

    def truth(self, tenant: Tenant, company_id: int, *, vendor: str | None = None) -> Truth:
        """What the next full run has to do, as of the last seed, reset or mutation."""
        psa = self.installation(vendor)
        key = (psa.vendor.name, tenant.id, company_id)
        if key not in self._truths:
            people = map(psa.person_of, self._contacts_then[psa.vendor.name].values())
            contacts = [person for person in people if person.company_id == company_id]
            self._truths[key] = TruthFinder(self._users_then[tenant.id].values(), contacts, psa.rules()).find()
        return self._truths[key]

    def verdict(self, tenant: Tenant, company_id: int, *, vendor: str | None = None) -> Json:
        """Whether the PSA is as the run had to leave it; companies of other tenants are not looked at."""
        psa = self.installation(vendor)
        others = {number for number in self._company_by_tenant.values() if number != company_id}
        before = _people(psa, self._contacts_then[psa.vendor.name], others)
        after = _people(psa, psa.contacts(), others)
        truth = self.truth(tenant, company_id, vendor=psa.vendor.name)
        return Judge(truth, before, after, company_id=company_id).verdict()

    def limits(self) -> Json:
        """The limits in force."""
        return {
            **{name: installation.limits() for name, installation in self._installations.items()},
            "graph": {"units_per_10s": self.graph.units_per_10s, "writes_per_150s": self.graph.writes_per_150s},
            "login": {"per_minute": self.login.window.limit},
            "latency_ms": self.latency_ms,
        }

    def set_limits(self, body: Json) -> Json:
        """Change limits; null means the documented value, 0 none. What was used so far is forgotten."""
        if unknown := set(body) - {"graph", "login", "latency_ms"} - set(self._installations):
            raise ValueError(f"unknown limits {', '.join(sorted(unknown))}")
        for name in set(body) & set(self._installations):
            self._installations[name].set_limits(body[name])
        if "graph" in body:
            self.graph.units_per_10s = body["graph"].get("units_per_10s")
            self.graph.writes_per_150s = body["graph"].get("writes_per_150s")
            self.graph.forget_usage()
        if "login" in body:
            self.login.window = type(self.login.window)(body["login"].get("per_minute"), 60)
        self.latency_ms = float(body.get("latency_ms", self.latency_ms))
        return self.limits()


def _people(psa: Installation, contacts: Mapping[int, Json], without: set[int]) -> dict[int, Person]:
    people = map(psa.person_of, contacts.values())
    return {person.id: person for person in people if person.company_id not in without}
