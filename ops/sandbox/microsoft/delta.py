"""`GET /users/delta`.

learn.microsoft.com: "user: delta", "Use delta query to track changes in Microsoft Graph data".
"""

import re
from typing import NamedTuple

from ops.sandbox.http import Answer, Json, Request
from ops.sandbox.microsoft import properties
from ops.sandbox.microsoft.errors import GraphError, bad_request
from ops.sandbox.microsoft.listing import decode_token, encode_token, graph_json, selected
from ops.sandbox.microsoft.state import Tenant
from ops.sandbox.settings import Settings

SPELLINGS = tuple(f"/users/{name}{end}" for name in ("delta", "microsoft.graph.delta") for end in ("", "()"))
_ID_FILTER = re.compile(r"^\s*id eq '?([0-9a-f-]{36})'?(?:\s+or\s+id eq '?([0-9a-f-]{36})'?)*\s*$", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}", re.IGNORECASE)
_INITIAL = -1
_MAX_IDS = 50
_UNSUPPORTED = ("$orderby", "$expand", "$search", "$count")


class Round(NamedTuple):
    """One walk through pages: all users (`since` is -1) or those of a part of the log."""

    select: tuple[str, ...] | None
    ids: tuple[str, ...] | None
    since: int
    until: int
    size: int  # of the list that is walked, as it was at the start of an initial round

    def token(self, at: int, now: float) -> Json:
        """The content of a `$skiptoken`."""
        return {"s": self.select, "i": self.ids, "f": self.since, "u": self.until, "n": self.size, "p": at, "t": now}


