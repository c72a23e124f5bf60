"""The JSON of Autotask PSA in its own names, read leniently: unknown names are dropped, null and absent are one.

Fields as on the vendor's pages "Contacts", "Companies", "CompanyLocations", "Countries" and "The entityInformation
call" (autotask.net, read 2026-11-24). Every answer is wrapped: `items`, `item`, `itemId`, `queryCount`, `fields` …
"""

import json
import re
from typing import Annotated, Any, TypeVar

import httpx
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from adapters.answers import read_json, request_id
from adapters.errors import WireError

VENDOR = "autotask"

_HALVES = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")  # surrogates, escaped or encoded

Json = dict[str, Any]


class Wire(BaseModel):
    """The root of every shape; what it refuses is never quoted, it may be personal."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        return {name: part for name, part in value.items() if part is not None} if isinstance(value, dict) else value


Shape = TypeVar("Shape", bound=Wire)


def _named_fields(value: Any) -> Any:
    """Read user-defined fields as a list of entries, whichever way nothing is said: `[]`, `{}` or absent."""
    return [] if value == {} else value


class UserDefined(Wire):
    """A user-defined field of one contact; its name is the label."""

    name: str = ""
    value: str | None = None


class WireContact(Wire):
    """A contact, whole or trimmed by `IncludeFields`. `isActive` is a number here."""

    id: int
    company_id: int | None = Field(default=None, alias="companyID")
    first_name: str | None = Field(default=None, alias="firstName")
    last_name: str | None = Field(default=None, alias="lastName")
    title: str | None = None
    email_address: str | None = Field(default=None, alias="emailAddress")
    email_address2: str | None = Field(default=None, alias="emailAddress2")
    email_address3: str | None = Field(default=None, alias="emailAddress3")
    phone: str | None = None
    extension: str | None = None
    mobile_phone: str | None = Field(default=None, alias="mobilePhone")
    alternate_phone: str | None = Field(default=None, alias="alternatePhone")
    fax_number: str | None = Field(default=None, alias="faxNumber")
    address_line: str | None = Field(default=None, alias="addressLine")
    address_line1: str | None = Field(default=None, alias="addressLine1")
    city: str | None = None
    state: str | None = None
    zip_code: str | None = Field(default=None, alias="zipCode")
    country_id: int | None = Field(default=None, alias="countryID")
    company_location_id: int | None = Field(default=None, alias="companyLocationID")
    external_id: str | None = Field(default=None, alias="externalID")
    is_active: bool = Field(default=True, alias="isActive")
    primary_contact: bool = Field(default=False, alias="primaryContact")
    user_defined_fields: Annotated[tuple[UserDefined, ...], BeforeValidator(_named_fields)] = Field(
        default=(), alias="userDefinedFields"
    )


class WireCompany(Wire):
    """A company; `isActive` is a truth value here."""

    id: int
    name: str = Field(default="", alias="companyName")
    is_active: bool = Field(default=True, alias="isActive")
    web_address: str | None = Field(default=None, alias="webAddress")


class Location(Wire):
    """A location of a company."""

    id: int
    name: str = ""
    is_active: bool = Field(default=True, alias="isActive")
    is_primary: bool = Field(default=False, alias="isPrimary")


class Country(Wire):
    """A country: `displayName` is the installation's own name for it, `name` the standard's."""

    id: int
    name: str = Field(default="", validation_alias=AliasChoices("displayName", "name"))
    is_active: bool = Field(default=True, alias="isActive")


class Choice(Wire):
    """An entry of a list field."""

    value: str
    label: str = ""
    is_active: bool = Field(default=True, alias="isActive")


class FieldInfo(Wire):
    """What an installation says of one field; `length` counts characters, 0 is no limit told."""

    name: str
    label: str = ""
    length: int = 0
    is_required: bool = Field(default=False, alias="isRequired")
    is_read_only: bool = Field(default=False, alias="isReadOnly")
    choices: tuple[Choice, ...] = Field(default=(), alias="picklistValues")


class FieldInfos(Wire):
    """The answer of `entityInformation/fields` and `entityInformation/userDefinedFields`."""

    fields: tuple[FieldInfo, ...]


class Rights(Wire):
    """What the API user may do with an entity."""

    can_query: bool = Field(default=False, alias="canQuery")
    can_create: bool = Field(default=False, alias="canCreate")
    can_update: bool = Field(default=False, alias="canUpdate")


class EntityInfo(Wire):
    """The answer of `entityInformation`."""

    info: Rights


class PageDetails(Wire):
    """Where a list goes on."""

    next_page_url: str | None = Field(default=None, alias="nextPageUrl")


class Page(Wire):
    """The answer of every query; the items are read by their own shape."""

    items: tuple[Json, ...]
    page_details: PageDetails = Field(default=PageDetails(), alias="pageDetails")


class Written(Wire):
    """The answer of every write: the id alone."""

    item_id: int = Field(alias="itemId")


class Count(Wire):
    """The answer of every `query/count`."""

    count: int = Field(alias="queryCount")


class Zone(Wire):
    """Where a user's database lives."""

    url: str


class Threshold(Wire):
    """How much of the hour has been used, by all integrations of the database together."""

    most: int = Field(alias="externalRequestThreshold")
    used: int = Field(alias="currentTimeframeRequestCount")


class Versions(Wire):
    """The releases of the API that a zone speaks."""

    api_versions: tuple[str, ...] = Field(default=(), alias="apiVersions")


def parse(response: httpx.Response, shape: type[Shape]) -> Shape:
    """Read an answer as this shape. Raises WireError(unknown_shape or not_json), without the body."""
    return parse_part(response, _body(response), shape)


def parse_item(response: httpx.Response, shape: type[Shape]) -> Shape | None:
    """Read the answer of a look-up by id; None where the server says in so many words that there is nothing."""
    body = _body(response)
    if not isinstance(body, dict) or "item" not in body:
        raise _unknown_shape(response)
    return None if body["item"] is None else parse_part(response, body["item"], shape)


def parse_part(response: httpx.Response, part: Any, shape: type[Shape]) -> Shape:
    """Read a part of an answer as this shape. Raises WireError(unknown_shape)."""
    try:
        return shape.model_validate(part)
    except ValidationError:  # not chained: it carries the body
        raise _unknown_shape(response) from None


def _unknown_shape(response: httpx.Response) -> WireError:
    return WireError("unknown_shape", vendor=VENDOR, status=response.status_code, request_id=request_id(response))


def parse_refusal(response: httpx.Response) -> tuple[str, ...] | None:
    """Read the texts of an error body; None where there are none: a proxy's page, plain text, nothing."""
    try:
        body = _body(response)
    except WireError:
        return None
    errors = _part(body, "errors")
    texts = [_text(entry) for entry in errors] if isinstance(errors, list) else []
    return tuple(text for text in texts if text) or None


def _text(entry: Any) -> str:
    text = entry if isinstance(entry, str) else _part(entry, "message")
    return text.strip() if isinstance(text, str) else ""


def _part(value: Any, wanted: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((part for name, part in value.items() if name.casefold() == wanted), None)


def _body(response: httpx.Response) -> Any:
    """Read the JSON; a value that was cut inside an emoji ends in half a character, which strict readers refuse."""
    try:
        return read_json(response, vendor=VENDOR)
    except WireError as error:
        if _HALVES.search(response.content) is None:
            raise
        try:
            return _mend(json.loads(response.content))
        except (ValueError, RecursionError):  # not chained: it carries the body
            raise error from None


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(entry) for entry in value]
    return {name: _mend(part) for name, part in value.items()} if isinstance(value, dict) else value
