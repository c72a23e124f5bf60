"""The JSON of ConnectWise PSA in its own names, read leniently: unknown names are dropped, null and absent are one.

The vendor adds fields at any time and leaves empty ones out (developer.connectwise.com, "Developer Guide", Versioning;
company/contacts of its OpenAPI document, read 2026-11-24).
"""

from typing import Annotated, Any, TypeVar

import httpx
from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from adapters import wire
from adapters.answers import read_json
from adapters.errors import WireError

VENDOR = "connectwise"

Json = dict[str, Any]


class Wire(wire.Wire):
    """The root of every shape: names in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


Shape = TypeVar("Shape", bound=Wire)


class Reference(Wire):
    """A pointer to another record. Without a value it is left out, `{}`, or holds `_info` alone: ask for its id."""

    id: int | None = None
    name: str | None = Field(default=None, validation_alias=AliasChoices("name", "description"))


def _with_id(value: Any) -> Any:
    return None if isinstance(value, dict) and value.get("id") is None else value


Pointer = Annotated[Reference | None, BeforeValidator(_with_id)]


class Item(Wire):
    """An address or number: `communication_type` is Email, Phone or Fax, `type` the customer's own kind."""

    id: int | None = None
    type: Pointer = None
    value: str = ""
    extension: str | None = None
    default_flag: bool = False
    communication_type: str = ""

    @model_validator(mode="before")
    @classmethod
    def _infer_class(cls, value: Any) -> Any:
        """Tell an address by its looks where the class is not said; a number's kind decides whose it is."""
        if not isinstance(value, dict) or value.get("communicationType"):
            return value
        return {**value, "communicationType": "Email" if "@" in str(value.get("value")) else "Phone"}


class WireContact(Wire):
    """A contact, whole or trimmed by `fields`. Custom fields stay as they came, to be sent back unharmed."""

    id: int
    first_name: str | None = None
    last_name: str | None = None
    title: str | None = None
    company: Pointer = None
    site: Pointer = None
    department: Pointer = None
    country: Pointer = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    inactive_flag: bool = False
    default_flag: bool = False
    default_billing_flag: bool = False
    communication_items: tuple[Item, ...] = ()
    custom_fields: tuple[Json, ...] = ()
    user_defined: dict[str, str] = {}  # userDefinedField1 … userDefinedField10

    @model_validator(mode="before")
    @classmethod
    def _collect_user_defined(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        found = {name: part for name, part in value.items() if name.startswith("userDefinedField") and part is not None}
        return {**value, "userDefined": found}


class WireCompany(Wire):
    """A company, trimmed."""

    id: int
    name: str = ""
    status: Pointer = None
    website: str | None = None
    deleted_flag: bool = False


class WireSite(Wire):
    """A site of a company."""

    id: int
    name: str = ""
    primary_address_flag: bool = False
    inactive_flag: bool = False


class CommunicationType(Wire):
    """A customer's own kind of address or number; ids differ between installations."""

    id: int
    description: str = ""
    email_flag: bool = False
    phone_flag: bool = False
    default_flag: bool = False


class Named(Wire):
    """An entry of a set-up table: department, country, contact type."""

    id: int
    name: str = Field(default="", validation_alias=AliasChoices("name", "description"))


class CustomFieldDefinition(Wire):
    """A custom field; those of the contact screen are `ct300`."""

    id: int
    caption: str = ""
    screen_id: str = ""


class CompanyInfo(Wire):
    """Where an installation's API lives (`/login/companyinfo`)."""

    codebase: str = Field(validation_alias=AliasChoices("Codebase", "codebase"))


class Count(Wire):
    """The answer of every `/count`."""

    count: int


class SystemInfo(Wire):
    """The installation itself."""

    version: str = ""


class Refusal(Wire):
    """An error body. `errors` names the fields; 429 says `error` where the others say `code`."""

    code: str = Field(default="", validation_alias=AliasChoices("code", "error"))
    message: str = ""
    field: str = ""
    errors: tuple["Refusal", ...] = ()


def parse(response: httpx.Response, shape: type[Shape]) -> Shape:
    """Read an answer as this shape. Raises WireError(unknown_shape or not_json), without the body."""
    return wire.parse_part(response, read_json(response, vendor=VENDOR), shape, vendor=VENDOR)


def parse_list(response: httpx.Response, shape: type[Shape]) -> tuple[Shape, ...]:
    """Read an answer as a bare array of this shape. Raises as `parse`."""
    body = read_json(response, vendor=VENDOR)
    if not isinstance(body, list):
        raise wire.unknown_shape(response, vendor=VENDOR)
    return tuple(wire.parse_part(response, entry, shape, vendor=VENDOR) for entry in body)


def parse_refusal(response: httpx.Response) -> Refusal | None:
    """Read an error body; None where it is not the vendor's: a proxy's page, plain text, nothing."""
    try:
        return parse(response, Refusal)
    except WireError:
        return None
