"""`conditions`, `childConditions` and `customFieldConditions`.

developer.connectwise.com: "Developer Guide", query string parameters.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ops.sandbox.connectwise.errors import bad_condition
from ops.sandbox.http import Json

Test = Callable[[Json], bool]
_TOKEN = re.compile(r"""\s*("[^"]*"|'[^']*'|\[[^\]]*\]|<=|>=|!=|<>|[=<>(),]|[\w./-]+)""")
_OPERATORS = frozenset("= != <> < <= > >= contains like in not".split())


@dataclass(frozen=True)
class Condition:
    """A compiled condition; `equals` holds what must be equal (or in a list) in any case, for an index to use."""

    test: Test
    equals: dict[str, list[Any]] = field(default_factory=dict)


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_condition(f"unexpected character at position {at}")
        found.append(match[1])
        at = match.end()
    return found


def _literal(token: str) -> Any:
    if token[0] in "\"'":
        return token[1:-1]
    if token[0] == "[":
        return token[1:-1].strip()
    low = token.lower()
    if low in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[low]
    try:
        return float(token) if "." in token else int(token)
    except ValueError:
        raise bad_condition(f"'{token}' is not a value") from None


def _fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def walk(record: Json, path: tuple[str, ...]) -> Any:
    """The value at a path, names compared without case; None where it ends."""
    value: Any = record
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value[name] if name in value else next((v for k, v in value.items() if k.lower() == name), None)
    return value


class _Parser:
    """Recursive descent; `resolve` turns a field name into a path or refuses it."""

    def __init__(self, text: str, resolve: Callable[[str], tuple[str, ...]], *, allow_in: bool) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._resolve = resolve
        self._allow_in = allow_in

    def parse(self) -> Condition:
        condition = self._or()
        if self._at < len(self._tokens):
            raise bad_condition(f"unexpected '{self._tokens[self._at]}'")
        return condition

    def _peek(self) -> str:
        return self._tokens[self._at].lower() if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise bad_condition("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._peek() == "or":
            self._next()
            parts.append(self._and())
        tests = [part.test for part in parts]
        return parts[0] if len(parts) == 1 else Condition(lambda record: any(test(record) for test in tests))

    def _and(self) -> Condition:
        parts = [self._primary()]
        while self._peek() == "and":
            self._next()
            parts.append(self._primary())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        equals: dict[str, list[Any]] = {}
        for part in parts:
            equals.update(part.equals)
        return Condition(lambda record: all(test(record) for test in tests), equals)

    def _primary(self) -> Condition:
        if self._peek() == "(":
            self._next()
            condition = self._or()
            if self._next() != ")":
                raise bad_condition("')' expected")
            return condition
        name = self._next()
        if not re.match(r"^[A-Za-z_]", name):
            raise bad_condition(f"'{name}' is not a field")
        path = self._resolve(name)
        operator = self._next().lower()
        if operator not in _OPERATORS:
            raise bad_condition(f"'{operator}' is not an operator")
        if operator == "not":
            operator = f"not {self._next().lower()}"
        return self._comparison(path, operator)

    def _comparison(self, path: tuple[str, ...], operator: str) -> Condition:
        if operator in {"in", "not in"}:
            if not self._allow_in:
                raise bad_condition("the operator 'in' is not supported here")
            values = self._list()
            wanted = {_fold(value) for value in values}
            if operator == "not in":
                return Condition(lambda record: _fold(walk(record, path)) not in wanted)
            return Condition(lambda record: _fold(walk(record, path)) in wanted, {"/".join(path): values})
        value = _literal(self._next())
        equals = {"/".join(path): [value]} if operator == "=" and value is not None else {}
        return Condition(_test(path, operator, value), equals)

    def _list(self) -> list[Any]:
        if self._next() != "(":
            raise bad_condition("'(' expected")
        values = [_literal(self._next())]
        while (token := self._next()) == ",":
            values.append(_literal(self._next()))
        if token != ")":
            raise bad_condition("')' expected")
        return values


def _pattern(value: Any) -> re.Pattern[str]:
    parts = re.split(r"[*%]", str(value))
    return re.compile(".*".join(re.escape(part) for part in parts), re.IGNORECASE | re.DOTALL)


def _test(path: tuple[str, ...], operator: str, value: Any) -> Test:
    wanted = _fold(value)
    if operator in {"contains", "not contains"}:
        inside = str(wanted).replace("*", "")
        positive = operator == "contains"
        return lambda record: (inside in str(_fold(walk(record, path)) or "")) is positive
    if operator in {"like", "not like"}:
        # The guide: `like` finds more than is equal; without a wildcard it searches inside.
        pattern = _pattern(value if re.search(r"[*%]", str(value)) else f"*{value}*")
        positive = operator == "like"
        return lambda record: (pattern.fullmatch(str(walk(record, path) or "")) is not None) is positive
    if operator in {"=", "!=", "<>"}:
        is_pattern = isinstance(value, str) and "*" in value
        equal = _equality(path, _pattern(value) if is_pattern else None, wanted)
        return equal if operator == "=" else lambda record: not equal(record)
    return _order(path, operator, wanted)


def _equality(path: tuple[str, ...], pattern: re.Pattern[str] | None, wanted: Any) -> Test:
    if pattern is not None:
        return lambda record: pattern.fullmatch(str(walk(record, path) or "")) is not None
    if isinstance(wanted, bool):
        return lambda record: bool(walk(record, path)) is wanted
    if isinstance(wanted, str):
        return lambda record: str(walk(record, path) or "").casefold() == wanted
    return lambda record: bool(walk(record, path) == wanted)


def _order(path: tuple[str, ...], operator: str, wanted: Any) -> Test:
    signs: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
    }
    if operator not in signs:
        raise bad_condition(f"'{operator}' is not an operator")
    sign = signs[operator]

    def test(record: Json) -> bool:
        value = _fold(walk(record, path))
        return isinstance(value, str) == isinstance(wanted, str) and value is not None and sign(value)

    return test


