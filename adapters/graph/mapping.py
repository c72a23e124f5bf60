"""Graph's users → records. Pure. What is absent stays absent: `model_fields_set` holds what Graph named."""

from typing import Any, Literal

from pydantic import ValidationError

from adapters.errors import WireError
from adapters.graph.wire import VENDOR, WireApplication, WireOrganization
from adapters.records import USER_PROPERTIES, Credential, Organization, Tombstone, User

_KNOWN = frozenset(USER_PROPERTIES)
_TEXT_LISTS = ("otherMails", "proxyAddresses", "businessPhones")
_REASONS: dict[str, Literal["changed", "deleted"]] = {"changed": "changed", "deleted": "deleted"}
_LICENSES = "assignedLicenses"
_ATTRIBUTES = "onPremisesExtensionAttributes"


def map_entry(raw: dict[str, Any]) -> User | Tombstone:
    """Map one item of a page: a user, or the mark that one is gone. Raises WireError."""
    return map_tombstone(raw) if "@removed" in raw else map_user(raw)


def map_tombstone(raw: dict[str, Any]) -> Tombstone:
    """Map `@removed`. Raises WireError for a reason that Graph does not document."""
    try:
        return Tombstone(id=_checked_id(raw["id"]), reason=_REASONS[raw["@removed"]["reason"]])
    except (ValidationError, KeyError, TypeError):  # not chained: their texts quote the record
        raise WireError("tombstone_shape_unknown", vendor=VENDOR) from None


def map_user(raw: dict[str, Any]) -> User:
    """Map a user; a null list is empty, an assigned licence is its sku id. Raises WireError for any other type."""
    named = {name: value for name, value in raw.items() if name in _KNOWN}
    try:
        _checked_id(named["id"])
        for name in _TEXT_LISTS:
            if name in named:
                named[name] = tuple(item for item in _items(named[name]) if item is not None)
        if _LICENSES in named:
            named[_LICENSES] = tuple(license_["skuId"] for license_ in _items(named[_LICENSES]))
        if _ATTRIBUTES in named:
            named[_ATTRIBUTES] = named[_ATTRIBUTES] or {}
        return User.model_validate(named, strict=True)
    except (ValidationError, KeyError, TypeError):  # not chained: their texts quote the record
        raise WireError("user_shape_unknown", vendor=VENDOR) from None


def restore_name(entry: User | Tombstone) -> User | Tombstone:
    """Take off the object id that Graph puts before a deleted user's principal name."""
    if not isinstance(entry, User) or not entry.user_principal_name:
        return entry
    mark = entry.id.replace("-", "").casefold()
    name = entry.user_principal_name
    if not name.casefold().startswith(mark) or name[len(mark) :].startswith("@"):
        return entry
    return entry.model_copy(update={"user_principal_name": name[len(mark) :]})


def map_organization(wire: WireOrganization) -> Organization:
    """Map the tenant, its default domain first."""
    domains = sorted(wire.verified_domains or (), key=lambda domain: not domain.is_default)
    return Organization(id=wire.id, name=wire.display_name or wire.id, domains=tuple(domain.name for domain in domains))


def map_credentials(wire: WireApplication) -> tuple[Credential, ...]:
    """Map the secrets and certificates, the one that ends first in front."""
    kinds = (("secret", wire.password_credentials), ("certificate", wire.key_credentials))
    found = [
        Credential(kind=kind, name=each.display_name, ends_at=each.end_date_time)
        for kind, credentials in kinds
        for each in credentials
    ]
    return tuple(sorted(found, key=lambda each: each.ends_at))


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError
    return value


def _checked_id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value
