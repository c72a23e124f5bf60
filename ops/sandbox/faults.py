"""Faults on demand: which request is to go wrong, and how."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from ops.sandbox.http import Json, Request

IN_HANDLER = frozenset("expired_page dead_delta empty_page count_lag missing_items".split())
KINDS = IN_HANDLER | frozenset("429 status timeout slow reset lost_answer truncate".split())
TenantOf = Callable[[Request], str | None]
"""Tells whose request it is."""
_MATCH_KEYS = frozenset({"vendor", "method", "path", "query", "body", "tenant"})


def _applies(kind: str, request: Request) -> bool:
    """Whether a fault of this kind means anything on this request."""
    query = request.query
    if kind == "expired_page":
        return "$skiptoken" in query or "$skipToken" in query
    if kind == "dead_delta":
        token = query.get("$deltatoken", query.get("$deltaToken", "latest"))
        return token.lower() != "latest"
    if kind == "count_lag":
        return "count" in request.path or "$count" in query or request.path.lower().startswith("/api/")  # Halo's lists
    if kind in {"empty_page", "missing_items"}:
        is_read = request.method == "GET" or "/query" in request.path.lower()  # Autotask asks by POST
        return is_read and "count" not in request.path
    return True


@dataclass(eq=False)
class Rule:
    """One kind of fault, on the requests that match."""

    id: int
    spec: Json
    path: re.Pattern[str] | None
    left: int | None
    skip: int
    fired: int = 0
    rng: random.Random = field(default_factory=random.Random)

    def fires(self, vendor: str, request: Request, tenant_of: TenantOf) -> bool:
        """Whether this request gets the fault; counts it if so."""
        if self.left == 0 or not self._matches(vendor, request, tenant_of):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.rng.random() >= float(self.spec.get("probability", 1.0)):
            return False
        self.fired += 1
        if self.left is not None:
            self.left -= 1
        return True

    def _matches(self, vendor: str, request: Request, tenant_of: TenantOf) -> bool:
        match: Json = self.spec.get("match", {})
        return (
            match.get("vendor", vendor) == vendor
            and match.get("method", request.method).upper() == request.method
            and (self.path is None or self.path.search(request.path) is not None)
            and (not match.get("query") or _in_query(match["query"], request))
            and (not match.get("body") or match["body"].encode() in request.body)
            and _applies(self.spec["kind"], request)
            and (not match.get("tenant") or match["tenant"] == tenant_of(request))
        )


def _in_query(wanted: str, request: Request) -> bool:
    return wanted in request.query_string or any(wanted in f"{key}={value}" for key, value in request.query.items())


class Faults:
    """The rules in force, in the order given; the first that fires wins."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._ids = count(1)

    def add(self, specs: list[Json]) -> list[int]:
        """Check and add rules; raises ValueError and adds none if one is wrong."""
        rules = [self._parse(spec) for spec in specs]
        self._rules.extend(rules)
        return [rule.id for rule in rules]

    def _parse(self, spec: Json) -> Rule:
        if str(spec.get("kind")) not in KINDS:
            raise ValueError(f"kind {spec.get('kind')!r} is none of {', '.join(sorted(KINDS))}")
        match = spec.get("match", {})
        if unknown := set(match) - _MATCH_KEYS:
            raise ValueError(f"match has no {', '.join(sorted(unknown))}")
        path = re.compile(match["path"], re.IGNORECASE) if match.get("path") else None
        times = spec.get("times", 1)
        return Rule(
            id=next(self._ids),
            spec={**spec, "kind": str(spec["kind"])},
            path=path,
            left=None if times is None else int(times),
            skip=int(spec.get("after", 0)),
            rng=random.Random(spec.get("seed", 7)),
        )

    def clear(self) -> None:
        """Drop all rules."""
        self._rules.clear()

    def pick(self, vendor: str, request: Request, tenant_of: TenantOf) -> Json | None:
        """Return the fault for this request, if any."""
        for rule in self._rules:
            if rule.fires(vendor, request, tenant_of):
                return rule.spec
        return None

    def as_json(self) -> Json:
        """Return every rule with how often it fired."""
        rules = [{**rule.spec, "id": rule.id, "fired": rule.fired, "left": rule.left} for rule in self._rules]
        return {"rules": rules}
