"""`$filter` of Graph's directory objects: parsed, checked against the advanced-query rules, compiled.

learn.microsoft.com: "Use the $filter query parameter", "Advanced query capabilities on Microsoft Entra ID objects".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.sandbox.http import Json
from ops.sandbox.microsoft import properties

Predicate = Callable[[Json], bool]
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),]|\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?(?![\w-])|:|[\w$./@-]+)")
_COMPARISONS = frozenset("eq ne ge le gt lt in".split())
_FUNCTIONS = frozenset("startswith endswith contains".split())


class ODataError(Exception):
    """A query that Graph refuses."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def _invalid(what: str) -> ODataError:
    return ODataError("BadRequest", f"Invalid filter clause: {what}")


def _needs_advanced(operator: str) -> ODataError:
    return ODataError(
        "Request_UnsupportedQuery",
        f"Operator '{operator}' is not supported because the required parameters might be missing. Try adding "
        "$count=true query parameter and ConsistencyLevel:eventual header. Refer to "
        "https://aka.ms/graph-docs/advanced-queries for more information",
    )


def _unsupported(name: str) -> ODataError:
    message = f"Unsupported or invalid query filter clause specified for property '{name}' of resource 'User'."
    return ODataError("Request_UnsupportedQuery", message)


@dataclass(frozen=True)
class Clause:
    """One comparison, with the name it is about; `key` is set for an equality that an index can answer."""

    test: Predicate
    key: tuple[str, str] | None = None


def _fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


