"""One tenant's users by Microsoft Graph: the only file that reads them. Satisfies `tasks.ports.Directory`."""

import copy
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from adapters.errors import NotFoundError, ResyncError, SyncError, TenantError, WireError
from adapters.graph.auth import AppRegistration, GraphAuth, TenantTokens
from adapters.graph.claims import read_roles
from adapters.graph.login import classify_login
from adapters.graph.mapping import map_credentials, map_entry, map_organization, map_user, restore_name
from adapters.graph.subscriptions import GraphSubscriptions
from adapters.graph.wire import VENDOR, Wire, WireApplication, WireOrganizations, WirePage
from adapters.limits import Budget
from adapters.records import USER_PROPERTIES, Credential, DirectoryPage, Organization, User
from adapters.transport import Observer, Transport, read_json, request_id

PAGE_SIZE = 999  # the most that /users gives (learn.microsoft.com/graph/api/user-list, read 2026-11-22)
_DELETED_PATH = "/directory/deletedItems/microsoft.graph.user"  # Graph demands the cast (directory-deleteditems-list)
_DELETED_SELECT = "$select=id,displayName,userPrincipalName,mail,department"
_SELECT = "$select=" + ",".join(USER_PROPERTIES)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z_]{1,48}")
_DEAD_DELTA_CODES = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})
_GONE_CODES = frozenset({"request_resourcenotfound", "resourcenotfound"})

WireModel = TypeVar("WireModel", bound=Wire)


