"""`GET /users` and what goes with it: projection, filter, order, count, paging.

learn.microsoft.com: "List users", "Paging Microsoft Graph data in your app", "Advanced query capabilities".
"""

import base64
import binascii
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from ops.sandbox.http import Answer, Json, Request, json_answer
from ops.sandbox.microsoft import properties
from ops.sandbox.microsoft.errors import GraphError, bad_request
from ops.sandbox.microsoft.odata import Clause, ODataError, parse_filter
from ops.sandbox.microsoft.state import Tenant
from ops.sandbox.settings import Settings

DEFAULT_TOP, MAX_TOP = 100, 999
JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_EXPAND = re.compile(r"^manager(?:\((.*)\))?$")
_ORDER_PLAIN = frozenset({"displayName", "userPrincipalName"})
_ORDER_ADVANCED = frozenset({"createdDateTime", "deletedDateTime"})


def encode_token(content: Json) -> str:
    """Make an opaque page or delta token."""
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_token(token: str) -> Json:
    """Read a token made here; a garbled one is a 400."""
    try:
        content: Json = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as exc:
        raise bad_request("Badly formed token.") from exc
    if not isinstance(content, dict):
        raise bad_request("Badly formed token.")
    return content


def is_advanced(request: Request) -> bool:
    """Whether the request may use advanced queries."""
    eventual = request.headers.get("consistencylevel", "").lower() == "eventual"
    return eventual and (request.query.get("$count", "").lower() == "true" or request.path.endswith("/$count"))


def selected(request: Request, *, single: bool = False) -> tuple[str, ...]:
    """The names of `$select`, checked, or the default set."""
    names = properties.split_names(request.query.get("$select", ""))
    for name in names:
        if name in properties.SINGLE_ONLY:
            if not single:
                raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
        elif name not in properties.ALL:
            what = f"Could not find a property named '{name}' on type 'microsoft.graph.user'."
            raise bad_request(f"Parsing OData Select and Expand failed: {what}", "BadRequest")
    return names or tuple(properties.DEFAULT)


def top_of(request: Request) -> int:
    """The page size asked for."""
    text = request.query.get("$top", str(DEFAULT_TOP))
    if not text.isdigit() or not 1 <= int(text) <= MAX_TOP:
        message = f"Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive."
        raise bad_request(message, "Request_UnsupportedQuery")
    return int(text)


def next_link(request: Request, token: Json) -> str:
    """The whole URL of the next page, on the host that the client used, with the options repeated."""
    kept = [(key, value) for key, value in request.query.items() if key.lower() != "$skiptoken"]
    pairs = [f"{quote(key, safe='$')}={quote(value, safe='')}" for key, value in kept]
    return f"{request.base_url}{request.path}?{'&'.join([*pairs, '$skiptoken=' + encode_token(token)])}"


def graph_json(value: Any, status: int = 200) -> Answer:
    """JSON with Graph's own content type."""
    answer = json_answer(value, status)
    answer.headers[0] = ("content-type", JSON_TYPE)
    return answer


