"""The endpoints of one Autotask database: the only file that sends. Takes and returns wire models.

Paths as in the vendor's Swagger document and on its pages (autotask.net, read 2026-11-24).
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from adapters.autotask.auth import Access, AutotaskAuth, is_trusted
from adapters.autotask.limits import HOUR_SHARE, Hour, ObjectSlots
from adapters.autotask.paging import PAGE_SIZE, Step, next_step, read_cursor
from adapters.autotask.query import all_of, equals
from adapters.autotask.refusals import CREDENTIALS_REFUSED, ENDPOINT_UNKNOWN, classify
from adapters.autotask.wire import (
    VENDOR,
    Count,
    Country,
    EntityInfo,
    FieldInfo,
    FieldInfos,
    Location,
    Page,
    Rights,
    Threshold,
    Versions,
    WireCompany,
    WireContact,
    Written,
    Zone,
    parse,
    parse_item,
    parse_rows,
)
from adapters.errors import AnswerLostError, InstanceError, NotFoundError, RecordError, WireError
from adapters.limits import Budget, Slots, Unbounded
from adapters.remembered import Remembered
from adapters.transport import Observer, Permit, Transport
from adapters.wire import Shape

RENEW_PAUSE_S = 60.0  # keys that stay refused make us look for the zone once a minute, not at every call
API_VERSION = "V1.0"

Json = dict[str, Any]


class AutotaskClient:
    """Speaks with one database. Thread-safe; copies share connections and the zone.

    Each method costs one call, lists one a page; the first of all costs one more for the zone, and one a minute goes
    to the hour's threshold."""

    def __init__(
        self,
        access: Access,
        *,
        client: httpx.Client,
        budget: Budget | None,
        slots: Slots | None = None,
        hour_share: float = HOUR_SHARE,
        observer: Observer | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts; nothing is sent. `client` comes from `adapters.transport.make_client`."""
        self._access = access
        self._zone: Remembered[str] = Remembered(now=now)
        self._budget = budget
        self._slots = slots or Unbounded()
        self._hour = Hour(self._slots, share=hour_share, now=now)
        self._parts: Json = {
            "client": client,
            "classify": classify,
            "observer": observer,
            "sleep": sleep,
            "now": now,
        }
        self._registry = Transport(VENDOR, access.zone_url, budget=budget, **self._parts)
        self._door: Transport | None = None

    def with_budget(self, budget: Budget) -> "AutotaskClient":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._budget = budget  # noqa: SLF001 - our own copy
        other._registry = self._registry.with_budget(budget)  # noqa: SLF001
        other._door = None  # noqa: SLF001
        return other

    # --- contacts -----------------------------------------------------------------------------------------------------

    def fetch_contact_page(
        self, conditions: Sequence[Json], cursor: str | None = None, *, fields: Sequence[str] | None = None
    ) -> tuple[tuple[WireContact, ...], str | None]:
        """Read one page of the contacts that fulfil all conditions, and the cursor of the next one."""
        page, following = self._fetch_step("Contacts", WireContact, conditions, step=read_cursor(cursor), fields=fields)
        return page, following.cursor if following else None

    def fetch_all_contacts(
        self, conditions: Sequence[Json], *, fields: Sequence[str] | None = None
    ) -> list[WireContact]:
        """Read every page."""
        contacts: list[WireContact] = []
        cursor: str | None = None
        while True:
            page, cursor = self.fetch_contact_page(conditions, cursor, fields=fields)
            contacts.extend(page)
            if cursor is None:
                return contacts

    def count_contacts(self, conditions: Sequence[Json]) -> int:
        """Count the contacts that fulfil all conditions."""
        body = {"filter": all_of(*conditions)}
        return parse(self._query("/Contacts/query/count", body), Count).count

    def fetch_contact(self, contact_id: int) -> WireContact:
        """Read one contact, whole. Raises NotFoundError."""
        return self._fetch_item("Contacts", contact_id, WireContact)

    def create_contact(self, company_id: int, body: Json, *, permit: Permit) -> int:
        """Add a contact and return its id. Raises AnswerLostError if the answer does not tell it."""
        return self._write("POST", company_id, body, permit=permit)

    def patch_contact(self, company_id: int, contact_id: int, body: Json, *, permit: Permit) -> None:
        """Change the named fields of a contact of this company. Raises AnswerLostError as `create_contact`."""
        self._write("PATCH", company_id, {"id": contact_id, **body}, permit=permit)

    def _write(self, method: str, company_id: int, body: Json, *, permit: Permit) -> int:
        path, endpoint = f"/Companies/{company_id}/Contacts", "/Companies/{id}/Contacts"
        response = self._in_zone(lambda door: door.send(method, path, endpoint=endpoint, json=body, permit=permit))
        try:
            return parse(response, Written).item_id
        except WireError as exc:  # it was taken, so an answer that we cannot read is as good as lost
            facts: Json = {"status": exc.status, "request_id": exc.request_id}
            raise AnswerLostError("answer_unreadable", vendor=VENDOR, **facts) from exc

    # --- companies and what fields may hold ---------------------------------------------------------------------------

    def fetch_company(self, company_id: int) -> WireCompany:
        """Read one company. Raises NotFoundError."""
        return self._fetch_item("Companies", company_id, WireCompany)

    def iter_companies(self) -> Iterator[tuple[WireCompany, ...]]:
        """Yield the active companies page by page."""
        fields = ["id", "companyName", "isActive", "webAddress"]
        return self._iter_table("Companies", WireCompany, [equals("isActive", True)], fields=fields)  # noqa: FBT003 - the value that it is to have

    def fetch_locations(self, company_id: int) -> tuple[Location, ...]:
        """Read a company's locations; empty where we may not read them."""
        return _or_nothing(lambda: self._fetch_table("CompanyLocations", Location, [equals("companyID", company_id)]))

    def fetch_countries(self) -> tuple[Country, ...]:
        """Read all countries; empty where we may not read them."""
        return _or_nothing(lambda: self._fetch_table("Countries", Country, []))

    def fetch_fields(self) -> tuple[FieldInfo, ...]:
        """Read what this installation says of the contacts' fields; nothing where we may not ask."""
        return _or_nothing(lambda: parse(self._get("/Contacts/entityInformation/fields"), FieldInfos).fields)

    def fetch_user_defined_fields(self) -> tuple[FieldInfo, ...]:
        """Read what this installation says of the contacts' user-defined fields."""
        return parse(self._get("/Contacts/entityInformation/userDefinedFields"), FieldInfos).fields

    def fetch_rights(self, entity: str) -> Rights:
        """Read what we may do with an entity; nothing where we may not even ask."""
        try:
            return parse(self._get(f"/{entity}/entityInformation"), EntityInfo).info
        except InstanceError as error:
            if error.reason == "permission_missing":
                return Rights()
            raise

    # --- the database -------------------------------------------------------------------------------------------------

    @property
    def zone(self) -> str:
        """The address under which the user's database lives."""
        return self._zone.get(self._read_zone)

    def fetch_version(self) -> str | None:
        """Read the newest release that the zone speaks; None if it does not say."""
        try:
            versions = self._in_zone(
                lambda door: door.get(f"{self.zone}/VersionInformation", endpoint="/VersionInformation")
            )
            return max(parse(versions, Versions).api_versions, default=None)
        except (InstanceError, RecordError, WireError):
            return None

    # --- sending ------------------------------------------------------------------------------------------------------

    def _fetch_item(self, entity: str, number: int, shape: type[Shape]) -> Shape:
        item = parse_item(self._get(f"/{entity}/{number}", endpoint=f"/{entity}/{{id}}"), shape)
        if item is None:
            raise NotFoundError("not_found", vendor=VENDOR)
        return item

    def _fetch_table(self, entity: str, shape: type[Shape], conditions: Sequence[Json]) -> tuple[Shape, ...]:
        return tuple(row for page in self._iter_table(entity, shape, conditions) for row in page)

    def _iter_table(
        self, entity: str, shape: type[Shape], conditions: Sequence[Json], *, fields: Sequence[str] | None = None
    ) -> Iterator[tuple[Shape, ...]]:
        step: Step | None = Step()
        while step is not None:
            page, step = self._fetch_step(entity, shape, conditions, step=step, fields=fields)
            yield page

    def _fetch_step(
        self,
        entity: str,
        shape: type[Shape],
        conditions: Sequence[Json],
        *,
        step: Step,
        fields: Sequence[str] | None = None,
    ) -> tuple[tuple[Shape, ...], Step | None]:
        body: Json = {"MaxRecords": PAGE_SIZE, "filter": all_of(*conditions, *step.conditions)}
        if fields is not None:
            body["IncludeFields"] = list(fields)
        path = f"/{entity}/query"
        response = self._query(step.link or path, body, endpoint=path)
        page = parse(response, Page)
        rows = parse_rows(response, page, shape)
        ids = [int(getattr(row, "id", 0)) for row in rows]
        link = page.page_details.next_page_url
        return rows, next_step(step, ids, link=_absolute(response, link) if link else None)

    def _get(self, path: str, *, endpoint: str | None = None) -> httpx.Response:
        """Ask by GET. Nothing there is an answer; otherwise a refused question is a fault of ours, and no record's."""
        try:
            return self._in_zone(lambda door: door.get(path, endpoint=endpoint or path))
        except NotFoundError:
            raise
        except RecordError as exc:
            raise _question_refused(exc) from exc

    def _query(self, path: str, body: Json, *, endpoint: str | None = None) -> httpx.Response:
        """Ask by POST. A list is always there."""
        try:
            return self._in_zone(lambda door: door.query(path, endpoint=endpoint or path, json=body))
        except RecordError as exc:
            raise _question_refused(exc) from exc

    def _in_zone(self, call: Callable[[Transport], httpx.Response]) -> httpx.Response:
        """Call the known zone, and once more if the user lives in another one since: the old one answers 401.

        A call that was refused so has certainly done nothing, so a write may be repeated too."""
        zone = self.zone
        door = self._door_of(zone)
        self._hour.check(lambda: self._read_threshold(door), self._budget)
        try:
            return call(door)
        except InstanceError as error:
            if error.reason != CREDENTIALS_REFUSED or error.status != httpx.codes.UNAUTHORIZED:
                raise
            renewed = self._zone.renew(self._read_zone, stale=zone, pause_s=RENEW_PAUSE_S)
            if renewed == zone:
                raise
        return call(self._door_of(renewed))

    def _door_of(self, zone: str) -> Transport:
        door, base_url = self._door, f"{zone}/{API_VERSION}"
        if door is None or door.base_url != base_url:
            auth, slots = AutotaskAuth(self._access), ObjectSlots(self._slots)
            door = Transport(VENDOR, base_url, budget=self._budget, auth=auth, slots=slots, **self._parts)
            self._door = door
        return door

    def _read_zone(self) -> str:
        """Ask where the user's database lives, without a secret; the answer is checked before one is sent there."""
        path = f"{self._access.zone_url}?user={quote(self._access.username, safe='')}"
        response = self._registry.get(path, endpoint="/zoneInformation")
        zone = parse(response, Zone).url.rstrip("/")
        if not is_trusted(zone, zone_url=self._access.zone_url):
            raise WireError("zone_unsafe", vendor=VENDOR, status=response.status_code)
        return zone

    def _read_threshold(self, door: Transport) -> Threshold:
        return parse(door.get("/ThresholdInformation", endpoint="/ThresholdInformation"), Threshold)


def _absolute(response: httpx.Response, link: str) -> str:
    """Return the next page's whole address; where it may lead is for the transport to say."""
    try:
        return str(response.request.url.join(link))
    except httpx.InvalidURL:
        raise WireError("paging_broken", vendor=VENDOR) from None


def _question_refused(error: RecordError) -> WireError:
    return WireError("query_refused", vendor=VENDOR, status=error.status, request_id=error.request_id)


def _or_nothing(read: Callable[[], tuple[Shape, ...]]) -> tuple[Shape, ...]:
    """Read what an installation may lack or keep from us."""
    try:
        return read()
    except InstanceError as error:
        if error.reason in (ENDPOINT_UNKNOWN, "permission_missing"):
            return ()
        raise
