"""Lays tables over each other, and remembers of each value where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from worker.configuration.problems import Problem
from worker.configuration.references import is_reference

RULE_LISTS = frozenset({"exclude", "company_rules"})
MAPPING = "field_mapping"

Json = dict[str, Any]
Location = tuple[str | int, ...]


class Origin(NamedTuple):
    """Where a value stands: a file, and the path of the value inside it."""

    file: str
    key: str


class Layer(NamedTuple):
    """One table, and where it stands. A mapping's bare text is the table of its value alone, which stands there too."""

    origin: Origin
    values: Json
    is_bare: bool = False


class Found(NamedTuple):
    """One layer's value for a key, and where it stands."""

    origin: Origin
    value: Any
    is_bare: bool = False


@dataclass
class Merged:
    """What results, with the origin of each value and table by its path in the result."""

    values: Json = field(default_factory=dict, repr=False)  # may hold secrets that stand inline
    origins: dict[Location, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def locate(self, location: Location) -> Origin:
        """Return where this path stands, or where it would have to be written."""
        for length in range(len(location), -1, -1):
            origin = self.origins.get(location[:length])
            if origin is not None:
                return _below(origin, location[length:])
        raise KeyError(location)


def merge(layers: Sequence[Layer]) -> Merged:
    """Merge deeply, the first layer over the others.

    Tables are united, lists and values replaced; rules (exclude, company_rules) are united by name, the first layer's
    in front, in its order. A mapping given as bare text is the table { value = text }.
    """
    merged = Merged()
    merged.values = _merge_tables((), layers, merged)
    return merged


def _merge_tables(location: Location, layers: Sequence[Layer], merged: Merged) -> Json:
    merged.origins[location] = layers[0].origin
    names = dict.fromkeys(name for layer in layers for name in layer.values)
    return {
        name: _merge_values(
            (*location, name), [_find(layer, (*location, name)) for layer in layers if name in layer.values], merged
        )
        for name in names
    }


def _find(layer: Layer, location: Location) -> Found:
    name = location[-1]
    value = layer.values[str(name)]
    origin = layer.origin if layer.is_bare else _below(layer.origin, (name,))
    is_field = len(location) == 2 and location[0] == MAPPING  # noqa: PLR2004  # (field_mapping, NAME)
    if is_field and (isinstance(value, str) or is_reference(value)):
        return Found(origin, {"value": value}, is_bare=True)
    return Found(origin, value)


def _merge_values(location: Location, found: Sequence[Found], merged: Merged) -> Any:
    top = found[0]
    if len(location) == 1 and location[0] in RULE_LISTS and all(_is_rule_list(item.value) for item in found):
        return _merge_rules(location, found, merged)
    if not _is_table(top.value):
        merged.origins[location] = top.origin
        return top.value
    return _merge_tables(location, [Layer(*item) for item in found if _is_table(item.value)], merged)


def _merge_rules(location: Location, found: Sequence[Found], merged: Merged) -> list[Json]:
    merged.origins[location] = found[0].origin
    stacks: dict[object, list[Layer]] = {}
    for origin, rules, _ in found:
        own = set()
        for at, rule in enumerate(rules):
            name = rule.get("name")
            key = name.strip() if isinstance(name, str) else (origin, at)
            place = Origin(origin.file, f"{origin.key}[{key if isinstance(key, str) else at + 1}]")
            if key in own:
                merged.problems.append(Problem(*place, "stands twice", "give each rule a name of its own"))
            own.add(key)
            stacks.setdefault(key, []).append(Layer(place, rule))
    return [_merge_tables((*location, at), stack, merged) for at, stack in enumerate(stacks.values())]


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and not is_reference(value)


def _is_rule_list(value: Any) -> bool:
    return isinstance(value, list) and all(_is_table(item) for item in value)


def _below(origin: Origin, path: Location) -> Origin:
    key = origin.key
    for part in path:
        key += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return Origin(origin.file, key.lstrip("."))
