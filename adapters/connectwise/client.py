"""The endpoints of one ConnectWise installation: the only file that sends. Takes and returns wire models.

Paths as in the vendor's OpenAPI document and "Developer Guide" (developer.connectwise.com, read 2026-11-24).
"""

import copy
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from adapters.answers import read_json
from adapters.connectwise import query
from adapters.connectwise.auth import Access, ConnectWiseAuth
from adapters.connectwise.mapping import find_custom_field
from adapters.connectwise.paging import NUMBERED, Step, fresh, next_step, read_cursor
from adapters.connectwise.refusals import ENDPOINT_UNKNOWN, classify
from adapters.connectwise.wire import (
    VENDOR,
    CompanyInfo,
    Count,
    CustomFieldDefinition,
    Shape,
    SystemInfo,
    WireCompany,
    WireContact,
    WireSite,
    parse,
    parse_list,
)
from adapters.errors import AnswerLostError, InstanceError, NotFoundError, RecordError, SyncError, WireError
from adapters.limits import Budget
from adapters.remembered import Remembered
from adapters.transport import Observer, Permit, Transport

FALLBACK_CODEBASE = "v4_6_release/"  # own servers always; the cloud forwards it
RENEW_PAUSE_S = 60.0  # an address that stays wrong is looked up once a minute, not by every call that meets it

CONTACT_SCREEN = "ct300"

_CODEBASE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*/?")
CONTACTS = "/company/contacts"
COMPANY_FIELDS = "id,name,status,website,deletedFlag"

Json = dict[str, Any]
Params = Mapping[str, str | int]


