"""From files to checked settings: every fault of every table, or everything that a process needs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tasks.connector import Connector
from tasks.names import closest
from worker.configuration import checking, production, rules
from worker.configuration.connectors import ConnectorSection, DefaultsSection, build_connector
from worker.configuration.documents import vendor_document
from worker.configuration.faults import Checked, check_table
from worker.configuration.files import Source, read_sources
from worker.configuration.graph_app import GraphApp
from worker.configuration.layers import Layer, Merged, Origin, merge
from worker.configuration.problems import MISSING, UNKNOWN_KEY, ConfigurationError, Problem, drop_echoes, nearest
from worker.configuration.psas import PsaSection, psa_model
from worker.configuration.references import Resolver, is_reference
from worker.configuration.rules import BuiltIn
from worker.configuration.service import ApiSection, ServiceSection
from worker.configuration.values import ID_PATTERN

ONE_OF_A_KIND = ("service", "api", "defaults")
NAMED = ("graph_app", "psa", "connectors")

Json = dict[str, Any]
Table = tuple[str, str]
"""Which table: its kind, and its name where there may be several."""


@dataclass(frozen=True)
class Settings:
    """A checked configuration. `documents` is what gets published: no secret, only where each stands."""

    path: Path
    service: ServiceSection
    api: ApiSection
    graph_apps: Mapping[str, GraphApp]
    psas: Mapping[str, PsaSection]
    connectors: Mapping[str, Connector]
    documents: Json
    tables: Mapping[Table, Merged] = field(repr=False)

    @property
    def base_dir(self) -> Path:
        """The folder that relative paths count from."""
        return self.path.parent


def load(path: Path, *, environment: Mapping[str, str], built_in: BuiltIn) -> Settings:
    """Read and check everything. Raises ConfigurationError with all faults at once."""
    sources, problems = read_sources(path)
    if not any(source.is_main for source in sources):
        raise ConfigurationError(problems)
    loader = _Loader(Resolver(environment, path.parent), built_in, problems)
    loader.sort(sources)
    settings = loader.check(path)
    if loader.problems or settings is None:
        raise ConfigurationError(drop_echoes(loader.problems))
    return settings


class _Loader:
    """The tables of one load, and what was found wrong so far."""

    def __init__(self, resolver: Resolver, built_in: BuiltIn, problems: list[Problem]) -> None:
        self.problems = problems
        self._resolver = resolver
        # A rule of [defaults] is compiled once, not once for each connector below it.
        self._built_in = built_in._replace(
            compile_condition=cache(built_in.compile_condition), compile_template=cache(built_in.compile_template)
        )
        self._layers: dict[Table, Layer] = {}
        self._tables: dict[Table, Merged] = {}
        self._documents: dict[str, Json] = {"graph_app": {}, "psa": {}, "connectors": {}, "defaults": {}}
        self._main = ""
        self._misplaced: set[tuple[str, str | None]] = set()  # files, and the kind of a table that was not taken

    def sort(self, sources: list[Source]) -> None:
        """Put each table under what it is, once."""
        self._main = next(source.name for source in sources if source.is_main)
        for source in sources:
            for key, value in source.table.items():
                if key not in (*ONE_OF_A_KIND, *NAMED):
                    self._fault(source.name, key, UNKNOWN_KEY, nearest(key, (*ONE_OF_A_KIND, *NAMED)))
                    self._misplaced.add((source.name, closest(key, (*ONE_OF_A_KIND, *NAMED))))
                elif not isinstance(value, dict):
                    self._fault(source.name, key, "must be a table")
                elif key in NAMED and sum(not isinstance(x, dict) or is_reference(x) for x in value.values()) > 1:
                    self._fault(source.name, key, "lacks a name", f"write [{key}.NAME], such as [{key}.main]")
                    self._misplaced.add((source.name, key))
                elif key in NAMED:
                    for name, table in value.items():
                        self._take_named(source, key, name=name, table=table)
                elif source.is_main:
                    self._layers[key, ""] = Layer(Origin(source.name, key), value)
                else:
                    self._fault(source.name, key, f"[{key}] stands in {self._main} only")

    def check(self, path: Path) -> Settings | None:
        """Check table by table, then what lies between them; None if anything was wrong."""
        service, api, graph_apps, psas = self._check_installation()
        self._check_texts("defaults", "", self._check("defaults", DefaultsSection))
        sections = self._check_connectors()
        self.problems = [each for each in self.problems if not self._seems_headless(each)]
        if self.problems or service.section is None or api.section is None:
            return None
        return Settings(
            path=path,
            service=service.section,
            api=api.section,
            graph_apps=graph_apps,
            psas=psas,
            connectors={name: self._build(name, section) for name, section in sections.items()},
            documents=self._documents,
            tables=self._tables,
        )

    def _seems_headless(self, problem: Problem) -> bool:
        """Tell what is missing only because a table could not be taken, which is told already."""
        lost = {kind for _, kind in self._misplaced}
        if problem.key.endswith((".psa", ".graph_app")):
            kind = problem.key.rpartition(".")[2]
            return ("defaults" in lost and problem.reason == MISSING) or (
                kind in lost and "there is no" in problem.reason
            )
        if problem.reason != MISSING:
            return False
        is_tenant = problem.key.endswith(".tenant_id") and (problem.file, "connectors") in self._misplaced
        return is_tenant or ("service" in lost and problem.key.startswith("service."))

    def _fault(self, file: str, key: str, reason: str, hint: str | None = None) -> None:
        self.problems.append(Problem(file, key, reason, hint))

    def _take_named(self, source: Source, key: str, *, name: str, table: Any) -> None:
        place = f"{key}.{name}"
        if not re.fullmatch(ID_PATTERN, name):
            self._fault(source.name, place, "a name is made of letters, digits, - and _, at most 63 of them")
            self._misplaced.add((source.name, key))
        elif not isinstance(table, dict):
            self._fault(source.name, place, "must be a table")
        elif (key, name) in self._layers:
            self._fault(source.name, place, f"stands in {self._layers[key, name].origin.file} already")
            self._misplaced.add((source.name, key))
        else:
            self._layers[key, name] = Layer(Origin(source.name, place), table)

    def _check(self, key: str, model: Any, *, name: str = "") -> Checked[Any]:
        """Merge and check one table, and keep what is published of it."""
        own = self._layers.get((key, name), Layer(Origin(self._main, key), {}))
        below = [self._layers["defaults", ""]] if key == "connectors" and ("defaults", "") in self._layers else []
        merged = self._tables[key, name] = merge([own, *below])
        checked = check_table(merged, model, resolver=self._resolver, problems=self.problems)
        if checked.section is not None:
            if key in {"psa", "graph_app"}:
                document = vendor_document(type(checked.section), checked.values, merged=merged)
                self._documents[key][name] = document
            elif key == "connectors":
                self._documents[key][name] = checked.values
            elif key == "defaults":
                self._documents[key] = checked.values
        return checked

    def _check_installation(
        self,
    ) -> tuple[Checked[ServiceSection], Checked[ApiSection], dict[str, GraphApp], dict[str, PsaSection]]:
        service, api = self._check("service", ServiceSection), self._check("api", ApiSection)
        found: dict[str, dict[str, Any]] = {"graph_app": {}, "psa": {}}
        refuses = production.is_production(service.values)
        if refuses:
            self.problems.extend(production.check_service(service.values, self._tables["service", ""]))
            self.problems.extend(production.check_api(api.values, self._tables["api", ""]))
        for key, model in (("graph_app", GraphApp), ("psa", psa_model())):
            for name in self._names(key):
                checked = self._check(key, model, name=name)
                found[key][name] = checked.section
                if refuses:
                    self.problems.extend(production.check_vendor(checked.values, self._tables[key, name]))
        return service, api, found["graph_app"], found["psa"]

    def _check_connectors(self) -> dict[str, ConnectorSection]:
        psas, graph_apps = self._names("psa"), self._names("graph_app")
        found: dict[str, Checked[ConnectorSection]] = {}
        for name in self._names("connectors"):
            checked = found[name] = self._check("connectors", ConnectorSection, name=name)
            table = self._tables["connectors", name]
            self.problems.extend(checking.check_names(checked.values, table, psas=psas, graph_apps=graph_apps))
            self.problems.extend(checking.check_company(checked.values, table))
            self._check_texts("connectors", name, checked)
        pairs = {name: (checked.values, self._tables["connectors", name]) for name, checked in found.items()}
        self.problems.extend(checking.check_pairs(pairs))
        return {name: checked.section for name, checked in found.items() if checked.section is not None}

    def _check_texts(self, key: str, name: str, checked: Checked[Any]) -> None:
        values, table = checked.values, self._tables[key, name]
        self.problems.extend(rules.check_rules(values, table))
        self.problems.extend(rules.check_expressions(values, table, self._built_in))
        psa = self._documents["psa"].get(str(values.get("psa")))
        if psa is not None:
            self.problems.extend(rules.check_fields(values, table, self._built_in.default_mapping(psa["kind"])))

    def _build(self, connector_id: str, section: ConnectorSection) -> Connector:
        psa = self._documents["psa"][str(section.psa)]
        default_mapping = self._built_in.default_mapping(psa["kind"])
        return build_connector(connector_id, section, psa=psa, default_mapping=default_mapping)

    def _names(self, key: str) -> list[str]:
        return [name for kind, name in self._layers if kind == key]