class FilterParser:
    """Recursive descent over one filter text."""

    def __init__(self, text: str, *, advanced: bool) -> None:
        self._tokens = self._tokenize(text)
        self._at = 0
        self._advanced = advanced
        self._negated = 0

    @staticmethod
    def _tokenize(text: str) -> list[str]:
        tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise _invalid(f"unexpected text at position {at}")
            tokens.append(match[1])
            at = match.end()
        return tokens

    def parse(self) -> Clause:
        """Return the whole filter as one clause."""
        clause = self._or()
        if self._at < len(self._tokens):
            raise _invalid(f"unexpected '{self._tokens[self._at]}'")
        return clause

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, expected: str | None = None) -> str:
        token = self._peek()
        if not token or (expected is not None and token.lower() != expected):
            raise _invalid(f"'{expected or 'a value'}' expected")
        self._at += 1
        return token

    def _or(self) -> Clause:
        parts = [self._and()]
        while self._peek().lower() == "or":
            self._next()
            parts.append(self._and())
        tests = [part.test for part in parts]
        return parts[0] if len(parts) == 1 else Clause(lambda user: any(test(user) for test in tests))

    def _and(self) -> Clause:
        parts = [self._unary()]
        while self._peek().lower() == "and":
            self._next()
            parts.append(self._unary())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        return Clause(lambda user: all(test(user) for test in tests), next((p.key for p in parts if p.key), None))

    def _unary(self) -> Clause:
        if self._peek().lower() == "not":
            self._next()
            if not self._advanced:
                raise _needs_advanced("not")
            inner = self._unary().test
            return Clause(lambda user: not inner(user))
        if self._peek() == "(":
            self._next()
            clause = self._or()
            self._next(")")
            return Clause(clause.test)
        return self._primary()

    def _primary(self) -> Clause:
        word = self._next()
        if word.lower() in _FUNCTIONS and self._peek() == "(":
            return self._function(word.lower())
        if word.lower().endswith("/any") and self._peek() == "(":
            return self._any(word[:-4])
        if word.endswith("/$count"):
            return self._count(word[:-7])
        operator = self._next().lower()
        if operator not in _COMPARISONS:
            raise _invalid(f"unknown operator '{operator}'")
        get = self._getter(word, operator)
        if operator == "in":
            wanted = {_fold(value) for value in self._list()}
            return Clause(lambda user: _fold(get(user)) in wanted)
        literal = self._literal()
        if literal is None and not self._advanced:
            raise _needs_advanced(operator)
        key = (
            (word, str(literal))
            if operator == "eq" and literal and word in {"id", "userPrincipalName", "mail"}
            else None
        )
        return Clause(_comparison(get, operator, literal), key)

    def _getter(self, path: str, operator: str) -> Callable[[Json], Any]:
        name, _, inner = path.partition("/")
        if name not in properties.ALL:
            raise ODataError("BadRequest", f"Could not find a property named '{name}' on type 'microsoft.graph.user'.")
        self._check(name, operator)
        if inner:
            return lambda user: (properties.value_of(user, name) or {}).get(inner)
        return lambda user: user.get(name)

    def _check(self, name: str, operator: str) -> None:
        extension = name == "onPremisesExtensionAttributes"
        if not extension and name not in properties.FILTER_DEFAULT | properties.FILTER_ADVANCED:
            raise _unsupported(name)
        if self._advanced:
            return
        if extension or name in properties.FILTER_ADVANCED:
            raise _unsupported(name)
        if operator in {"ne", "endswith"} or (operator == "in" and name == "createdDateTime"):
            raise _needs_advanced("endsWith" if operator == "endswith" else operator)

    def _function(self, function: str) -> Clause:
        self._next("(")
        path = self._next()
        if function == "contains":
            raise _unsupported(path)
        get = self._getter(path, function)
        self._next(",")
        literal = self._literal()
        self._next(")")
        return Clause(_affix(get, function, literal))

    def _any(self, name: str) -> Clause:
        self._check(name, "eq")
        self._next("(")
        variable = self._next()
        self._next(":")
        test = self._inside_any(variable)
        self._next(")")
        return Clause(lambda user: any(test(element) for element in user.get(name) or ()))

    def _inside_any(self, variable: str) -> Callable[[Any], bool]:
        word = self._next()
        if word.lower() in _FUNCTIONS:
            if word.lower() == "endswith" and not self._advanced:
                raise _needs_advanced("endsWith")
            self._next("(")
            get = _element(variable, self._next())
            self._next(",")
            test = _affix(get, word.lower(), self._literal())
            self._next(")")
            return test
        get = _element(variable, word)
        operator = self._next().lower()
        if operator == "ne" and not self._advanced:
            raise _needs_advanced("ne")
        return _comparison(get, operator, self._literal())

    def _count(self, name: str) -> Clause:
        operator = self._next().lower()
        if not self._advanced:
            raise _needs_advanced("$count")
        return Clause(_comparison(lambda user: len(user.get(name) or ()), operator, int(str(self._literal()))))

    def _list(self) -> list[Any]:
        self._next("(")
        values = [self._literal()]
        while self._peek() == ",":
            self._next()
            values.append(self._literal())
        self._next(")")
        if len(values) > 15 and not self._advanced:
            raise ODataError(
                "Request_UnsupportedQuery", "Too many child clauses specified in search filter expression."
            )
        return values

    def _literal(self) -> Any:
        token = self._next()
        if token[0] == "'":
            return token[1:-1].replace("''", "'")
        return {"null": None, "true": True, "false": False}.get(token.lower(), token)


def _element(variable: str, path: str) -> Callable[[Any], Any]:
    name, _, inner = path.partition("/")
    if name != variable:
        raise _invalid(f"unknown variable '{name}'")
    return (lambda element: element.get(inner)) if inner else (lambda element: element)


def _affix(get: Callable[[Any], Any], function: str, literal: Any) -> Callable[[Any], bool]:
    wanted = str(literal).casefold()
    method = str.startswith if function == "startswith" else str.endswith
    return lambda record: method(str(get(record) or "").casefold(), wanted)


def _comparison(get: Callable[[Any], Any], operator: str, literal: Any) -> Callable[[Any], bool]:
    wanted = _fold(literal)
    if operator == "eq":
        return lambda record: bool(_fold(get(record)) == wanted)
    if operator == "ne":
        return lambda record: bool(_fold(get(record)) != wanted)
    signs: dict[str, Callable[[Any], bool]] = {
        "ge": lambda value: value >= wanted,
        "le": lambda value: value <= wanted,
        "gt": lambda value: value > wanted,
        "lt": lambda value: value < wanted,
    }
    if operator not in signs:
        raise _invalid(f"unknown operator '{operator}'")
    sign = signs[operator]
    return lambda record: get(record) is not None and sign(_fold(get(record)))


def parse_filter(text: str, *, advanced: bool) -> Clause:
    """Parse and check a filter; raises ODataError."""
    return FilterParser(text, advanced=advanced).parse()
