"""The JSON of Autotask PSA in its own names, read leniently: unknown names are dropped, null and absent are one.

Fields as on the vendor's pages "Contacts", "Companies", "CompanyLocations", "Countries" and "The entityInformation
call" (autotask.net, read 2026-11-24). Every answer is wrapped: `items`, `item`, `itemId`, `queryCount`, `fields` …
"""

from typing import Annotated, Any

import httpx
from pydantic import AliasChoices, BeforeValidator, Field

from adapters.answers import read_json
from adapters.errors import WireError
from adapters.wire import Shape, Wire, parse_part, unknown_shape

VENDOR = "autotask"

Json = dict[str, Any]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value


def _named_fields(value: Any) -> Any:
    """Read user-defined fields as a list of entries, whichever way nothing is said: `[]`, `{}` or absent."""
    return [] if value == {} else value


class UserDefined(Wire):
    """A user-defined field of one contact; its name is the label."""

    name: str = ""
    value: Annotated[str | None, BeforeValidator(_as_text)] = None


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
    return parse_part(response, read_json(response, vendor=VENDOR), shape, vendor=VENDOR)


def parse_rows(response: httpx.Response, page: Page, shape: type[Shape]) -> tuple[Shape, ...]:
    """Read the items of a page as this shape. Raises WireError(unknown_shape)."""
    return tuple(parse_part(response, item, shape, vendor=VENDOR) for item in page.items)


def parse_item(response: httpx.Response, shape: type[Shape]) -> Shape | None:
    """Read the answer of a look-up by id; None where the server says in so many words that there is nothing."""
    body = read_json(response, vendor=VENDOR)
    if not isinstance(body, dict) or "item" not in body:
        raise unknown_shape(response, vendor=VENDOR)
    return None if body["item"] is None else parse_part(response, body["item"], shape, vendor=VENDOR)


def parse_refusal(response: httpx.Response) -> tuple[str, ...] | None:
    """Read the texts of an error body; None where there are none: a proxy's page, plain text, nothing."""
    try:
        body = read_json(response, vendor=VENDOR)
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