class GraphDirectory:
    """Reads one tenant's users. Built without network; thread-safe; copies share token and connections.

    Links are opaque: followed as they came, but only to this Graph and below its /users or its deleted users.
    """

    def __init__(
        self,
        tenant_id: str,
        app: AppRegistration,
        *,
        client: httpx.Client,
        budget: Budget | None,
        observer: Observer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts. `client` comes from `adapters.transport.make_client` and may serve any number of tenants."""
        cloud = app.cloud
        login = Transport(
            VENDOR,
            cloud.login_url,
            client=client,
            budget=None,  # the login has a quota of its own, which MSAL's cache keeps us far from
            classify=classify_login,
            origins=cloud.token_origins,
            observer=observer,
            sleep=sleep,
            now=now,
        )
        self._client_id = app.client_id
        self._tokens = TenantTokens(tenant_id, app, login=login, now=now)
        self._transport = Transport(
            VENDOR,
            cloud.graph_url,
            client=client,
            budget=budget,
            classify=classify,
            auth=GraphAuth(self._tokens),
            observer=observer,
            sleep=sleep,
            now=now,
        )
        base = httpx.URL(cloud.graph_url).path.rstrip("/")
        self._users_path = f"{base}/users".casefold()
        self._deleted_path = f"{base}{_DELETED_PATH}".casefold()

    def with_budget(self, budget: Budget) -> "GraphDirectory":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._transport = self._transport.with_budget(budget)  # noqa: SLF001 - our own copy
        return other

    @property
    def subscriptions(self) -> GraphSubscriptions:
        """The tenant's subscriptions to changes of its users, by the same token, connections and budget."""
        return GraphSubscriptions(self._transport)

    def fetch_users(self, link: str | None = None, *, created_since: str | None = None) -> DirectoryPage:
        """Read one page of the user list; None is the first. An empty page may have a next link: go on.

        `created_since` (ISO 8601) counts for the first page; the links remember it. Raises
        ResyncError(page_link_expired): links live for minutes, start the list over.
        """
        if link is None:
            link = f"/users?{_SELECT}&$top={PAGE_SIZE}"
            if created_since is not None:
                link += f"&$filter=createdDateTime%20ge%20{quote(created_since, safe='')}"
        else:
            self._check_link(link)
        try:
            response = self._transport.get(link, endpoint="/users")
        except ResyncError as exc:
            raise _resync("page_link_expired", exc) from exc
        page = self._page(response)
        if page.delta_link is not None:
            raise WireError("page_links_unknown", vendor=VENDOR)
        return page

    def fetch_delta(self, link: str) -> DirectoryPage:
        """Read one page of changes; exactly one of next link and delta link is set.

        Raises ResyncError(delta_link_dead) for every refusal of the link, the codes that we do not know included: Graph
        announces one status and code and documents another (learn.microsoft.com/graph/delta-query-overview).
        """
        self._check_link(link)
        try:
            response = self._transport.get(link, endpoint="/users/delta")
        except (WireError, NotFoundError, ResyncError) as exc:
            if exc.status is None or not httpx.codes.is_client_error(exc.status):
                raise
            raise _resync("delta_link_dead", exc) from exc
        page = self._page(response)
        if (page.next_link is None) == (page.delta_link is None):
            raise WireError("page_links_unknown", vendor=VENDOR)
        return page

    def fetch_latest_delta_link(self) -> str:
        """Return a delta link that starts now and tracks our `$select`.

        Raises WireError where Graph lists users instead: it ignores some options in silence.
        """
        page = self._page(self._transport.get(f"/users/delta?$deltatoken=latest&{_SELECT}", endpoint="/users/delta"))
        if page.delta_link is None or page.entries:
            raise WireError("page_links_unknown", vendor=VENDOR)
        return page.delta_link

    def fetch_user(self, name: str) -> User | None:
        """Read one user by object id or user principal name; None if Graph does not know it."""
        name = name.strip()
        is_id = _GUID.fullmatch(name) is not None
        if not is_id and "@" not in name:
            return None  # neither form; as a path it could name something else, as /users/delta does
        # A name that begins with $ is only understood in this form (learn.microsoft.com/graph/api/user-get).
        key = f"('{_quoted(name.replace(chr(39), chr(39) * 2))}')" if name.startswith("$") else f"/{_quoted(name)}"
        try:
            response = self._transport.get(f"/users{key}?{_SELECT}", endpoint="/users/{id}")
        except NotFoundError:
            return None
        except WireError as exc:
            if exc.vendor_code == "Request_BadRequest" and not is_id:
                return None  # no name that a user could have
            raise
        user = map_user(_json(response))
        if is_id and user.id.casefold() != name.casefold():
            raise WireError("user_not_asked_for", vendor=VENDOR)
        return user

    def find_users(self, address: str) -> tuple[User, ...]:
        """Look up the users whose mail this is; where it is nobody's, those who have it as an alias.

        Neither filter needs Graph's advanced queries, and texts compare folded for case
        (learn.microsoft.com/graph/aad-advanced-queries, "User properties").
        """
        literal = quote(address.strip().replace("'", "''"), safe="")
        for clause in (f"mail%20eq%20'{literal}'", f"proxyAddresses/any(p:p%20eq%20'smtp:{literal}')"):
            page = self._page(self._transport.get(f"/users?{_SELECT}&$filter={clause}", endpoint="/users"))
            users = tuple(entry for entry in page.entries if isinstance(entry, User) and _has(entry, address))
            if users:
                return users
        return ()

    def fetch_deleted_user(self, user_id: str) -> User | None:
        """Read a user who was deleted within the last 30 days, in Graph's default properties; None if there is no such.

        Without $select: by id, Graph takes it for a directory object, which has none of a user's properties.
        """
        path = f"/directory/deletedItems/{_quoted(user_id)}"
        try:
            found = restore_name(map_user(_json(self._transport.get(path, endpoint="/directory/deletedItems/{id}"))))
        except NotFoundError:
            return None
        return found if isinstance(found, User) else None

    def fetch_deleted_users(self, link: str | None = None) -> DirectoryPage:
        """Read one page of the users that were deleted within the last 30 days: ids, names and addresses.

        A deleted user's principal name begins with its object id, so that the name is free for somebody else; it is
        given back as it was (learn.microsoft.com/graph/api/directory-deleteditems-list).
        Raises ResyncError(page_link_expired)."""
        if link is None:
            link = f"{_DELETED_PATH}?{_DELETED_SELECT}&$top={PAGE_SIZE}"
        else:
            self._check_link(link)
        try:
            response = self._transport.get(link, endpoint="/directory/deletedItems/microsoft.graph.user")
        except ResyncError as exc:
            raise _resync("page_link_expired", exc) from exc
        page = self._page(response)
        if page.delta_link is not None:
            raise WireError("page_links_unknown", vendor=VENDOR)
        return page.model_copy(update={"entries": tuple(map(restore_name, page.entries))})

    def count_users(self, *, enabled_only: bool) -> int:
        """Count the tenant's users, guests included; eventually consistent."""
        path = "/users/$count" + ("?$filter=accountEnabled%20eq%20true" if enabled_only else "")
        response = self._transport.get(path, endpoint="/users/$count", headers={"ConsistencyLevel": "eventual"})
        text = response.content.decode("utf-8-sig", errors="replace").strip()  # Graph begins it with a byte order mark
        if not text.isascii() or not text.isdigit():
            raise WireError("count_unreadable", vendor=VENDOR, request_id=request_id(response))
        return int(text)

    def fetch_organization(self) -> Organization:
        """Read the tenant's own id, name and verified domains."""
        path = "/organization?$select=id,displayName,verifiedDomains"
        response = self._transport.get(path, endpoint="/organization")
        return map_organization(_parsed(WireOrganizations, response).value[0])

    def fetch_roles(self) -> frozenset[str] | None:
        """Return the application permissions that this tenant consented to; None if the token does not show them."""
        return read_roles(self._tokens.fetch().value)

    def fetch_credentials(self) -> tuple[Credential, ...] | None:
        """Read our own app registration's secrets and certificates; None where this tenant does not hold it.

        Needs Application.Read.All, and raises TenantError without (learn.microsoft.com/graph/api/application-get)."""
        path = f"/applications(appId='{_quoted(self._client_id)}')?$select=passwordCredentials,keyCredentials"
        try:
            response = self._transport.get(path, endpoint="/applications")
        except NotFoundError:
            return None
        return map_credentials(_parsed(WireApplication, response))

    def _page(self, response: httpx.Response) -> DirectoryPage:
        wire = _parsed(WirePage, response)
        for link in (wire.next_link, wire.delta_link):
            if link is not None:
                self._check_link(link)
        return DirectoryPage(
            entries=tuple(map(map_entry, wire.value)), next_link=wire.next_link, delta_link=wire.delta_link
        )

    def _check_link(self, link: str) -> None:
        """Refuse a link that would carry our token elsewhere; the transport checks its origin again before sending."""
        try:
            path = httpx.URL(link).path.casefold()
        except httpx.InvalidURL:
            raise WireError("foreign_link", vendor=VENDOR) from None  # not chained: the text quotes the link
        known = any((path + "/").startswith(known + "/") for known in (self._users_path, self._deleted_path))
        if not self._transport.is_ours(link) or not known:
            raise WireError("foreign_link", vendor=VENDOR)


def _has(user: User, address: str) -> bool:
    """Tell whether this is the user's mail or alias: Graph ignores some options in silence."""
    wanted = address.strip().casefold()
    return wanted == (user.mail or "").casefold() or f"smtp:{wanted}" in map(str.casefold, user.proxy_addresses)


def classify(response: httpx.Response) -> SyncError | None:
    """Read a Graph error by status first and code second, never by its text (learn.microsoft.com/graph/errors)."""
    if not response.is_client_error and response.status_code != httpx.codes.NOT_IMPLEMENTED:
        return None
    code = _error_code(response)
    error = _classified(response, folded=(code or "").casefold())
    if error is not None:
        error.vendor_code = code
    return error


def _classified(response: httpx.Response, *, folded: str) -> SyncError | None:
    status = response.status_code
    facts: dict[str, Any] = {"vendor": VENDOR, "status": status, "request_id": request_id(response)}
    error: SyncError | None = WireError("request_refused", **facts)
    if folded == "authorization_identitynotfound":
        error = TenantError("consent_missing", **facts)
    elif status == httpx.codes.UNAUTHORIZED:
        error = TenantError("token_refused", **facts)
    elif status == httpx.codes.FORBIDDEN:
        error = TenantError("permission_missing", permission=_permission(response.request.url.path), **facts)
    elif folded == "directory_expiredpagetoken":
        error = ResyncError("page_link_expired", **facts)
    elif status == httpx.codes.GONE or folded in _DEAD_DELTA_CODES:
        error = ResyncError("delta_link_dead", **facts)
    elif status == httpx.codes.NOT_FOUND and folded in _GONE_CODES:
        error = NotFoundError("not_found", **facts)
    elif status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}:
        error = None  # the transport knows them
    return error