class Delta:
    """Answers delta queries. A token holds all that is needed: the tenant's log does the rest."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def answer(self, request: Request, tenant: Tenant) -> Answer:
        """One page of a round."""
        query = request.query
        tenant.purge()
        token = query.get("$deltatoken", query.get("$deltaToken"))
        skip = query.get("$skiptoken", query.get("$skipToken"))
        if skip is not None:
            content = decode_token(skip)
            walk = Round(_names(content["s"]), _names(content["i"]), content["f"], content["u"], content["n"])
            self._check_page(content, request, tenant)
            return self._page(request, tenant, walk, at=int(content["p"]))
        if token and token.lower() != "latest":
            return self._page(request, tenant, self._resumed(token, request, tenant), at=0)
        walk = self._first(request, tenant)
        if token:
            return self._last_page(request, tenant, walk, [])
        return self._page(request, tenant, walk, at=0)

    def _first(self, request: Request, tenant: Tenant) -> Round:
        for option in _UNSUPPORTED:
            if option in request.query:
                raise bad_request(
                    f"The query option '{option}' is not supported for delta.", "Request_UnsupportedQuery"
                )
        select = None
        if text := request.query.get("$select"):
            plain = [name for name in properties.split_names(text) if name != "manager"]
            selected(_with_select(request, plain))
            select = properties.split_names(text)
        end = tenant.log_end(self._settings["graph.list_lag_s"])
        return Round(select, _filter_ids(request.query.get("$filter")), _INITIAL, end, len(tenant.order))

    def _resumed(self, token: str, request: Request, tenant: Tenant) -> Round:
        content = decode_token(token)
        age_s = tenant.now() - float(content.get("t", 0))
        if request.is_fault("dead_delta") or age_s > self._settings["graph.delta_life_days"] * 86_400:
            status = (request.fault or {}).get("status") or self._settings["graph.delta_expired_status"]
            raise _dead(int(status), request)
        end = tenant.log_end(self._settings["graph.list_lag_s"])
        since = int(content["u"])
        return Round(_names(content["s"]), _names(content["i"]), since, max(end, since), 0)

    def _check_page(self, content: Json, request: Request, tenant: Tenant) -> None:
        age_s = tenant.now() - float(content.get("t", 0))
        if request.is_fault("expired_page") or age_s > self._settings["graph.page_token_life_s"]:
            message = "The specified page token value has expired and can no longer be included in your request."
            raise bad_request(message, "Directory_ExpiredPageToken")

    def _page(self, request: Request, tenant: Tenant, walk: Round, *, at: int) -> Answer:
        size = int(self._settings["graph.delta_page_size"])
        if request.is_fault("empty_page"):
            return self._next_page(request, tenant, walk, [], at=at)
        items, after = self._items(request, tenant, walk, at=at, size=size)
        if at > 0 and (repeated := int(self._settings["graph.delta_duplicates"])):
            items = self._items(request, tenant, walk, at=0, size=repeated)[0] + items
        if request.is_fault("missing_items"):
            items = items[: -int((request.fault or {}).get("count", 1))]
        if after is None:
            return self._last_page(request, tenant, walk, items)
        return self._next_page(request, tenant, walk, items, at=after)

    def _items(
        self, request: Request, tenant: Tenant, walk: Round, *, at: int, size: int
    ) -> tuple[list[Json], int | None]:
        if walk.since == _INITIAL:
            ids: list[str] = tenant.order[at : min(at + size, walk.size)]
            items = [_item(tenant, tenant.users[user_id], walk) for user_id in ids if user_id in tenant.users]
            after = at + size if at + size < walk.size else None
        else:
            minimal = "return=minimal" in request.headers.get("prefer", "").replace(" ", "")
            changed = _changed(tenant, walk)
            items = [
                _change(tenant, user_id, names, walk, minimal=minimal) for user_id, names in changed[at : at + size]
            ]
            after = at + size if at + size < len(changed) else None
        if walk.ids is not None:
            items = [item for item in items if item["id"] in walk.ids]
        return items, after

    def _next_page(self, request: Request, tenant: Tenant, walk: Round, items: list[Json], *, at: int) -> Answer:
        link = f"{request.base_url}/v1.0/users/delta?$skiptoken={encode_token(walk.token(at, tenant.now()))}"
        return graph_json({"@odata.context": _context(request, walk), "@odata.nextLink": link, "value": items})

    def _last_page(self, request: Request, tenant: Tenant, walk: Round, items: list[Json]) -> Answer:
        token = encode_token({"s": walk.select, "i": walk.ids, "u": walk.until, "t": tenant.now()})
        link = f"{request.base_url}/v1.0/users/delta?$deltatoken={token}"
        return graph_json({"@odata.context": _context(request, walk), "@odata.deltaLink": link, "value": items})


def _names(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _context(request: Request, walk: Round) -> str:
    shown = f"({','.join(walk.select)})" if walk.select else ""
    return f"{request.base_url}/v1.0/$metadata#users{shown}"


def _with_select(request: Request, names: list[str]) -> Request:
    """The request with another `$select`, to check names by the rules of a list."""
    copy = Request(request.method, request.path, "", request.headers, b"", request.base_url)
    copy.query["$select"] = ",".join(names)
    return copy


def _filter_ids(text: str | None) -> tuple[str, ...] | None:
    if not text:
        return None
    ids = tuple(match.lower() for match in _ID.findall(text))
    if not _ID_FILTER.match(text) or len(ids) > _MAX_IDS:
        raise bad_request("Only filters on up to 50 ids are supported for delta.", "Request_UnsupportedQuery")
    return ids


def _dead(status: int, request: Request) -> GraphError:
    if status == 410:
        location = f"{request.base_url}/v1.0/users/delta?$deltatoken="
        return GraphError(410, "resyncRequired", "Resync required.", [("location", location)])
    message = "The sync state generation is not found. The delta token is expired and data must be synchronized again."
    return GraphError(400, "syncStateNotFound", message)


def _changed(tenant: Tenant, walk: Round) -> list[tuple[str, frozenset[str]]]:
    """Users of the walk's part of the log with the names that changed (all names for the whole user)."""
    merged: dict[str, frozenset[str]] = {}
    everything = frozenset(walk.select or properties.ALL | {"manager"})
    for change in tenant.log[walk.since : walk.until]:
        names = everything if change.names is None else change.names & everything
        if names:
            merged[change.user_id] = merged.get(change.user_id, frozenset()) | names
    return list(merged.items())


def _change(tenant: Tenant, user_id: str, names: frozenset[str], walk: Round, *, minimal: bool) -> Json:
    user = tenant.users.get(user_id)
    if user is None:
        return {"id": user_id, "@removed": {"reason": "changed" if user_id in tenant.deleted else "deleted"}}
    if not minimal:
        return _item(tenant, user, walk)
    shown = tuple(name for name in walk.select or properties.DEFAULT if name in names)
    return {"id": user_id, **properties.project_set(user, shown)}


def _item(tenant: Tenant, user: Json, walk: Round) -> Json:
    item = {**properties.project_set(user, walk.select or tuple(properties.DEFAULT)), "id": user["id"]}
    if walk.select and "manager" in walk.select and (manager := tenant.managers.get(user["id"])):
        item["manager@delta"] = [{"@odata.type": "#microsoft.graph.user", "id": manager}]
    return item
