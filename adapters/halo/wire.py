"""The JSON of HaloPSA in its own names, read leniently: names in any case, null and absent are one, unknown dropped.

Numbers of ids may come as doubles (95.0); empty fields may be left out, and list rows lack many that the detail has
("Halo API v2", its OpenAPI document: Users_List, Users; answers as public clients recorded them, read 2026-11-24).
"""

from typing import Any, Generic, NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from adapters.answers import is_html, read_json, request_id
from adapters.errors import WireError

VENDOR = "halo"

Json = dict[str, Any]


class Wire(BaseModel):
    """The root of every shape; what it refuses is never quoted, it may be personal."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True)

    shown: frozenset[str] = frozenset()  # the names that the answer had, empty ones included

    @model_validator(mode="before")
    @classmethod
    def _fold_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        folded = {str(name).lower(): part for name, part in value.items()}
        return {
            **{name: part for name, part in folded.items() if part is not None},
            "shown": frozenset(folded),
        }


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
    record_count: int


class Refusal(NamedTuple):
    """An error body of any of Halo's shapes: its words, its own class or code, the field it names."""

    texts: tuple[str, ...] = ()
    code: str = ""
    field: str = ""


class _List(Wire):
    record_count: int


class _Report(Wire):
    report: Json


def parse(response: httpx.Response, shape: type[Shape]) -> Shape:
    """Read an answer as this shape. Raises WireError(unknown_shape or not_json), without the body."""
    return _validate(response, shape, _object(response))


def parse_one(response: httpx.Response, shape: type[Shape]) -> Shape:
    """Read an answer as this shape, alone or as an array of one. Raises as `parse`."""
    body = read_json(response, vendor=VENDOR)
    return _validate(response, shape, body[0] if isinstance(body, list) and len(body) == 1 else body)


def parse_page(response: httpx.Response, shape: type[Shape], *, key: str) -> Page[Shape]:
    """Read a list's answer, `{"record_count": 213, key: [...]}`. Raises as `parse`."""
    body = _object(response)
    count = _validate(response, _List, body).record_count
    rows = {str(name).lower(): part for name, part in body.items()}.get(key)
    return Page(_validate_all(response, shape, rows), count)


def parse_report(response: httpx.Response) -> tuple[Json, ...]:
    """Read the rows of a report that was run, column names in lower case. Raises as `parse`."""
    report = _validate(response, _Report, _object(response)).report
    rows = {str(name).lower(): part for name, part in report.items()}.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unknown_shape(response)
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


def _object(response: httpx.Response) -> Json:
    body = read_json(response, vendor=VENDOR)
    if not isinstance(body, dict):
        raise _unknown_shape(response)
    return body


def _validate_all(response: httpx.Response, shape: type[Shape], rows: Any) -> tuple[Shape, ...]:
    if not isinstance(rows, list):
        raise _unknown_shape(response)
    return tuple(_validate(response, shape, row) for row in rows)


def _validate(response: httpx.Response, shape: type[Shape], body: Any) -> Shape:
    try:
        return shape.model_validate(body)
    except ValidationError:  # not chained: it carries the body
        raise _unknown_shape(response) from None


def _unknown_shape(response: httpx.Response) -> WireError:
    return WireError("unknown_shape", vendor=VENDOR, status=response.status_code, request_id=request_id(response))
