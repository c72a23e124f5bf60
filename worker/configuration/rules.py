"""Rules and mappings: whether each is complete, and whether its expression compiles."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tasks.connector import FieldRule
from worker.configuration.connectors import READY_MADE_EXCLUSIONS
from worker.configuration.layers import MAPPING, Location, Merged
from worker.configuration.problems import Problem, nearest
from worker.configuration.references import Json, text_of

Compile = Callable[[str], object]
PARTS = {"exclude": ("when",), "company_rules": ("when", "company_id")}


class BuiltIn(NamedTuple):
    """What tasks bring along: a PSA kind's mapping, and the compilers of expressions, which raise ValueError."""

    default_mapping: Callable[[str], Mapping[str, FieldRule]]
    compile_condition: Compile
    compile_template: Compile


def iter_rules(values: Json, key: str) -> Iterator[tuple[int, Json]]:
    """Yield the rules of a list with their places."""
    rules = values.get(key)
    for at, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            yield at, rule


def check_rules(values: Json, merged: Merged) -> Iterator[Problem]:
    """Yield rules that lack a part; a ready-made exclusion needs its name only."""
    for key, parts in PARTS.items():
        for at, rule in iter_rules(values, key):
            missing = [part for part in parts if part not in rule]
            if not missing or (key == "exclude" and rule.get("name") in READY_MADE_EXCLUSIONS):
                continue
            if rule.get("enabled") is False:
                place = merged.locate((key, at, "enabled"))
                yield Problem(*place, "drops a rule that [defaults] does not hold")
                continue
            hint = nearest(str(rule.get("name", "")), READY_MADE_EXCLUSIONS) if key == "exclude" else None
            for part in missing:
                yield Problem(*merged.locate((key, at, part)), "is missing", hint)


def check_expressions(values: Json, merged: Merged, built_in: BuiltIn) -> Iterator[Problem]:
    """Yield the filters, rules and templates that do not compile."""
    for location, value, compile_text in _expressions(values, built_in):
        text = text_of(value)
        if text is not None:
            try:
                compile_text(text)
            except ValueError as exc:
                yield Problem(*merged.locate(location), str(exc))


def check_fields(values: Json, merged: Merged, default: Mapping[str, FieldRule]) -> Iterator[Problem]:
    """Yield mapped fields that have no template, neither of their own nor in the PSA kind's mapping."""
    for name, field in _fields(values):
        if "value" not in field and name not in default:
            hint = nearest(name, default) or f"the default mapping has: {', '.join(default)}"
            yield Problem(*merged.locate((MAPPING, name)), "has no value", hint)


def _expressions(values: Json, built_in: BuiltIn) -> Iterator[tuple[Location, Any, Compile]]:
    yield ("office365_sync_filter",), values.get("office365_sync_filter"), built_in.compile_condition
    for key in PARTS:
        for at, rule in iter_rules(values, key):
            yield (key, at, "when"), rule.get("when"), built_in.compile_condition
    for name, field in _fields(values):
        yield (MAPPING, name, "value"), field.get("value"), built_in.compile_template


def _fields(values: Json) -> Iterator[tuple[str, Json]]:
    fields = values.get(MAPPING)
    for name, field in (fields if isinstance(fields, dict) else {}).items():
        if isinstance(field, dict):
            yield name, field
