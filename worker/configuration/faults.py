"""Checks one table against its model, and turns each fault into a sentence for the person who wrote the table."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from worker.configuration.layers import MAPPING, Location, Merged
from worker.configuration.problems import MISSING, UNKNOWN_KEY, Problem, nearest
from worker.configuration.psas import psa_kinds
from worker.configuration.references import UNRESOLVED, Json, Resolver

T = TypeVar("T")
WANTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
PLAIN = {
    "missing": MISSING,
    "string_too_short": "is empty",
    "too_short": "is empty",
}
LITERAL = re.compile(r"'([^']*)'")  # pydantic lists the allowed values as 'a', 'b' or 'c'
MAPPING_HINT = 'write a template in quotes, or { value = "{{ … }}", update = "…" }'
REFERENCE_HINT = 'a value that stands elsewhere is { env = "NAME" } or { file = "path" }'


@dataclass(frozen=True)
class Checked(Generic[T]):
    """A table's resolved values; the section is None if anything is wrong with them."""

    section: T | None
    values: Json


def check_table(merged: Merged, model: Any, *, resolver: Resolver, problems: list[Problem]) -> Checked[Any]:
    """Check a merged table against its model, and add all that is wrong to the problems."""
    before = len(problems)
    unresolved: set[Location] = set()

    def tell(location: Location, reason: str) -> None:
        unresolved.add(location)
        problems.append(Problem(*merged.locate(location), reason))

    problems.extend(merged.problems)
    values = _without_dates((), resolver.resolve(merged.values, on_missing=tell), tell)
    try:
        section = _validate(model, values, base_dir=resolver.base_dir)
    except ValidationError as exc:
        for fault in exc.errors(include_url=False):
            location = _strip_tag(fault["loc"], model)
            if location not in unresolved:
                problems.append(_describe(fault, merged=merged, location=location, model=model))
        return Checked(None, values)
    return Checked(section if len(problems) == before else None, values)


def _validate(model: Any, values: Any, *, base_dir: Path) -> Any:
    # Strict checks in JSON mode: text is no number there, while a list may become a tuple and text a path.
    return _adapter(model).validate_json(json.dumps(values), context={"base_dir": base_dir})


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _describe(fault: Any, *, merged: Merged, location: Location, model: Any) -> Problem:
    origin = merged.locate(location)
    kind = fault["type"]
    if kind.startswith("union_tag"):
        origin = merged.locate((*location, "kind"))
    if kind in WANTED:
        hint = REFERENCE_HINT if kind == "string_type" and isinstance(fault["input"], dict) else None
        if location[-2:-1] == (MAPPING,):
            hint = MAPPING_HINT
        return Problem(*origin, f"must be {WANTED[kind]}, not {_say(fault['input'])}", hint)
    if kind == "extra_forbidden":
        return Problem(*origin, UNKNOWN_KEY, nearest(str(location[-1]), _known_keys(model, fault["loc"])))
    if kind in {"literal_error", "union_tag_invalid"}:
        wanted = fault["ctx"].get("expected") or fault["ctx"]["expected_tags"]
        wrong = fault["ctx"].get("tag") or fault["input"]
        hint = nearest(wrong, LITERAL.findall(wanted)) if isinstance(wrong, str) else None
        return Problem(*origin, f"must be {wanted}", hint)
    return Problem(*origin, _reason(fault))


def _reason(fault: Any) -> str:
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "union_tag_not_found":
        return f"is missing: one of {', '.join(psa_kinds())}"
    message = PLAIN.get(fault["type"], fault["msg"])
    return str(message[0].lower() + message[1:])


def _say(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(value), "nothing")


def _strip_tag(location: Location, model: Any) -> Location:
    """Drop the kind that pydantic puts in front of a PSA's keys."""
    is_section = isinstance(model, type) and issubclass(model, BaseModel)
    return location[1:] if not is_section and location[:1] and location[0] in psa_kinds() else location


def _known_keys(model: Any, location: Location) -> list[str]:
    """List the keys that the table of an unknown key could have held."""
    if location and location[0] in psa_kinds() and not hasattr(model, "model_fields"):
        return list(psa_kinds()[str(location[0])].settings.model_fields)
    found: Any = model
    for part in location[:-1]:
        if isinstance(part, str) and hasattr(found, "model_fields") and part in found.model_fields:
            found = _section_in(found.model_fields[part].annotation)
    return list(getattr(found, "model_fields", {}))


def _section_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    sections = (_section_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((section for section in sections if section is not None), None)


def _without_dates(location: Location, value: Any, tell: Callable[[Location, str], None]) -> Any:
    """Replace what TOML reads as a date or time; no key holds one."""
    if isinstance(value, date | time):
        tell(location, "is a date or time; text is wanted, in quotes")
        return UNRESOLVED
    if isinstance(value, dict):
        return {key: _without_dates((*location, key), item, tell) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_dates((*location, at), item, tell) for at, item in enumerate(value)]
    return value
