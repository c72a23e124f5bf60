"""The endpoints of one Halo installation: the only file that sends. Takes and returns wire models.

Paths as in the vendor's OpenAPI document ("Halo API v2", read 2026-11-24).
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from adapters.answers import read_json
from adapters.errors import AnswerLostError, InstanceError, NotFoundError, RecordError, WireError
from adapters.halo import query
from adapters.halo.auth import Access, HaloAuth, Tokens
from adapters.halo.paging import PAGE_SIZE, Step, next_step
from adapters.halo.refusals import ENDPOINT_UNKNOWN, classify, classify_login
from adapters.halo.wire import (
    VENDOR,
    Page,
    Shape,
    WireClient,
    WireSite,
    WireUser,
    parse_one,
    parse_page,
    parse_report,
)
from adapters.limits import Budget
from adapters.transport import Observer, Permit, Transport

USERS = "/Users"
CLIENTS = "/Client"
SITES = "/Site"

Json = dict[str, Any]
Params = Mapping[str, Any]
Record = TypeVar("Record", WireUser, WireClient)


class HaloClient:
    """Speaks with one installation. Thread-safe; copies share connections and the token.

    Each method costs one call, lists one a page; the token's calls, one an hour, are not counted by the limit."""

    def __init__(
        self,
        access: Access,
        *,
        client: httpx.Client,
        budget: Budget | None,
        observer: Observer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts; nothing is sent. `client` comes from `adapters.transport.make_client`."""
        shared: dict[str, Any] = {"client": client, "observer": observer, "sleep": sleep, "now": now}
        login = Transport(VENDOR, access.auth_url, budget=None, classify=classify_login, **shared)
        auth = HaloAuth(Tokens(access, login=login, now=now))
        self._transport = Transport(VENDOR, access.resource_url, budget=budget, classify=classify, auth=auth, **shared)

    def with_budget(self, budget: Budget) -> "HaloClient":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._transport = self._transport.with_budget(budget)  # noqa: SLF001 - our own copy
        return other

    # --- users --------------------------------------------------------------------------------------------------------

    def fetch_user_page(self, params: Params) -> Page[WireUser]:
        """Read one page of the users that these parameters describe.

        Raises RecordError for an advanced search that the installation does not know."""
        try:
            return self._page(USERS, WireUser, key="users", params=params)
        except RecordError as exc:  # a list is no record: it is our question that is refused
            if "advanced_search" in params:
                raise
            facts: Json = {"status": exc.status, "request_id": exc.request_id}
            raise WireError("query_refused", vendor=VENDOR, **facts) from exc

    def search_users(self, text: str, *, client_id: int | None) -> list[WireUser]:
        """Read every page of the users in which this text is found; without a client, those of all clients."""
        found: list[WireUser] = []
        step: Step | None = Step()
        while step is not None:
            params = query.list_params(page=step.page, page_size=PAGE_SIZE, client_id=client_id, search=text)
            page = self.fetch_user_page(params)
            found.extend(page.rows)
            step = next_step(step, [row.id for row in page.rows], record_count=page.record_count)
        return found

    def fetch_user(self, user_id: int) -> WireUser:
        """Read one user with its details. Raises NotFoundError."""
        path, endpoint = f"{USERS}/{user_id}", f"{USERS}/{{id}}"
        response = self._transport.get(path, endpoint=endpoint, params={"includedetails": "true"})
        return _existing(response, parse_one(response, WireUser))

    def push_user(self, body: Json, *, permit: Permit) -> WireUser:
        """Create a user, or change the one whose id is in the body. Raises AnswerLostError if the answer shows none.

        The body travels as an array of one: what becomes of the others if one is refused is not documented."""
        response = self._transport.send("POST", USERS, endpoint=USERS, json=[body], permit=permit)
        facts: Json = {"vendor": VENDOR, "status": response.status_code}
        try:
            user = parse_one(response, WireUser)
        except WireError as exc:  # it was taken, so an answer that we cannot read is as good as lost
            raise AnswerLostError("answer_unreadable", request_id=exc.request_id, **facts) from exc
        if user.id <= 0:
            raise AnswerLostError("answer_unreadable", **facts)
        return user

    # --- clients, sites, reports --------------------------------------------------------------------------------------

    def fetch_client(self, client_id: int) -> WireClient:
        """Read one client with its details. Raises NotFoundError."""
        path, endpoint = f"{CLIENTS}/{client_id}", f"{CLIENTS}/{{id}}"
        response = self._transport.get(path, endpoint=endpoint, params={"includedetails": "true"})
        return _existing(response, parse_one(response, WireClient))

    def iter_clients(self) -> Iterator[tuple[WireClient, ...]]:
        """Yield the active clients page by page, as their list shows them."""
        step: Step | None = Step()
        while step is not None:
            params = {"pageinate": "true", "page_size": PAGE_SIZE, "page_no": step.page, "order": "id"}
            params |= {"includeinactive": "false", "includeactive": "true"}
            page = self._page(CLIENTS, WireClient, key="clients", params=params)
            yield tuple(page.rows)
            step = next_step(step, [client.id for client in page.rows], record_count=page.record_count)

    def fetch_sites(self, client_id: int) -> tuple[WireSite, ...]:
        """Read a client's sites, inactive ones included."""
        sites: dict[int, WireSite] = {}
        step: Step | None = Step()
        while step is not None:
            params = {"client_id": client_id, "pageinate": "true", "page_size": PAGE_SIZE, "page_no": step.page}
            params |= {"includeinactive": "true", "includeactive": "true"}
            page = self._page(SITES, WireSite, key="sites", params=params)
            sites.update((site.id, site) for site in page.rows)
            step = next_step(step, [site.id for site in page.rows], record_count=page.record_count)
        return tuple(sites.values())

    def fetch_report(self, report_id: int) -> tuple[Json, ...]:
        """Run a report and return its rows, column names in lower case. Raises NotFoundError."""
        path, endpoint = f"/Report/{report_id}", "/Report/{id}"
        return parse_report(self._transport.get(path, endpoint=endpoint, params={"loadreport": "true"}))

    # --- the installation ---------------------------------------------------------------------------------------------

    def uses_vendor_sync(self) -> bool | None:
        """Tell whether Halo's own Entra integration is connected; None if we may not know."""
        path = "/AzureADConnection"
        try:
            body = read_json(self._transport.get(path, endpoint=path, params={"type": 2}), vendor=VENDOR)
        except (InstanceError, RecordError, WireError):
            return None
        rows = next((part for part in body.values() if isinstance(part, list)), []) if isinstance(body, dict) else body
        return bool(rows)

    def is_readable(self, path: str) -> bool:
        """Tell whether the application's scopes and its agent's role let us read this list."""
        try:
            self._transport.get(path, endpoint=path, params={"pageinate": "true", "page_size": 1, "page_no": 1})
        except InstanceError as error:
            if error.reason == "permission_missing":
                return False
            raise
        except NotFoundError as exc:
            raise _no_endpoint(exc) from exc
        return True

    def _page(self, path: str, shape: type[Shape], *, key: str, params: Params) -> Page[Shape]:
        try:
            response = self._transport.get(path, endpoint=path, params=params)
        except NotFoundError as exc:
            raise _no_endpoint(exc) from exc
        return parse_page(response, shape, key=key)


def _no_endpoint(error: NotFoundError) -> InstanceError:
    """Say that the address leads elsewhere: a list may be empty, but it exists."""
    return InstanceError(ENDPOINT_UNKNOWN, vendor=VENDOR, status=error.status, request_id=error.request_id)


def _existing(response: httpx.Response, record: Record) -> Record:
    """Return the record; one without an id is how some installations say that there is none."""
    if record.id <= 0:
        raise NotFoundError("not_found", vendor=VENDOR, status=response.status_code)
    return record
