"""Published configurations, as workers use them: one version's documents, and the port that keeps several at hand."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from adapters.errors import InstanceError, TenantError
from tasks.connector import Connector
from worker.configuration.connectors import ConnectorSection, build_connector
from worker.configuration.faults import check_table
from worker.configuration.graph_app import GraphApp
from worker.configuration.layers import Layer, Origin, merge
from worker.configuration.loading import Settings
from worker.configuration.problems import ConfigurationError, Problem
from worker.configuration.psas import PsaSection, psa_model
from worker.configuration.references import Resolver
from worker.configuration.rules import BuiltIn

Json = dict[str, Any]
VERSIONS_KEPT = 4  # open runs pin the current version and rarely more than one or two before it
SECRET_AGE_S = 60.0
INVALID = "configuration_invalid"


class Snapshots(Protocol):
    """The store's published configurations, numbered from 1."""

    def current_version(self) -> int:
        """Return the newest version; 0 if there is none."""
        ...

    def get(self, version: int) -> Json:
        """Return the documents of that version. Raises KeyError."""
        ...


def to_documents(settings: Settings) -> Json:
    """Return what is published: connectors with [defaults] merged in, psa, graph_app and defaults. Holds no secret."""
    return settings.documents


def from_documents(
    documents: Json, *, base_dir: Path, environment: Mapping[str, str], built_in: BuiltIn, name: str = "snapshot"
) -> "Snapshot":
    """Read published documents back; secrets are looked up here, from this environment and folder, when asked for."""
    return Snapshot(documents, resolver=Resolver(environment, base_dir), built_in=built_in, name=name)


