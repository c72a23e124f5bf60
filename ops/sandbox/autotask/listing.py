"""Queries: filter, trimming, counting, and pages that follow each other under the same verb and body.

autotask.net developer help: "Basic query calls", "Advanced query features".
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ops.sandbox.autotask import errors, fields
from ops.sandbox.autotask.errors import AutotaskError
from ops.sandbox.autotask.filters import Filter, folded_keys
from ops.sandbox.autotask.state import INDEXED, Database
from ops.sandbox.http import Answer, Json, Request, json_answer

MAX_RECORDS = 500


class Listing:
    """Answers queries on any entity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, request: Request, entity: str, *, base: str) -> Answer:
        """The first page."""
        return self._page(request, entity, base=base, after=-1, size=None)

    def next_page(self, request: Request, entity: str, *, base: str) -> Answer:
        """A page that an earlier one has named; the query must be the same."""
        try:
            paging = json.loads(request.query.get("paging", ""))
            verb, mark, after, size = paging["verb"], paging["mark"], int(paging["after"]), int(paging["pageSize"])
        except (ValueError, KeyError, TypeError) as exc:
            raise AutotaskError("Invalid paging information.") from exc
        if verb != request.method:
            return errors.wrong_verb(request.method)
        if mark != _mark(request):
            raise AutotaskError("The query differs from the one of the first page.")
        return self._page(request, entity, base=base, after=after, size=size)

    def count(self, request: Request, entity: str) -> Answer:
        """How many records fulfil a filter."""
        lag = int((request.fault or {}).get("by", -1)) if request.is_fault("count_lag") else 0
        found = self._find(_query(request), entity)
        return json_answer({"queryCount": max(0, len(found) + lag)})

    def _page(self, request: Request, entity: str, *, base: str, after: int, size: int | None) -> Answer:
        query = _query(request)
        size = size or _size(query)
        shown = _shown_fields(query, entity)
        ids = self._find(query, entity)
        start = bisect_right(ids, after)
        page = ids[start : start + size]
        last = page[-1] if len(page) == size else None  # the page after a full last one is empty
        if request.is_fault("empty_page"):
            page, last = [], after
        if request.is_fault("missing_items"):
            page = page[: -int((request.fault or {}).get("count", 1))]
        table = self._table(entity)
        items = [trim(table[number], shown) for number in page]
        following = None if last is None else _link(request, base=base, after=last, size=size)
        details = {"count": len(items), "requestCount": size, "prevPageUrl": None, "nextPageUrl": following}
        return json_answer({"items": items, "pageDetails": details})

    def _table(self, entity: str) -> Mapping[int, Json]:
        database = self._database
        tables = {
            "Contact": database.contacts,
            "Company": database.companies,
            "CompanyLocation": database.locations,
            "Country": database.countries,
        }
        return tables[entity]

    def _find(self, query: Json, entity: str) -> list[int]:
        """Ids in order."""
        wanted = Filter(entity)
        wanted.read(query.get("filter"))
        table = self._table(entity)
        candidates = self._candidates(wanted) if entity == "Contact" else table
        return sorted(number for number in candidates if number in table and wanted.test(table[number]))

    def _candidates(self, wanted: Filter) -> Iterable[int]:
        """The smallest set that an index offers."""
        sets: list[set[int]] = []
        for hits in wanted.alternatives:
            parts = [self._with_values(name, values) for name, values in hits]
            known = [part for part in parts if part is not None]
            if len(known) == len(parts):
                sets.append(set().union(*known))
        if not sets:
            return self._database.contacts
        smallest: set[int] = min(sets, key=len)
        return smallest

    def _with_values(self, name: str, values: list[Any]) -> set[int] | None:
        """Contacts with one of the values, None where no index knows."""
        database = self._database
        if name == "id":
            return {int(value) for value in values if str(value).isdigit()}
        if name == "companyID":
            companies = [int(value) for value in values if str(value).isdigit()]
            return {number for one in companies for number in database.by_company.get(one, ())}
        if name in INDEXED:
            return {number for value in values for number in database.with_value(name, str(value))}
        return None


def _query(request: Request) -> Json:
    """The query: the body of a POST, the parameter `search` of a GET."""
    text = request.body if request.method == "POST" else request.query.get("search", "").encode()
    try:
        query = json.loads(text)
    except ValueError as exc:
        raise AutotaskError("Invalid query syntax. The query is no JSON.") from exc
    if not isinstance(query, dict):
        raise AutotaskError("Invalid query syntax. The query must be an object.")
    return folded_keys(query)


def _size(query: Json) -> int:
    size = query.get("maxrecords")
    if size is None:
        return MAX_RECORDS
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_RECORDS:
        raise AutotaskError(f"Invalid query syntax. MaxRecords must be between 1 and {MAX_RECORDS}.")
    return size


def _shown_fields(query: Json, entity: str) -> list[str] | None:
    """The names to show; a user-defined field may be named by its label, or all of them at once."""
    wanted = query.get("includefields")
    if not wanted:
        return None
    any_case = {name.casefold(): name for name in fields.ENTITIES[entity]}
    if entity == "Contact":
        any_case |= {name.casefold(): "userDefinedFields" for name in ("userDefinedFields", *fields.UDF_LABELS)}
    shown = []
    for name in wanted:
        known = any_case.get(str(name).casefold())
        if known is None:
            raise errors.unknown_field(str(name), entity)
        shown.append(known)
    return shown


def trim(record: Json, shown: list[str] | None) -> Json:
    """Only the named fields."""
    return record if shown is None else {name: record[name] for name in shown}


def _mark(request: Request) -> str:
    """What tells one query from another."""
    return hashlib.sha256(json.dumps(_query(request), sort_keys=True).encode()).hexdigest()[:12]


def _link(request: Request, *, base: str, after: int, size: int) -> str:
    paging: Json = {"pageSize": size, "after": after, "verb": request.method, "mark": _mark(request)}
    search: Any = request.query.get("search")
    tail = f"&search={quote(search, safe='')}" if request.method == "GET" and search else ""
    return f"{base}/query/next?paging={quote(json.dumps(paging, separators=(',', ':')), safe='')}{tail}"
