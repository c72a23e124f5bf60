"""Everything that the sandbox holds, and how it is set back."""

from collections.abc import Iterable

from cryptography import x509

from ops.sandbox.audit import Audit
from ops.sandbox.clock import Clock
from ops.sandbox.connectwise import routes as connectwise_routes
from ops.sandbox.connectwise.routes import ConnectWise
from ops.sandbox.connectwise.seed import add_company, load_contacts, load_tables
from ops.sandbox.connectwise.state import Psa
from ops.sandbox.connectwise.view import person_of
from ops.sandbox.counters import Counters
from ops.sandbox.faults import Faults
from ops.sandbox.http import Json
from ops.sandbox.microsoft.login import Login
from ops.sandbox.microsoft.routes import Graph
from ops.sandbox.microsoft.seed import load_tenant
from ops.sandbox.microsoft.state import Directory, Tenant
from ops.sandbox.microsoft.tokens import TokenOffice
from ops.sandbox.people import Cast, Person
from ops.sandbox.seeding import Seed, build_cast, company_of, domain_of, name_of
from ops.sandbox.settings import Settings
from ops.sandbox.truth import Truth, TruthFinder
from ops.sandbox.vendor import Vendor
from ops.sandbox.verdict import Judge


class World:
    """All vendors on one clock."""

    def __init__(self, certificate: x509.Certificate, seed: Seed, *, latency_ms: float) -> None:
        self.office = TokenOffice(certificate)
        self._start_latency_ms = latency_ms
        self.settings = Settings()
        self.faults = Faults()
        self.counters = Counters()
        self.current_seed = seed
        self._casts: list[Cast] = []
        self.seed(seed)

    def seed(self, seed: Seed) -> None:
        """Forget everything and fill anew; tokens stay valid."""
        if not self._casts or seed != self.current_seed:
            self._casts = [build_cast(number, seed) for number in range(len(seed.sizes))]
        self.current_seed = seed
        self.clock = Clock()
        self.settings.reset()
        self.faults.clear()
        self.counters.clear()
        self.latency_ms = self._start_latency_ms
        self.audit = Audit(self.clock)
        self.directory = Directory(self.clock)
        self.psa = Psa(self.clock, self.audit)
        self.login = Login(self.directory, self.office, self.settings)
        self.graph = Graph(self.directory, self.office, self.settings)
        self.connectwise = ConnectWise(self.psa, self.settings)
        self.vendors: tuple[Vendor, ...] = (self.connectwise, self.graph, self.login)
        self._fill()
        self.rebase()

    def _fill(self) -> None:
        load_tables(self.psa)
        self._company_by_tenant: dict[str, int] = {}
        for number, cast in enumerate(self._casts):
            name, domain, company_id = name_of(number), domain_of(number), company_of(number)
            tenant = load_tenant(self.directory, number, name=name, domain=domain, cast=cast)
            add_company(self.psa, company_id, identifier=f"CUST{number + 1}" if number else "CONTOSO", name=name)
            load_contacts(self.psa, self.settings, cast.known)
            self._company_by_tenant[tenant.id] = company_id

    def vendor_for(self, path: str) -> Vendor | None:
        """The vendor whose path it is."""
        return next((vendor for vendor in self.vendors if vendor.handles(path)), None)

    def rebase(self) -> None:
        """Take the present state as that before the next run."""
        self._users_then = {tenant.id: dict(tenant.users) for tenant in self.directory.tenants.values()}
        self._contacts_then = dict(self.psa.contacts)
        self._truths: dict[tuple[str, int], Truth] = {}

    def company_for(self, tenant: Tenant) -> int:
        """The company that belongs to a tenant."""
        return self._company_by_tenant.get(tenant.id, company_of(0))

    def truth(self, tenant: Tenant, company_id: int) -> Truth:
        """What the next full run has to do, as of the last seed, reset or mutation."""
        key = (tenant.id, company_id)
        if key not in self._truths:
            contacts = [
                person_of(c) for c in self._contacts_then.values() if c.get("company", {}).get("id") == company_id
            ]
            departments = [record["name"] for record in self.psa.departments.values()]
            self._truths[key] = TruthFinder(
                self._users_then[tenant.id].values(), contacts, departments=departments
            ).find()
        return self._truths[key]

    def verdict(self, tenant: Tenant, company_id: int) -> Json:
        """Whether the PSA is as the run had to leave it; companies of other tenants are not looked at."""
        others = {number for number in self._company_by_tenant.values() if number != company_id}
        before = _people(self._contacts_then.values(), others)
        after = _people(self.psa.contacts.values(), others)
        return Judge(self.truth(tenant, company_id), before, after, company_id=company_id).verdict()

    def limits(self) -> Json:
        """The limits in force."""
        return {
            "connectwise": {"per_minute": self.connectwise.window.limit},
            "graph": {"units_per_10s": self.graph.units_per_10s, "writes_per_150s": self.graph.writes_per_150s},
            "login": {"per_minute": self.login.window.limit},
            "latency_ms": self.latency_ms,
        }

    def set_limits(self, body: Json) -> Json:
        """Change limits; null means the documented value, 0 none. What was used so far is forgotten."""
        if unknown := set(body) - {"connectwise", "graph", "login", "latency_ms"}:
            raise ValueError(f"unknown limits {', '.join(sorted(unknown))}")
        if "connectwise" in body:
            limit = body["connectwise"].get("per_minute")
            self.connectwise.window = type(self.connectwise.window)(
                connectwise_routes.DOCUMENTED_PER_MINUTE if limit is None else int(limit), 60
            )
        if "graph" in body:
            self.graph.units_per_10s = body["graph"].get("units_per_10s")
            self.graph.writes_per_150s = body["graph"].get("writes_per_150s")
            self.graph.forget_usage()
        if "login" in body:
            self.login.window = type(self.login.window)(body["login"].get("per_minute"), 60)
        self.latency_ms = float(body.get("latency_ms", self.latency_ms))
        return self.limits()


def _people(contacts: Iterable[Json], without: set[int]) -> dict[int, Person]:
    return {c["id"]: person_of(c) for c in contacts if c.get("company", {}).get("id") not in without}
