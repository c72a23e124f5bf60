"""The JSON of HaloPSA in its own names, read leniently: names in any case, null and absent are one, unknown dropped.

Numbers of ids may come as doubles (95.0); empty fields may be left out, and list rows lack many that the detail has
("Halo API v2", its OpenAPI document: Users_List, Users; answers as public clients recorded them, read 2026-11-24).
"""

from typing import Any, Generic, NamedTuple, TypeVar

import httpx
from pydantic import Field, model_validator
from pydantic_core import from_json

from adapters import wire
from adapters.answers import is_html, read_json

VENDOR = "halo"

Json = dict[str, Any]


class Wire(wire.Wire):
    """The root of every shape: names in any case."""

    shown: frozenset[str] = frozenset()  # the names that the answer had, empty ones included

    @model_validator(mode="before")
    @classmethod
    def _fold_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        folded = {str(name).lower(): part for name, part in value.items()}
        return {**folded, "shown": frozenset(folded)}


Shape = TypeVar("Shape", bound=Wire)


class WireUser(Wire):
    """A user of a client, as a list row or with its details. Ids that are 0 or less point to nothing."""

    id: int = 0
    name: str = ""
    firstname: str = ""
    surname: str = ""
    title: str = ""
    emailaddress: str = ""
    email2: str = ""
    email3: str = ""
    phonenumber: str = ""
    mobilenumber: str = ""
    mobilenumber2: str = ""
    homenumber: str = ""
    fax: str = ""
    department: str = ""
    other1: str = ""
    other2: str = ""
    other3: str = ""
    other4: str = ""
    other5: str = ""
    login: str = ""
    site_id: int = 0
    site_id_int: int = 0
    site_name: str = ""
    client_id: int = 0
    inactive: bool = False
    azureoid: str = ""
    isserviceaccount: bool = False
    isimportantcontact: bool = False
    isimportantcontact2: bool = False
    customfields: tuple[Json, ...] = ()

    @property
    def site(self) -> int:
        """Return the site's id, by whichever name it came."""
        return self.site_id_int or self.site_id


class WireClient(Wire):
    """A client with its details."""

    id: int = 0
    name: str = ""
    inactive: bool = False
    main_site_id: int = 0
    website: str = ""
    domain: str = ""


class WireSite(Wire):
    """A site of a client."""

    id: int
    name: str = ""
    inactive: bool = False
    emaildomain: str = ""


class WireToken(Wire):
    """The answer of a login."""

    access_token: str = Field(min_length=1)
    expires_in: float = 3600.0


class Page(NamedTuple, Generic[Shape]):
    """Rows of a list, and how many there are on all pages."""

    rows: tuple[Shape, ...]
    record_count: int | None  # None: the server does not say


class Refusal(NamedTuple):
    """An error body of any of Halo's shapes: its words, its own class or code, the field it names."""

    texts: tuple[str, ...] = ()
    code: str = ""
    field: str = ""


class _List(Wire):
    record_count: int | None = None


class _Report(Wire):
    report: Json


def parse(response: httpx.Response, shape: type[Shape]) -> Shape:
    """Read an answer as this shape. Raises WireError(unknown_shape or not_json), without the body."""
    return wire.parse_part(response, read_json(response, vendor=VENDOR), shape, vendor=VENDOR)


def parse_one(response: httpx.Response, shape: type[Shape]) -> Shape:
    """Read an answer as this shape, alone or as an array of one; null is a record without an id. Raises as `parse`."""
    body = read_json(response, vendor=VENDOR)
    one = body[0] if isinstance(body, list) and len(body) == 1 else body
    return wire.parse_part(response, {} if one is None else one, shape, vendor=VENDOR)


def parse_page(response: httpx.Response, shape: type[Shape], *, key: str) -> Page[Shape]:
    """Read a list's answer, `{"record_count": 213, key: [...]}` or the bare array. Raises as `parse`."""
    body = read_json(response, vendor=VENDOR)
    if isinstance(body, list):
        return Page(_rows(response, body, shape), None)
    count = wire.parse_part(response, body, _List, vendor=VENDOR).record_count
    rows = {str(name).lower(): part for name, part in body.items()}.get(key)
    return Page(_rows(response, rows, shape), count)


def parse_report(response: httpx.Response) -> tuple[Json, ...]:
    """Read the rows of a report that was run, column names in lower case. Raises as `parse`."""
    report = parse(response, _Report).report
    rows = {str(name).lower(): part for name, part in report.items()}.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise wire.unknown_shape(response, vendor=VENDOR)
    return tuple({str(name).lower(): value for name, value in row.items()} for row in rows)


def parse_refusal(response: httpx.Response) -> Refusal:
    """Read an error body: an object in one of six shapes, a JSON string, plain text. A page for people says nothing.

    As HaloAPI for PowerShell reads them (New-HaloError, read 2026-11-24)."""
    if is_html(response):
        return Refusal()
    try:
        body = from_json(response.content)
    except ValueError:
        body = response.text
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, str):
        return Refusal(texts=(body.strip(),) if body.strip() else ())
    return (
        _refusal_of({str(name).lower(): part for name, part in body.items()}) if isinstance(body, dict) else Refusal()
    )


def _refusal_of(body: Json) -> Refusal:
    found: list[Any] = []
    field = ""
    errors = body.get("errors")  # RFC 7807 with a list of sentences for each field
    if isinstance(errors, dict):
        field = str(next(iter(errors), ""))
        found = [text for texts in errors.values() for text in (texts if isinstance(texts, list) else [texts])]
    named = ("message", "errormessage", "error_description", "detail", "exceptionmessage", "error", "title")
    found = found or [body[name] for name in named if isinstance(body.get(name), str)][:1]
    code = next((body[name] for name in ("classname", "resultcode", "error") if isinstance(body.get(name), str)), "")
    return Refusal(tuple(text.strip() for text in found if isinstance(text, str) and text.strip()), code, field)


def _rows(response: httpx.Response, rows: Any, shape: type[Shape]) -> tuple[Shape, ...]:
    if not isinstance(rows, list):
        raise wire.unknown_shape(response, vendor=VENDOR)
    return tuple(wire.parse_part(response, row, shape, vendor=VENDOR) for row in rows)
