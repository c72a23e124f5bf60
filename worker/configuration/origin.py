"""Where each effective value of a connector comes from, for `config show CONNECTOR --origin`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.connector import FieldRule
from worker.configuration.connectors import READY_MADE_EXCLUSIONS, ConnectorSection
from worker.configuration.layers import MAPPING, RULE_LISTS, Location, Merged
from worker.configuration.loading import Settings

BUILT_IN = "built-in"
GUARD = "guard"
ATTRIBUTES = {"full_every": "full_every_s", "poll_every": "poll_every_s"}  # the record says its unit


@dataclass(frozen=True)
class Effective:
    """One value, and the file and table that say so; a built-in value's file is "built-in"."""

    key: str
    value: Any
    file: str
    table: str


def explain(settings: Settings, connector_id: str) -> tuple[Effective, ...]:
    """List every effective value of a connector in the order of the schema. Raises KeyError."""
    connector = settings.connectors[connector_id]
    merged = settings.tables["connectors", connector_id]
    values = settings.documents["connectors"][connector_id]
    rows: list[Effective] = []
    for key in ConnectorSection.model_fields:
        if key == MAPPING:
            rows.extend(_fields(merged, connector.field_mapping, kind=connector.psa_kind))
        elif key in RULE_LISTS and key in values:
            rows.extend(_rules(merged, key, values[key]))
        elif key == GUARD:
            rows.extend(_leaves(merged, (GUARD,), connector.guard.model_dump()))
        else:
            value = getattr(connector, ATTRIBUTES.get(key, key))
            said = key in values
            rows.append(_row(merged, (key,), key, value=value) if said else _unsaid(key, value))
    return tuple(rows)


def _unsaid(key: str, value: Any) -> Effective:
    return Effective(key, value, BUILT_IN, "defaults of a connector")


def _rules(merged: Merged, key: str, rules: list[dict[str, Any]]) -> Iterator[Effective]:
    for at, rule in enumerate(rules):
        name = f"{key}[{rule.get('name', at + 1)}]"
        for part, value in rule.items():
            if part != "name":
                yield _row(merged, (key, at, part), f"{name}.{part}", value=value)
        if "when" not in rule and rule.get("name") in READY_MADE_EXCLUSIONS:
            yield Effective(f"{name}.when", READY_MADE_EXCLUSIONS[rule["name"]], BUILT_IN, "ready-made exclusions")


def _leaves(merged: Merged, location: Location, values: dict[str, Any]) -> Iterator[Effective]:
    for name, value in values.items():
        place = (*location, name)
        key = ".".join(map(str, place))
        if isinstance(value, dict):
            yield from _leaves(merged, place, value)
        elif place in merged.origins:
            yield _row(merged, place, key, value=value)
        else:
            yield _unsaid(key, value)


def _fields(merged: Merged, mapping: dict[str, FieldRule], *, kind: str) -> Iterator[Effective]:
    for name, rule in mapping.items():
        for part, value in rule.model_dump().items():
            key, location = f"{MAPPING}.{name}.{part}", (MAPPING, name, part)
            if location in merged.origins:
                yield _row(merged, location, key, value=value)
            else:
                yield Effective(key, value, BUILT_IN, f"field mapping of {kind}")


def _row(merged: Merged, location: Location, key: str, *, value: Any) -> Effective:
    origin = merged.locate(location)
    return Effective(key, value, origin.file, origin.key.rpartition(".")[0])