def _resync(reason: str, cause: SyncError) -> ResyncError:
    error = ResyncError(reason, vendor=VENDOR, status=cause.status, request_id=cause.request_id)
    error.vendor_code = cause.vendor_code
    return error


def _permission(path: str) -> str:
    if "/applications" in path:
        return "Application.Read.All"
    return "Organization.Read.All" if path.endswith("/organization") else "User.Read.All"


def _error_code(response: httpx.Response) -> str | None:
    """Return Graph's code if it is one; a body that is none of Graph's has no code."""
    try:
        code = read_json(response, vendor=VENDOR)["error"]["code"]
    except (WireError, KeyError, TypeError):
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _json(response: httpx.Response) -> dict[str, Any]:
    body = read_json(response, vendor=VENDOR)
    if not isinstance(body, dict):
        raise WireError("answer_shape_unknown", vendor=VENDOR, request_id=request_id(response))
    if "error" in body:
        raise WireError("error_in_success", vendor=VENDOR, request_id=request_id(response))
    return body


def _parsed(model: type[WireModel], response: httpx.Response) -> WireModel:
    try:
        return model.model_validate(_json(response))
    except ValidationError:  # not chained: its text quotes the answer
        raise WireError("answer_shape_unknown", vendor=VENDOR, request_id=request_id(response)) from None


def _quoted(name: str) -> str:
    return quote(name, safe="@")
