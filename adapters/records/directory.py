"""The Graph side: users, tombstones and the pages they come in."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from adapters.records.base import Record


class User(Record):
    """One Microsoft 365 user as Graph named and valued it; aliases are Graph's own property names.

    `model_fields_set` tells absent from null: an absent property carries no information, a null one is cleared
    (learn.microsoft.com/graph/delta-query-overview, read 2026-11-22). Unknown properties are dropped.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, alias_generator=to_camel)

    id: str
    user_principal_name: str | None = None
    display_name: str | None = None
    given_name: str | None = None
    surname: str | None = None
    mail: str | None = None
    other_mails: tuple[str, ...] = ()
    proxy_addresses: tuple[str, ...] = ()
    job_title: str | None = None
    department: str | None = None
    company_name: str | None = None
    office_location: str | None = None
    business_phones: tuple[str, ...] = ()
    mobile_phone: str | None = None
    fax_number: str | None = None
    street_address: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    usage_location: str | None = None
    preferred_language: str | None = None
    employee_id: str | None = None
    employee_type: str | None = None
    account_enabled: bool | None = None
    user_type: str | None = None
    created_date_time: str | None = None
    on_premises_sync_enabled: bool | None = None
    assigned_licenses: tuple[str, ...] = ()  # sku ids only
    on_premises_extension_attributes: dict[str, str | None] = {}  # extensionAttribute1 … 15


USER_PROPERTIES: tuple[str, ...] = tuple(to_camel(name) for name in User.model_fields)
"""What every read asks of Graph by `$select`, in Graph's own names."""


class Tombstone(Record):
    """Graph's `@removed` mark: `changed` is a soft deletion (restorable for 30 days), `deleted` a permanent one.

    `missing` is no mark of Graph's, only our read of that id, which found nobody: no proof by itself."""

    id: str
    reason: Literal["changed", "deleted", "missing"]


class DirectoryPage(Record):
    """What Graph answered at once, in its order. A page may be empty and still have a next link."""

    entries: tuple[User | Tombstone, ...]
    next_link: str | None = None
    delta_link: str | None = None


class Organization(Record):
    """A tenant's own name card, to be compared with what is configured before anything is written."""

    id: str
    name: str
    domains: tuple[str, ...] = ()  # verified ones, the default first


class Credential(Record):
    """A secret or certificate of an app registration, by its name and end; the value is nowhere."""

    kind: str  # secret or certificate
    name: str | None
    ends_at: datetime
