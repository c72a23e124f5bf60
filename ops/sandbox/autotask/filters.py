"""The query language: a filter in, a test out. autotask.net developer help, "Basic query calls"."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.sandbox.autotask import errors, fields
from ops.sandbox.autotask.errors import AutotaskError
from ops.sandbox.autotask.fields import Field
from ops.sandbox.http import Json

MAX_OR_CONDITIONS = 500
Test = Callable[[Json], bool]

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "beginswith": lambda value, wanted: value.startswith(wanted),
    "endswith": lambda value, wanted: value.endswith(wanted),
    "contains": lambda value, wanted: wanted in value,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda value, wanted: value > wanted,
    "gte": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "lte": lambda value, wanted: value <= wanted,
}
_GROUPS = frozenset({"and", "or"})
_OPERATORS = frozenset({"eq", "noteq", "exist", "notexist", "in", "notin", *_TEXT, *_ORDER, *_GROUPS})


def folded_keys(entry: Json) -> Json:
    """An object whose keys may come in any case."""
    return {str(key).casefold(): value for key, value in entry.items()}


@dataclass
class Filter:
    """A filter that was understood. For indexes: `alternatives` are fields with values, of which one must be hit."""

    entity: str
    alternatives: list[list[tuple[str, list[Any]]]] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)
    _or_conditions: int = 0
    _user_defined: int = 0

    def __post_init__(self) -> None:
        self._fields: Mapping[str, Field] = fields.ENTITIES[self.entity]
        self._any_case = {name.casefold(): name for name in self._fields}

    def test(self, record: Json) -> bool:
        """Whether a record fulfils it."""
        return all(test(record) for test in self.tests)

    def read(self, entries: Any) -> None:
        """Understand the top array, which is an AND; raises AutotaskError."""
        if not isinstance(entries, list) or not entries:
            raise AutotaskError("Invalid query syntax. The filter must not be empty.")
        for entry in entries:
            self.tests.append(self._condition(entry))
            hits = self._hits(entry)
            if hits:
                self.alternatives.append(hits)
        if self._or_conditions > MAX_OR_CONDITIONS:
            raise AutotaskError("Invalid query syntax. Queries are limited to 500 or fewer 'OR' conditions.")
        if self._user_defined > 1:
            raise AutotaskError("Invalid query syntax. Queries are limited to one user-defined field.")

    def _hits(self, entry: Json) -> list[tuple[str, list[Any]]]:
        """What an equality, or an OR of nothing else, has to hit; nothing where an index is of no use."""
        entry = folded_keys(entry)
        operator, value = str(entry["op"]).casefold(), entry.get("value")
        if operator == "or":
            parts = [self._hits(item) for item in entry["items"]]
            return [hit for part in parts for hit in part] if all(parts) else []
        if operator not in {"eq", "in"} or entry.get("udf") is True:
            return []
        return [(self._name(entry.get("field")), value if isinstance(value, list) else [value])]

    def _condition(self, entry: Any) -> Test:
        if not isinstance(entry, dict):
            raise AutotaskError("Invalid query syntax. A condition must be an object.")
        entry = folded_keys(entry)
        operator = str(entry.get("op", "")).casefold()
        if operator not in _OPERATORS:
            raise AutotaskError(f"Invalid query syntax. Unknown operator {entry.get('op')}.")
        if operator in _GROUPS:
            return self._group(operator, entry.get("items"))
        value = entry.get("value")
        if entry.get("udf") is True:
            return self._user_defined_condition(operator, str(entry.get("field")), value)
        return self._comparison(operator, self._name(entry.get("field")), value)

    def _group(self, operator: str, items: Any) -> Test:
        if not isinstance(items, list) or not items:
            raise AutotaskError("Invalid query syntax. A group needs items.")
        tests = [self._condition(item) for item in items]
        if operator == "and":
            return lambda record: all(test(record) for test in tests)
        self._or_conditions += len(tests)
        return lambda record: any(test(record) for test in tests)

    def _name(self, name: Any) -> str:
        known = self._any_case.get(str(name).casefold())
        if known is None:
            raise errors.unknown_field(str(name), self.entity)
        if not self._fields[known].queryable:
            raise AutotaskError(f"The field {known} is not queryable.")
        return known

    def _user_defined_condition(self, operator: str, label: str, value: Any) -> Test:
        if self.entity != "Contact" or label not in fields.UDF_LABELS:
            raise errors.unknown_field(label, self.entity)
        self._user_defined += 1
        test = self._comparison(operator, label, value)

        def test_user_defined(record: Json) -> bool:
            stored = next((e["value"] for e in record["userDefinedFields"] if e["name"] == label), None)
            return test({label: stored})

        return test_user_defined

    def _comparison(self, operator: str, name: str, wanted: Any) -> Test:
        if operator in {"exist", "notexist"}:
            return lambda record: (record[name] not in (None, "")) == (operator == "exist")
        if operator in {"in", "notin"}:
            if not isinstance(wanted, list):
                raise AutotaskError("Invalid query syntax. The operator in needs an array.")
            self._or_conditions += len(wanted)
            values = {_fold(value) for value in wanted}
            return lambda record: (_fold(record[name]) in values) == (operator == "in")
        if wanted is None:
            raise AutotaskError(f"Invalid query syntax. The condition on {name} needs a value.")
        folded = self._wanted(name, wanted)
        if operator in {"eq", "noteq"}:
            return lambda record: (_fold(record[name]) == folded) == (operator == "eq")
        if operator in _TEXT:
            compare = _TEXT[operator]
            return lambda record: compare(str(_fold(record[name]) or ""), str(folded))
        order = _ORDER[operator]
        return lambda record: record[name] not in (None, "") and order(_fold(record[name]), folded)

    def _wanted(self, name: str, wanted: Any) -> Any:
        """The value in the kind of the field; numbers may come as text."""
        kind = self._fields[name].kind if name in self._fields else "string"
        if kind in {"integer", "long"}:
            try:
                return int(wanted)
            except (TypeError, ValueError) as exc:
                raise AutotaskError(f"Invalid value {wanted} on field: {name}.") from exc
        if kind == "boolean":
            return wanted if isinstance(wanted, bool) else str(wanted).casefold() in {"true", "1"}
        return _fold(str(wanted))


def _fold(value: Any) -> Any:
    """As the database compares: text without case."""
    return value.casefold() if isinstance(value, str) else value
