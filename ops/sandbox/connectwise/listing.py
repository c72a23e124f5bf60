"""Collections: conditions, order, paging, trimming.

developer.connectwise.com: "Developer Guide", query string parameters and pagination.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ops.sandbox.connectwise import fields
from ops.sandbox.connectwise.conditions import (
    Condition,
    parse_child_conditions,
    parse_conditions,
    parse_custom_conditions,
    walk,
)
from ops.sandbox.connectwise.errors import bad_condition
from ops.sandbox.connectwise.state import Psa
from ops.sandbox.http import Answer, Headers, Json, Request, json_answer

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 25, 1000
_NARROWING = ("conditions", "childConditions", "customFieldConditions", "orderBy")


def parameter(request: Request, name: str) -> str:
    """A parameter, its name compared without case."""
    if name in request.query:
        return request.query[name]
    low = name.lower()
    return next((value for key, value in request.query.items() if key.lower() == low), "")


def _number(request: Request, name: str, default: int) -> int:
    text = parameter(request, name)
    if not text:
        return default
    if not text.isdigit():
        raise bad_condition(f"{name} must be a number")
    return int(text)


class Listing:
    """Answers collections; keeps the result of a query until a record changes, so that paging costs no new search."""

    def __init__(self, psa: Psa) -> None:
        self._psa = psa
        self._results: OrderedDict[tuple[str, ...], tuple[int, list[int]]] = OrderedDict()

    def contacts(self, request: Request) -> Answer:
        """A page of contacts."""
        return self._page(request, self._contact_ids(request), self._psa.contacts)

    def count_contacts(self, request: Request) -> Answer:
        """How many contacts fulfil the conditions."""
        return _count(request, len(self._contact_ids(request)))

    def records(self, request: Request, table: Mapping[int, Json], resource: str) -> Answer:
        """A page of any other records."""
        return self._page(request, self._ids(request, table, resource), table)

    def count(self, request: Request, table: Mapping[int, Json], resource: str) -> Answer:
        """How many other records fulfil the conditions."""
        return _count(request, len(self._ids(request, table, resource)))

    def _contact_ids(self, request: Request) -> list[int]:
        key = tuple(parameter(request, name) for name in _NARROWING)
        known = self._results.get(key)
        if known is not None and known[0] == self._psa.version:
            return known[1]
        ids = self._search(request)
        self._results[key] = (self._psa.version, ids)
        if len(self._results) > 64:
            self._results.popitem(last=False)
        return ids

    def _search(self, request: Request) -> list[int]:
        main = (
            parse_conditions(parameter(request, "conditions"), fields.KNOWN, "contact")
            if parameter(request, "conditions")
            else None
        )
        child = (
            parse_child_conditions(parameter(request, "childConditions"))
            if parameter(request, "childConditions")
            else None
        )
        custom_text = parameter(request, "customFieldConditions")
        custom = parse_custom_conditions(custom_text) if custom_text else None
        tests = [condition.test for condition in (custom, child, main) if condition is not None]
        contacts = self._psa.contacts
        ids = [
            n
            for n in self._candidates(main, child, custom)
            if n in contacts and all(test(contacts[n]) for test in tests)
        ]
        return _ordered(ids, contacts, parameter(request, "orderBy"))

    def _candidates(self, main: Condition | None, child: Condition | None, custom: Condition | None) -> Iterable[int]:
        """The smallest set that an index offers; ids in order."""
        psa = self._psa
        sets: list[Iterable[int]] = []
        for name, values in (main.equals if main else {}).items():
            if name == "id":
                sets.append([value for value in values if isinstance(value, int)])
            elif name == "company/id":
                sets.append(
                    [n for value in values for n in psa.by_company.get(value, ())]
                    if len(values) > 1
                    else psa.by_company.get(values[0], [])
                )
            elif name in fields.UDF and _plain(values):
                sets.append(psa.with_value(name, str(values[0])))
        for name, values in (child.equals if child else {}).items():
            if name == "communicationitems/value" and _plain(values):
                sets.append(psa.with_value("item", str(values[0])))
        for name, values in (custom.equals if custom else {}).items():
            if name == "value" and _plain(values):
                sets.append(psa.with_value("custom", str(values[0])))
        if not sets:
            return psa.contacts
        return sorted(set(min(sets, key=len)))  # type: ignore[arg-type]  # lists and sets, all sized

    def _ids(self, request: Request, table: Mapping[int, Json], resource: str) -> list[int]:
        text = parameter(request, "conditions")
        known = frozenset(name for record in table.values() for name in record)
        condition = parse_conditions(text, known, resource) if text else None
        ids = [number for number, record in table.items() if condition is None or condition.test(record)]
        return _ordered(ids, table, parameter(request, "orderBy"))

    def _page(self, request: Request, ids: list[int], table: Mapping[int, Any]) -> Answer:
        size = min(_number(request, "pageSize", DEFAULT_PAGE_SIZE) or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        if request.headers.get("pagination-type", "").lower() == "forward-only":
            page, headers = _forward_page(request, ids, size)
        else:
            page, headers = _numbered_page(request, ids, size)
        if request.is_fault("missing_items"):
            page = page[: -int((request.fault or {}).get("count", 1))]
        paths = fields.parse_fields(parameter(request, "fields"))
        records = [table[number] for number in page]
        return json_answer(fields.trim(records, paths) if paths else records, headers=headers)


def _plain(values: list[Any]) -> bool:
    return len(values) == 1 and "*" not in str(values[0])


def _count(request: Request, total: int) -> Answer:
    lag = int((request.fault or {}).get("by", -1)) if request.is_fault("count_lag") else 0
    return json_answer({"count": max(0, total + lag)})


def _ordered(ids: list[int], table: Mapping[int, Json], order: str) -> list[int]:
    for part in reversed([part.split() for part in order.split(",") if part.strip()]):
        path = ("_info", "lastUpdated") if part[0].lower() == "lastupdated" else tuple(part[0].split("/"))
        if path != ("id",):
            ids.sort(key=lambda number: str(walk(table[number], path) or "").casefold())
        else:
            ids.sort()
        if part[-1].lower() == "desc":
            ids.reverse()
    return ids


def _link(request: Request, relation: str, *, name: str, value: int, size: int) -> str:
    """One link; the page comes last, as clients look for it there."""
    dropped = {"page", "pagesize", "pageid"}
    kept = [f"{quote(k)}={quote(v, safe='')}" for k, v in request.query.items() if k.lower() not in dropped]
    query = "&".join([*kept, f"pageSize={size}", f"{name}={value}"])
    return f'<{request.base_url}{request.path}?{query}>; rel="{relation}"'


def _forward_page(request: Request, ids: list[int], size: int) -> tuple[list[int], Headers]:
    """Records after `pageId` by id. The link is always there, also when nothing follows."""
    after = _number(request, "pageId", 0)
    ordered = sorted(ids)
    start = bisect_right(ordered, after)
    page = ordered[start : start + size]
    if request.is_fault("empty_page"):
        page = []
    last = page[-1] if page else after
    return page, [("link", _link(request, "next", name="pageId", value=last, size=size))]


def _numbered_page(request: Request, ids: list[int], size: int) -> tuple[list[int], Headers]:
    number = max(1, _number(request, "page", 1))
    last = max(1, -(-len(ids) // size))
    page = ids[(number - 1) * size : number * size]
    links = []
    if request.is_fault("empty_page"):
        page = []
        links.append(_link(request, "next", name="page", value=number, size=size))
    elif number < last:
        links.append(_link(request, "next", name="page", value=number + 1, size=size))
    links.append(_link(request, "last", name="page", value=last, size=size))
    if number > 1:
        links.append(_link(request, "first", name="page", value=1, size=size))
        links.append(_link(request, "prev", name="page", value=number - 1, size=size))
    return page, [("link", ", ".join(links))]
