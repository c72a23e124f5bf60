"""Vendor settings → adapters: one client per address, one directory per tenant, one PSA adapter per instance."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from pydantic import SecretStr

from adapters import autotask, connectwise, halo
from adapters.graph import AppRegistration, Certificate, Cloud, GraphDirectory
from adapters.read_only import ReadOnlyContacts
from adapters.records import Run
from adapters.records.runs import Lane
from adapters.transport import Budget, Slots, make_client
from tasks.connector import Connector
from tasks.ports import Contacts
from worker.configuration import AnyPsa, AutotaskPsa, ConnectwisePsa, GraphApp, HaloPsa, SnapshotConfiguration

CALLS_PER_MINUTE = {  # leaves room for the MSP's other tools; vendors' limits: 1,000/min, 10,000/h, 700 per 5 min
    "connectwise": 300.0,
    "autotask": 83.0,
    "halo": 80.0,
}
AUTOTASK_AT_ONCE = 2  # of an object; the vendor counts 3
AUTOTASK_LINGER_S = 0.2  # it counts a request a little beyond its answer
GRAPH_CALLS_PER_MINUTE = 6000.0  # per app and tenant; 3,500 to 8,000 resource units per 10 s are allowed

T = TypeVar("T")


class MakeBudget(Protocol):
    """How the store's budgets are made."""

    def __call__(self, name: str, *, lane: Lane, per_minute: float, vendor: str) -> Budget:
        """Return the budget of a vendor instance for one lane."""


class MakeSlots(Protocol):
    """How the store's places for requests under way are made."""

    def __call__(self, name: str, *, most: int, linger_s: float, vendor: str) -> Slots:
        """Return the places of a vendor instance, each taken so much longer than its request."""


class InstanceFacts(Protocol):
    """What a check of a PSA found. None: we may not know."""

    @property
    def codebase(self) -> str:
        """Where its API lives."""

    @property
    def version(self) -> str | None:
        """Its release."""

    @property
    def vendor_sync(self) -> bool | None:
        """Whether the vendor's own Microsoft 365 sync is on."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The lists that we may not read."""


class PsaContacts(Contacts, Protocol):
    """A PSA as this package builds it: what tasks need of it, a check, and a copy for another lane."""

    def check(self) -> InstanceFacts:
        """Prove address, keys, reading rights and configuration."""

    def with_budget(self, budget: Budget) -> "PsaContacts":
        """Return a copy that spends another lane's budget."""


class Vendors:
    """Builds adapters on first use and keeps them for the life of the process; thread-safe.

    They are kept by their settings, so a new configuration version with the same keys goes on with the same clients."""

    def __init__(
        self, configuration: SnapshotConfiguration, make_budget: MakeBudget, *, make_slots: MakeSlots | None = None
    ) -> None:
        """Take where settings come from and how budgets are made; without slots this process is alone."""
        self.configuration = configuration
        self._make_budget = make_budget
        self._make_slots = make_slots
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
        return GraphDirectory(tenant_id, registration, client=self._client(_path(app.ca_file)), budget=budget)

    def _build_psa(self, name: str, psa: AnyPsa) -> PsaContacts:
        if isinstance(psa, ConnectwisePsa):
            return self._build_connectwise(name, psa)
        return self._build_halo(name, psa) if isinstance(psa, HaloPsa) else self._build_autotask(name, psa)

    def _build_connectwise(self, name: str, psa: ConnectwisePsa) -> PsaContacts:
        access = connectwise.Access(
            site_url=psa.site_url,
            company=psa.company,
            public_key=psa.public_key,
            private_key=psa.private_key.get_secret_value(),
            client_id=psa.client_id.get_secret_value(),
        )
        return connectwise.ConnectWiseContacts(
            access,
            client=self._client(_path(psa.ca_file)),
            budget=self._psa_budget(name, psa, "bulk"),
            settings=connectwise.FieldSettings(entra_id_field=psa.entra_id_field) if psa.entra_id_field else None,
        )

    def _build_halo(self, name: str, psa: HaloPsa) -> PsaContacts:
        access = halo.Access(
            resource_url=psa.resource_url,
            auth_url=psa.auth_url,
            tenant=psa.tenant,
            client_id=psa.client_id,
            client_secret=psa.client_secret.get_secret_value(),
        )
        settings = halo.FieldSettings(
            mobile_field=psa.mobile_field,
            contact_type_field=psa.contact_type_field,
            contact_types=psa.contact_types,
            users_report=psa.users_report,
            fires_automations=psa.fires_automations,
        )
        if psa.entra_id_field:
            settings = replace(settings, entra_id_field=psa.entra_id_field)
        return halo.HaloContacts(
            access,
            client=self._client(_path(psa.ca_file)),
            budget=self._psa_budget(name, psa, "bulk"),
            settings=settings,
        )

    def _build_autotask(self, name: str, psa: AutotaskPsa) -> PsaContacts:
        access = autotask.Access(
            zone_url=psa.zone_url,
            username=psa.username,
            secret=psa.secret.get_secret_value(),
            integration_code=psa.integration_code.get_secret_value(),
        )
        settings = autotask.FieldSettings(contact_type_field=psa.contact_type_field)
        if psa.entra_id_field:
            settings = replace(settings, entra_id_field=psa.entra_id_field)
        return autotask.AutotaskContacts(
            access,
            client=self._client(_path(psa.ca_file)),
            budget=self._psa_budget(name, psa, "bulk"),
            slots=self._slots(name, psa),
            settings=settings,
        )

    def _slots(self, name: str, psa: AutotaskPsa) -> Slots | None:
        if self._make_slots is None:
            return None
        return self._make_slots(name, most=AUTOTASK_AT_ONCE, linger_s=AUTOTASK_LINGER_S, vendor=psa.kind)

    def _graph_budget(self, tenant_id: str, lane: Lane) -> Budget:
        return self._make_budget(f"graph:{tenant_id}", lane=lane, per_minute=GRAPH_CALLS_PER_MINUTE, vendor="graph")

    def _psa_budget(self, name: str, psa: AnyPsa, lane: Lane) -> Budget:
        per_minute = float(psa.requests_per_minute or CALLS_PER_MINUTE[psa.kind])
        return self._make_budget(name, lane=lane, per_minute=per_minute, vendor=psa.kind)


def _secret(value: Any) -> str | None:
    return value.get_secret_value() if value is not None else None


def _secrets(section: AnyPsa) -> tuple[str, ...]:
    """Return the secrets of a section, which its JSON hides."""
    return tuple(value.get_secret_value() for _, value in section if isinstance(value, SecretStr))


def _path(file: Any) -> str | None:
    return str(file) if file is not None else None