class Snapshot:
    """One version. Each part is checked and built on first use, and kept; safe for threads.

    Secrets are looked up again after a minute, so that a new one in a file is used without a restart; one that cannot
    be read then, perhaps because it is being replaced, leaves the old one in use.
    """

    def __init__(
        self,
        documents: Json,
        *,
        resolver: Resolver,
        built_in: BuiltIn,
        name: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the documents; `name` is what problems call them."""
        self._documents = documents
        self._resolver = resolver
        self._built_in = built_in
        self._name = name
        self._clock = clock
        self._connectors: dict[str, Connector] = {}
        self._vendors: dict[tuple[str, str], tuple[float, Any]] = {}
        self._lock = threading.Lock()

    @property
    def connector_ids(self) -> tuple[str, ...]:
        """The connectors of this version."""
        return tuple(self._documents["connectors"])

    def check(self) -> None:
        """Build every part. Raises ConfigurationError with all that this release, here, cannot use."""
        builds: list[tuple[Callable[[str], object], str]] = [
            (self.psa, "psa"),
            (self.graph_app, "graph_app"),
            (self.connector, "connectors"),
        ]
        problems: list[Problem] = []
        for build, kind in builds:
            for name in self._documents[kind]:
                try:
                    build(name)
                except ConfigurationError as exc:
                    problems.extend(exc.problems)
        if problems:
            raise ConfigurationError(problems)

    @property
    def vendor_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The app registrations and the PSA instances of this version."""
        return tuple(self._documents["graph_app"]), tuple(self._documents["psa"])

    def psa_kind(self, name: str) -> str:
        """Return the kind of a PSA instance. Raises KeyError."""
        return str(self._documents["psa"][name]["kind"])

    def connector(self, connector_id: str) -> Connector:
        """Return the connector. Raises KeyError, or ConfigurationError if this release cannot use its document."""
        with self._lock:
            if connector_id not in self._connectors:
                self._connectors[connector_id] = self._build(connector_id)
            return self._connectors[connector_id]

    def psa(self, name: str) -> PsaSection:
        """Return how a PSA instance is reached. Raises KeyError, or ConfigurationError if a secret is missing here."""
        psa: PsaSection = self._vendor("psa", name, psa_model())
        return psa

    def graph_app(self, name: str) -> GraphApp:
        """Return an app registration. Raises KeyError, or ConfigurationError if a secret is missing here."""
        app: GraphApp = self._vendor("graph_app", name, GraphApp)
        return app

    def _vendor(self, kind: str, name: str, model: Any) -> Any:
        with self._lock:
            read_at, vendor = self._vendors.get((kind, name), (0.0, None))
            now = self._clock()
            if vendor is None or now - read_at > SECRET_AGE_S:
                try:
                    vendor = self._read(kind, name, model)
                except ConfigurationError:
                    if vendor is None:
                        raise
                self._vendors[kind, name] = now, vendor
            return vendor

    def _read(self, kind: str, name: str, model: Any) -> Any:
        merged = merge([Layer(Origin(self._name, f"{kind}.{name}"), self._documents[kind][name])])
        problems: list[Problem] = []
        checked = check_table(merged, model, resolver=self._resolver, problems=problems)
        if checked.section is None:
            raise ConfigurationError(problems)
        return checked.section

    def _build(self, connector_id: str) -> Connector:
        section: ConnectorSection = self._read("connectors", connector_id, ConnectorSection)
        psa = self._documents["psa"][str(section.psa)]
        default_mapping = self._built_in.default_mapping(psa["kind"])
        return build_connector(connector_id, section, psa=psa, default_mapping=default_mapping)


class SnapshotConfiguration:
    """The configuration port of tasks, with the vendors' settings beside it: the last few versions, read once each."""

    def __init__(
        self, snapshots: Snapshots, *, base_dir: Path, environment: Mapping[str, str], built_in: BuiltIn
    ) -> None:
        """Take the store's snapshots, and where secrets are looked up."""
        self._snapshots = snapshots
        self._base_dir = base_dir
        self._environment = environment
        self._built_in = built_in
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._lock = threading.Lock()

    def current_version(self) -> int:
        """Return the newest published version; 0 if there is none."""
        return self._snapshots.current_version()

    def connectors(self, *, version: int) -> tuple[str, ...]:
        """List the connector ids of that version; none of version 0."""
        return self._snapshot(version).connector_ids if version else ()

    def connector(self, connector_id: str, *, version: int) -> Connector:
        """Return a connector of that version. Raises KeyError; TenantError if this release cannot use its document."""
        snapshot = self._snapshot(version)
        try:
            return snapshot.connector(connector_id)
        except ConfigurationError as exc:
            raise TenantError(INVALID, vendor="configuration") from exc

    def psa(self, name: str, *, version: int) -> PsaSection:
        """Return how a PSA instance is reached. Raises KeyError; InstanceError if a secret is missing here."""
        snapshot = self._snapshot(version)
        try:
            return snapshot.psa(name)
        except ConfigurationError as exc:
            raise InstanceError(INVALID, vendor=snapshot.psa_kind(name)) from exc

    def vendors(self, *, version: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """List the names of that version's app registrations, and of its PSA instances; none of version 0."""
        return self._snapshot(version).vendor_names if version else ((), ())

    def graph_app(self, name: str, *, version: int) -> GraphApp:
        """Return an app registration. Raises KeyError; TenantError if a secret is missing here."""
        snapshot = self._snapshot(version)
        try:
            return snapshot.graph_app(name)
        except ConfigurationError as exc:
            raise TenantError(INVALID, vendor="graph") from exc

    def _snapshot(self, version: int) -> Snapshot:
        with self._lock:
            if version in self._kept:
                self._kept.move_to_end(version)
                return self._kept[version]
        read = from_documents(
            self._snapshots.get(version),
            base_dir=self._base_dir,
            environment=self._environment,
            built_in=self._built_in,
            name=f"configuration version {version}",
        )
        with self._lock:
            snapshot = self._kept.setdefault(version, read)
            self._kept.move_to_end(version)
            while len(self._kept) > VERSIONS_KEPT:
                self._kept.popitem(last=False)
            return snapshot