def field_resolver(known: frozenset[str] | None, resource: str) -> Callable[[str], tuple[str, ...]]:
    """A check of the fields of an object; names without case. None takes any name."""
    folded = None if known is None else {name.lower(): name for name in known}

    def resolve(name: str) -> tuple[str, ...]:
        first, *rest = name.split("/")
        if first.lower() == "lastupdated":  # accepted for every object, though the value sits in _info
            return ("_info", "lastUpdated")
        if folded is None:
            return (first, *rest)
        if first.lower() == "communicationitems":
            raise bad_condition(f"'{name}' is a child collection of {resource}: use childConditions")
        if first.lower() not in folded:
            raise bad_condition(f"'{name}' is not a field of {resource}")
        return (folded[first.lower()], *(part.lower() for part in rest))

    return resolve


def _child_field(name: str) -> tuple[str, ...]:
    first, *rest = name.split("/")
    if first.lower() not in {"communicationitems", "types"} or not rest:
        raise bad_condition(f"'{name}' is not a child collection")
    return (first.lower(), *(part.lower() for part in rest))


def _custom_field(name: str) -> tuple[str, ...]:
    if name.lower() not in {"caption", "value", "id"}:
        raise bad_condition(f"'{name}' is not caption or value")
    return (name.lower(),)


@lru_cache(maxsize=1024)
def parse_conditions(text: str, known: frozenset[str] | None, resource: str) -> Condition:
    """Compile `conditions`."""
    return _Parser(text, field_resolver(known, resource), allow_in=True).parse()


@lru_cache(maxsize=1024)
def parse_child_conditions(text: str) -> Condition:
    """Compile `childConditions`: true if one item of the collection fulfils the whole of it."""
    inner = _Parser(text, _child_field, allow_in=False).parse()
    collection = "types" if re.match(r"\s*\(*\s*types/", text, re.IGNORECASE) else "communicationItems"
    key = collection.lower()

    def test(record: Json) -> bool:
        return any(inner.test({key: item}) for item in record.get(collection) or ())

    return Condition(test, inner.equals)


@lru_cache(maxsize=1024)
def parse_custom_conditions(text: str) -> Condition:
    """Compile `customFieldConditions`: true if one custom field fulfils the whole of it."""
    inner = _Parser(text, _custom_field, allow_in=False).parse()
    return Condition(lambda record: any(inner.test(item) for item in record.get("customFields") or ()), inner.equals)