class Listing:
    """Answers collections of users; keeps the result of a filter until the directory changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._results: OrderedDict[tuple[str, str, str, bool], tuple[int, list[str]]] = OrderedDict()

    def users(self, request: Request, tenant: Tenant) -> Answer:
        """One page of the users of a tenant."""
        query = request.query
        names = selected(request)
        top = min(top_of(request), 500) if "signInActivity" in names else top_of(request)
        self._refuse_options(request)
        expand = self._expand(request)
        start, first = self._start(request, tenant)
        ids = self._ids(request, tenant)
        page, after = self._page(ids, start, top=top, tenant=tenant)
        if request.is_fault("empty_page"):
            page, after = [], start
        elif request.is_fault("missing_items"):
            page = page[: -int((request.fault or {}).get("count", 1))]
        body: Json = {"@odata.context": f"{request.base_url}/v1.0/$metadata#users{self._context(query)}"}
        if first and is_advanced(request):
            body["@odata.count"] = self._total(request, tenant)
        if after is not None:
            body["@odata.nextLink"] = next_link(request, {"p": after, "t": tenant.now()})
        body["value"] = [self.render(tenant, user, names, expand) for user in page]
        return graph_json(body)

    @staticmethod
    def _context(query: dict[str, str]) -> str:
        return f"({query['$select']})" if query.get("$select") else ""

    @staticmethod
    def _refuse_options(request: Request) -> None:
        if "$skip" in request.query:
            raise bad_request("$skip is not supported by the service.", "Request_UnsupportedQuery")
        if "$search" in request.query and not is_advanced(request):
            message = "Request with $search query parameter only works with the header 'ConsistencyLevel: eventual'"
            raise bad_request(message, "Request_UnsupportedQuery")

    def _start(self, request: Request, tenant: Tenant) -> tuple[int, bool]:
        token = request.query.get("$skiptoken", request.query.get("$skipToken"))
        if token is None:
            return 0, True
        content = decode_token(token)
        too_old = tenant.now() - float(content.get("t", 0)) > self._settings["graph.page_token_life_s"]
        if request.is_fault("expired_page") or too_old:
            message = "The specified page token value has expired and can no longer be included in your request."
            raise bad_request(message, "Directory_ExpiredPageToken")
        return int(content["p"]), False

    def _ids(self, request: Request, tenant: Tenant) -> list[str]:
        """Ids in order; may hold ids of users that are gone when nothing narrows or orders the list."""
        query = request.query
        text, order, search = query.get("$filter", ""), query.get("$orderby", ""), query.get("$search", "")
        if not text and not order and not search:
            return tenant.order
        key = (tenant.id, f"{text}\n{search}", order, is_advanced(request))
        known = self._results.get(key)
        if known is not None and known[0] == tenant.version:
            return known[1]
        ids = self._evaluate(request, tenant)
        self._results[key] = (tenant.version, ids)
        if len(self._results) > 32:
            self._results.popitem(last=False)
        return ids

    def _evaluate(self, request: Request, tenant: Tenant) -> list[str]:
        query = request.query
        users = list(tenant.users.values())
        if text := query.get("$filter"):
            users = self._filtered(text, tenant, advanced=is_advanced(request))
        if search := query.get("$search"):
            users = [user for user in users if _search_test(search)(user)]
        if order := query.get("$orderby"):
            name, _, direction = order.partition(" ")
            plain = name in _ORDER_PLAIN and not text
            if not plain and not (is_advanced(request) and name in _ORDER_PLAIN | _ORDER_ADVANCED):
                raise bad_request("Sorting not supported for current query.", "Request_UnsupportedQuery")
            users.sort(
                key=lambda user: str(user.get(name) or "").casefold(), reverse=direction.strip().lower() == "desc"
            )
        return [user["id"] for user in users]

    @staticmethod
    def _filtered(text: str, tenant: Tenant, *, advanced: bool) -> list[Json]:
        try:
            clause = parse_filter(text, advanced=advanced)
        except ODataError as error:
            raise GraphError(error.status, error.code, error.message) from error
        return [user for user in _candidates(clause, tenant) if clause.test(user)]

    def _hidden(self, tenant: Tenant) -> set[str]:
        """Users that a lagging replica does not know yet."""
        end = tenant.log_end(self._settings["graph.list_lag_s"])
        return {change.user_id for change in tenant.log[end:] if change.names is None}

    def _page(self, ids: list[str], start: int, *, top: int, tenant: Tenant) -> tuple[list[Json], int | None]:
        hidden = self._hidden(tenant)
        page: list[Json] = []
        at = start
        while at < len(ids) and len(page) < top:
            user = tenant.users.get(ids[at])
            if user is not None and user["id"] not in hidden:
                page.append(user)
            at += 1
        rest = next((index for index in range(at, len(ids)) if ids[index] in tenant.users), None)
        return page, rest

    def _total(self, request: Request, tenant: Tenant) -> int:
        ids = self._ids(request, tenant)
        total = len(tenant.users) if ids is tenant.order else sum(1 for user_id in ids if user_id in tenant.users)
        lag = int((request.fault or {}).get("by", -1)) if request.is_fault("count_lag") else 0
        return max(0, total - len(self._hidden(tenant)) + lag)

    def count(self, request: Request, tenant: Tenant) -> Answer:
        """`/users/$count`: a number as plain text, only with the header."""
        if request.headers.get("consistencylevel", "").lower() != "eventual":
            raise bad_request("$count is not currently supported.")
        return Answer(200, str(self._total(request, tenant)).encode(), [("content-type", "text/plain")])

    @staticmethod
    def _expand(request: Request) -> tuple[str, ...] | None:
        text = request.query.get("$expand")
        if not text:
            return None
        match = _EXPAND.match(text)
        if match is None:
            raise bad_request(f"Could not find a property named '{text}' on type 'microsoft.graph.user'.", "BadRequest")
        if is_advanced(request):
            raise bad_request("$expand is not supported with advanced queries.", "Request_UnsupportedQuery")
        options = dict(part.partition("=")[::2] for part in (match[1] or "").split(";") if part)
        if "$select" in options and "$levels" not in options:
            raise bad_request("$select within $expand of manager needs $levels.", "Request_UnsupportedQuery")
        return properties.split_names(options.get("$select", "")) or tuple(properties.DEFAULT)

    @staticmethod
    def render(tenant: Tenant, user: Json, names: tuple[str, ...], expand: tuple[str, ...] | None) -> Json:
        """A user with the named properties, and the manager if asked for."""
        shown = properties.project(user, names)
        if expand is not None:
            manager = tenant.users.get(tenant.managers.get(user["id"], ""))
            if manager is not None:
                shown["manager"] = {"@odata.type": "#microsoft.graph.user", **properties.project(manager, expand)}
        return shown

    def single(self, request: Request, tenant: Tenant, user: Json) -> Answer:
        """One user."""
        names = selected(request, single=True)
        shown = self.render(tenant, user, names, self._expand(request))
        context = f"{request.base_url}/v1.0/$metadata#users{self._context(request.query)}/$entity"
        return graph_json({"@odata.context": context, **shown})

    def deleted(self, request: Request, tenant: Tenant) -> Answer:
        """One page of the deleted users."""
        tenant.purge()
        names = selected(request)
        if not request.query.get("$select"):
            names = (*names, "deletedDateTime")
        start, _ = self._start(request, tenant)
        top = top_of(request)
        users = list(tenant.deleted.values())
        body: Json = {"@odata.context": f"{request.base_url}/v1.0/$metadata#users"}
        if start + top < len(users):
            body["@odata.nextLink"] = next_link(request, {"p": start + top, "t": time.time()})
        body["value"] = [properties.project(user, names) for user in users[start : start + top]]
        return graph_json(body)


def _candidates(clause: Clause, tenant: Tenant) -> list[Json]:
    """Users that can satisfy the clause, by index where it names a unique property."""
    if clause.key is None:
        return list(tenant.users.values())
    name, value = clause.key
    if name == "mail":
        ids = tenant.by_mail.get(value.casefold(), set())
        return [tenant.users[user_id] for user_id in ids]
    user = tenant.users.get(value.lower()) if name == "id" else tenant.find(value)
    return [user] if user else []


def _search_test(text: str) -> Callable[[Json], bool]:
    match = re.fullmatch(r'"(\w+):(.*)"', text.strip())
    if match is None:
        raise bad_request("Syntax error in $search.", "Request_BadRequest")
    name, wanted = match[1], match[2].casefold()
    return lambda user: wanted in str(user.get(name) or "").casefold()