class ConnectWiseClient:
    """Speaks with one installation. Thread-safe; copies share connections and the codebase.

    Each method costs one call, lists one a page; the first of all costs one more, for the codebase."""

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
        self._company = access.company
        self._codebase: Remembered[str] = Remembered(now=now)
        self._transport = Transport(
            VENDOR,
            access.site_url,
            client=client,
            budget=budget,
            classify=classify,
            auth=ConnectWiseAuth(access),
            observer=observer,
            sleep=sleep,
            now=now,
        )

    def with_budget(self, budget: Budget) -> "ConnectWiseClient":
        """Return a copy that spends another lane's budget."""
        other = copy.copy(self)
        other._transport = self._transport.with_budget(budget)  # noqa: SLF001 - our own copy
        return other

    # --- contacts -----------------------------------------------------------------------------------------------------

    def fetch_contact_page(
        self, params: Params, cursor: str | None = None
    ) -> tuple[tuple[WireContact, ...], str | None]:
        """Read one page of the contacts that these parameters describe, and the cursor of the next one."""
        step = read_cursor(cursor)
        try:
            page, following = self._fetch_step(params, step)
            if following == NUMBERED:
                step = NUMBERED
                page, following = self._fetch_step(params, step)
        except RecordError as exc:  # a list is no record: it is our question that is refused
            raise WireError("query_refused", vendor=VENDOR, status=exc.status, request_id=exc.request_id) from exc
        wanted = fresh(step, [contact.id for contact in page])
        unseen = tuple(contact for contact in page if contact.id in wanted)
        return unseen, following.cursor if following else None

    def _fetch_step(self, params: Params, step: Step) -> tuple[tuple[WireContact, ...], Step | None]:
        response = self._get(CONTACTS, params={**params, **step.params}, headers=step.headers)
        page = parse_list(response, WireContact)
        return page, next_step(step, [contact.id for contact in page], link=response.headers.get("link"))

    def fetch_all_contacts(self, params: Params) -> list[WireContact]:
        """Read every page."""
        contacts: list[WireContact] = []
        cursor: str | None = None
        while True:
            page, cursor = self.fetch_contact_page(params, cursor)
            contacts.extend(page)
            if cursor is None:
                return contacts

    def count_contacts(self, conditions: str) -> int:
        """Count the contacts that fulfil a condition."""
        return parse(self._get(f"{CONTACTS}/count", params={"conditions": conditions}), Count).count

    def fetch_contact(self, contact_id: int) -> WireContact:
        """Read one contact, whole. Raises NotFoundError."""
        return parse(self._get(f"{CONTACTS}/{contact_id}", endpoint=f"{CONTACTS}/{{id}}"), WireContact)

    def create_contact(self, body: Json, *, permit: Permit) -> WireContact:
        """Add a contact. Raises AnswerLostError if the answer does not show it."""
        return _written(self._send("POST", CONTACTS, endpoint=CONTACTS, json=body, permit=permit))

    def patch_contact(self, contact_id: int, patch: Sequence[Json], *, permit: Permit) -> WireContact:
        """Change a contact and return it; one more call where the server answers without it."""
        path = f"{CONTACTS}/{contact_id}"
        response = self._send("PATCH", path, endpoint=f"{CONTACTS}/{{id}}", json=list(patch), permit=permit)
        if response.content.strip():
            return _written(response)
        try:
            return self.fetch_contact(contact_id)
        except SyncError as exc:  # the write was taken all the same
            raise AnswerLostError("answer_unreadable", vendor=VENDOR, status=response.status_code) from exc

    # --- companies and set-up tables ----------------------------------------------------------------------------------

    def fetch_company(self, company_id: int) -> WireCompany:
        """Read one company. Raises NotFoundError."""
        params = {"fields": COMPANY_FIELDS}
        path, endpoint = f"/company/companies/{company_id}", "/company/companies/{id}"
        return parse(self._get(path, endpoint=endpoint, params=params), WireCompany)

    def iter_companies(self) -> Iterator[tuple[WireCompany, ...]]:
        """Yield page by page the companies that are not deleted."""
        narrowed = {"conditions": "deletedFlag=False", "fields": COMPANY_FIELDS}
        return self._iter_table("/company/companies", WireCompany, params=narrowed)

    def fetch_sites(self, company_id: int) -> tuple[WireSite, ...]:
        """Read a company's sites; none where the installation keeps them from us."""
        path, endpoint = f"/company/companies/{company_id}/sites", "/company/companies/{id}/sites"
        return self.fetch_optional_table(path, WireSite, endpoint=endpoint)

    def fetch_table(
        self, path: str, shape: type[Shape], *, endpoint: str | None = None, conditions: str | None = None
    ) -> tuple[Shape, ...]:
        """Read all rows of a small list."""
        narrowed = {"conditions": conditions} if conditions else {}
        rows: dict[int, Shape] = {}
        for page in self._iter_table(path, shape, endpoint=endpoint, params=narrowed):
            rows.update({_id_of(row): row for row in page})
        return tuple(rows.values())

    def _iter_table(
        self, path: str, shape: type[Shape], *, params: Params, endpoint: str | None = None
    ) -> Iterator[tuple[Shape, ...]]:
        step: Step | None = NUMBERED
        while step is not None:
            response = self._get(path, endpoint=endpoint, params={**step.params, **params})
            page = parse_list(response, shape)
            yield page
            step = next_step(step, [_id_of(row) for row in page], link=response.headers.get("link"))

    def fetch_optional_table(self, path: str, shape: type[Shape], *, endpoint: str | None = None) -> tuple[Shape, ...]:
        """Read all rows of a small list that an installation may lack or keep from us: then it is empty."""
        try:
            return self.fetch_table(path, shape, endpoint=endpoint)
        except NotFoundError:
            return ()
        except InstanceError as error:
            if error.reason in (ENDPOINT_UNKNOWN, "permission_missing"):
                return ()
            raise

    def find_custom_field(self, caption: str) -> int | None:
        """Return the id of the contacts' custom field of this caption; None if there is none.

        Any contact lists all of them; only where there is no contact yet are the definitions asked."""
        response = self._get(CONTACTS, params={"pageSize": 1, "fields": "id,customFields"})
        for contact in parse_list(response, WireContact):
            entry = find_custom_field(contact, caption)
            if entry is not None and str(entry.get("id")).isdecimal():
                return int(entry["id"])
        rows = self.fetch_optional_table("/system/userDefinedFields", CustomFieldDefinition)
        captions = {row.caption.strip().casefold(): row.id for row in rows if row.screen_id == CONTACT_SCREEN}
        return captions.get(caption.casefold())

    # --- the installation ---------------------------------------------------------------------------------------------

    @property
    def codebase(self) -> str:
        """The part of the path that names the release, with its slash."""
        return self._codebase.get(self._read_codebase)

    def fetch_version(self) -> str | None:
        """Read the release; None if we may not."""
        try:
            return parse(self._get("/system/info"), SystemInfo).version or None
        except (InstanceError, RecordError, WireError):
            return None

    def uses_vendor_sync(self) -> bool | None:
        """Tell whether ConnectWise's own Microsoft 365 contact sync has contacts; None if we may not know."""
        path = "/company/m365contact"
        try:
            return read_json(self._get(path, params={"pageSize": 1}), vendor=VENDOR) not in ([], None)
        except (InstanceError, RecordError, WireError):
            return None

    def is_readable(self, path: str) -> bool:
        """Tell whether the security role may read this list."""
        try:
            self._get(path, params={"pageSize": 1, "fields": "id"})
        except InstanceError as error:
            if error.reason == "permission_missing":
                return False
            raise
        return True

    # --- sending ------------------------------------------------------------------------------------------------------

    def _get(
        self,
        path: str,
        *,
        endpoint: str | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        target = f"{path}?{query.encode(params)}" if params else path
        return self._at_codebase(
            lambda base: self._transport.get(f"{base}{target}", endpoint=endpoint or path, headers=headers)
        )

    def _send(self, method: str, path: str, *, endpoint: str, json: Any, permit: Permit) -> httpx.Response:
        return self._at_codebase(
            lambda base: self._transport.send(method, f"{base}{path}", endpoint=endpoint, json=json, permit=permit)
        )

    def _at_codebase(self, call: Callable[[str], httpx.Response]) -> httpx.Response:
        """Call under the known codebase, and once more if the installation has been upgraded since.

        A call to a wrong address has certainly done nothing, so a write may be repeated too."""
        codebase = self.codebase
        try:
            return call(f"{codebase}apis/3.0")
        except InstanceError as error:
            if error.reason != ENDPOINT_UNKNOWN:
                raise
            renewed = self._codebase.renew(self._read_codebase, stale=codebase, pause_s=RENEW_PAUSE_S)
            if renewed == codebase:
                raise
        return call(f"{renewed}apis/3.0")

    def _read_codebase(self) -> str:
        """Ask where the API lives, without a secret; the answer is checked before one is sent there."""
        endpoint = "/login/companyinfo/{company}"
        try:
            response = self._transport.get(f"/login/companyinfo/{quote(self._company, safe='')}", endpoint=endpoint)
            body = read_json(response, vendor=VENDOR)
        except (InstanceError, RecordError, WireError):
            return FALLBACK_CODEBASE  # not every installation shows it
        if body is None:
            raise InstanceError("company_unknown", vendor=VENDOR, status=response.status_code)
        codebase = parse(response, CompanyInfo).codebase
        if _CODEBASE.fullmatch(codebase) is None:
            raise WireError("codebase_unsafe", vendor=VENDOR, status=response.status_code)
        return codebase.rstrip("/") + "/"


def _id_of(row: object) -> int:
    return int(getattr(row, "id", 0))


def _written(response: httpx.Response) -> WireContact:
    """Read what a write answers. It was taken, so an answer that we cannot read is as good as lost."""
    try:
        return parse(response, WireContact)
    except WireError as exc:
        facts: Json = {"status": exc.status, "request_id": exc.request_id}
        raise AnswerLostError("answer_unreadable", vendor=VENDOR, **facts) from exc
