"""What a request and an answer are to every vendor of the sandbox, and how a path finds its handler."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
Headers = list[tuple[str, str]]


@dataclass(eq=False)
class Request:
    """One request as it came; `base_url` is scheme, host and port that the client used."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    base_url: str
    fault: Json | None = None  # a fault that only the vendor's handler can act out
    notes: Json = field(default_factory=dict)  # what a vendor found out about the caller

    @cached_property
    def query(self) -> dict[str, str]:
        """Decoded parameters; of a repeated one the last counts."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)

    def is_fault(self, kind: str) -> bool:
        """Whether the handler has to act out this fault."""
        return self.fault is not None and self.fault["kind"] == kind


@dataclass(slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


Handler = Callable[[Request, dict[str, str]], Answer]


def json_answer(value: Any, status: int = 200, headers: Headers | None = None) -> Answer:
    """Answer with JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Answer(status, body, [("content-type", "application/json; charset=utf-8"), *(headers or [])])


def html_answer(status: int, title: str) -> Answer:
    """Answer as a proxy or a maintenance page does."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status, page.encode(), [("content-type", "text/html; charset=utf-8")])


def _key_of(expected: str, actual: str, values: dict[str, str]) -> bool:
    """Take the value out of a segment like `applications(appId='{id}')`; whether it is one."""
    head, hole, rest = expected.partition("{")
    name, _, tail = rest.partition("}")
    fits = bool(hole) and len(actual) > len(head) + len(tail) and actual.startswith(head) and actual.endswith(tail)
    if fits:
        values[name] = actual[len(head) : len(actual) - len(tail)]
    return fits


class Router:
    """Finds the handler of a method and path; templates like `/users/{id}`, literal segments first."""

    def __init__(self) -> None:
        self._literal: dict[str, dict[str, Handler]] = {}
        self._patterns: dict[int, list[tuple[list[str], str, dict[str, Handler]]]] = {}

    def add(self, methods: str, template: str, handler: Handler) -> None:
        """Register one handler for methods joined by blanks."""
        for method in methods.split():
            self._entry(template)[method] = handler

    def _entry(self, template: str) -> dict[str, Handler]:
        if "{" not in template:
            return self._literal.setdefault(template, {})
        parts = template.split("/")
        same_length = self._patterns.setdefault(len(parts), [])
        for known, _, entry in same_length:
            if known == parts:
                return entry
        same_length.append((parts, template, {}))
        return same_length[-1][2]

    def find(self, path: str) -> tuple[str, dict[str, str], dict[str, Handler]] | None:
        """Return template, parameters and handlers by method, or None for an unknown path."""
        if (entry := self._literal.get(path)) is not None:
            return path, {}, entry
        parts = path.split("/")
        for pattern, template, entry in self._patterns.get(len(parts), ()):
            values: dict[str, str] = {}
            for expected, actual in zip(pattern, parts, strict=True):
                if expected[:1] == "{":
                    values[expected[1:-1]] = actual
                elif expected != actual and not _key_of(expected, actual, values):
                    break
            else:
                return template, values, entry
        return None
