"""Vendor settings → adapters: one client per address, one directory per tenant, one PSA adapter per instance."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import SecretStr

from adapters.graph import AppRegistration, Certificate, Cloud, GraphDirectory, GraphSubscriptions
from adapters.limits import Budget, Slots
from adapters.read_only import ReadOnlyContacts
from adapters.records import Run
from adapters.records.runs import Lane
from adapters.transport import Observer, make_client
from tasks.connector import Connector
from tasks.ports import Contacts, Expiry
from worker.configuration import GraphApp, Parts, PsaContacts, PsaSection, SnapshotConfiguration, psa_kinds
from worker.expiring import expiring

GRAPH_CALLS_PER_MINUTE = 6000.0  # per app and tenant; 3,500 to 8,000 resource units per 10 s are allowed

T = TypeVar("T")


class MakeBudget(Protocol):
    """How the store's budgets are made."""

    def __call__(self, name: str, *, lane: Lane, per_minute: float, vendor: str) -> Budget:
        """Return the budget of a vendor instance for one lane."""


class MakeSlots(Protocol):
    """How the store's places for requests under way are made."""

    def __call__(self, name: str, *, most: int, linger_s: float, counted_by: tuple[str, ...], vendor: str) -> Slots:
        """Return the places of a vendor instance, each taken so much longer than its request."""


class Vendors:
    """Builds adapters on first use and keeps them for the life of the process; thread-safe.

    They are kept by their settings, so a new configuration version with the same keys goes on with the same clients."""

    def __init__(
        self,
        configuration: SnapshotConfiguration,
        make_budget: MakeBudget,
        *,
        make_slots: MakeSlots | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Take where settings come from and how budgets are made; without slots this process is alone.

        `observer` is told of each call."""
        self.configuration = configuration
        self._make_budget = make_budget
        self._make_slots = make_slots
        self._observer = observer
        self._built: dict[Any, Any] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the connections; for a process that goes on without vendors."""
        with self._lock:
            for key, built in self._built.items():
                if key[0] == "client":
                    built.close()
            self._built.clear()

    def directory(self, run: Run) -> GraphDirectory:
        """Return the tenant of this run's connector, through the run's lane."""
        version = run.config_version or self.configuration.current_version()
        connector = self.configuration.connector(run.connector_id, version=version)
        return self.directory_of(connector, version=version, lane=run.lane)

    def directory_of(self, connector: Connector, *, version: int, lane: Lane) -> GraphDirectory:
        """Return a connector's tenant."""
        app = self.configuration.graph_app(connector.graph_app, version=version)
        key = (connector.tenant_id, app.model_dump_json(), _secret(app.client_secret))
        first = self._once(key, lambda: self._build_directory(connector.tenant_id, app))
        return self._once((*key, lane), lambda: first.with_budget(self._graph_budget(connector.tenant_id, lane)))

    def subscriptions(self, connector_id: str, version: int) -> GraphSubscriptions:
        """Return the subscriptions of a connector's tenant. Raises KeyError, TenantError."""
        connector = self.configuration.connector(connector_id, version=version)
        return self.directory_of(connector, version=version, lane="targeted").subscriptions

    def contacts(self, run: Run) -> Contacts:
        """Return the PSA of this run's connector, through the run's lane; a dry run's only reads."""
        version = run.config_version or self.configuration.current_version()
        connector = self.configuration.connector(run.connector_id, version=version)
        contacts = self.contacts_of(connector, version=version, lane=run.lane)
        return ReadOnlyContacts(contacts) if run.dry_run else contacts

    def contacts_of(self, connector: Connector, *, version: int, lane: Lane) -> PsaContacts:
        """Return a connector's PSA."""
        psa = self.configuration.psa(connector.psa, version=version)
        key = (connector.psa, psa.model_dump_json(), *_secrets(psa))
        first = self._once(key, lambda: self._build_psa(connector.psa, psa))
        return self._once((*key, lane), lambda: first.with_budget(self._psa_budget(connector.psa, psa, lane)))

    def expiries(self, now_ms: int) -> list[Expiry]:
        """Name the credentials of the published configuration whose end is known, and how many days they have left."""
        version = self.configuration.current_version()
        return expiring(self.configuration, version=version, now=datetime.fromtimestamp(now_ms / 1000, UTC))

    def _once(self, key: Any, build: Callable[[], T]) -> T:
        with self._lock:
            if key not in self._built:
                self._built[key] = build()
            kept: T = self._built[key]
            return kept

    def _client(self, ca_file: str | None) -> Any:
        return self._once(("client", ca_file), lambda: make_client(ca_file))

    def _build_directory(self, tenant_id: str, app: GraphApp) -> GraphDirectory:
        certificate = (
            Certificate(private_key_file=str(app.private_key_file), certificate_file=str(app.certificate_file))
            if app.certificate_file
            else None
        )
        registration = AppRegistration(
            client_id=app.client_id,
            secret=_secret(app.client_secret),
            certificate=certificate,
            cloud=Cloud(login_url=app.login_url, graph_url=app.graph_url, scope=app.scope),
        )
        budget = self._graph_budget(tenant_id, "bulk")
        client = self._client(_path(app.ca_file))
        return GraphDirectory(tenant_id, registration, client=client, budget=budget, observer=self._observer)

    def _build_psa(self, name: str, psa: PsaSection) -> PsaContacts:
        make_slots = self._make_slots

        def slots(*, most: int, linger_s: float, counted_by: tuple[str, ...]) -> Slots | None:
            if make_slots is None:
                return None
            return make_slots(name, most=most, linger_s=linger_s, counted_by=counted_by, vendor=psa.kind)

        client, budget = self._client(_path(psa.ca_file)), self._psa_budget(name, psa, "bulk")
        parts = Parts(client=client, budget=budget, slots=slots, observer=self._observer)
        return psa_kinds()[psa.kind].build(psa, parts)

    def _graph_budget(self, tenant_id: str, lane: Lane) -> Budget:
        return self._make_budget(f"graph:{tenant_id}", lane=lane, per_minute=GRAPH_CALLS_PER_MINUTE, vendor="graph")

    def _psa_budget(self, name: str, psa: PsaSection, lane: Lane) -> Budget:
        per_minute = float(psa.requests_per_minute or psa_kinds()[psa.kind].calls_per_minute)
        return self._make_budget(name, lane=lane, per_minute=per_minute, vendor=psa.kind)


def _secret(value: Any) -> str | None:
    return value.get_secret_value() if value is not None else None


def _secrets(section: PsaSection) -> tuple[str, ...]:
    """Return the secrets of a section, which its JSON hides."""
    return tuple(value.get_secret_value() for _, value in section if isinstance(value, SecretStr))


def _path(file: Any) -> str | None:
    return str(file) if file is not None else None
