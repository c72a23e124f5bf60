"""How one installation is furnished: which communication type is whose, and where the object id is kept. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.connectwise.wire import CommunicationType, Item

DEFAULT_ENTRA_ID_FIELD = "userDefinedField10"  # where Sync365 keeps it too; 50 characters, an object id has 36

Purpose = Literal["email", "phone", "mobile_phone"]
CLASSES: Mapping[Purpose, str] = {"email": "Email", "phone": "Phone", "mobile_phone": "Phone"}  # communicationType
_USUAL_NAMES: Mapping[Purpose, tuple[str, ...]] = {
    "phone": ("direct",),
    "mobile_phone": ("cell", "mobile"),
}
_USER_DEFINED = re.compile(r"userDefinedField(?:[1-9]|10)", re.IGNORECASE)


@dataclass(frozen=True)
class FieldSettings:
    """What may be configured of the contact fields."""

    entra_id_field: str = DEFAULT_ENTRA_ID_FIELD  # userDefinedField1 … 10, or the caption of a custom field
    communication_types: Mapping[Purpose, str] = field(default_factory=dict)  # the customer's own names for them
    max_lengths: Mapping[str, int] = field(default_factory=dict)  # by our field names; the vendor documents few


@dataclass(frozen=True)
class EntraIdField:
    """The field that holds the object id: one of the ten user-defined ones, or a custom field known by its caption."""

    name: str
    custom_field_id: int | None = None  # of a caption, once it is known

    @property
    def is_custom(self) -> bool:
        """Tell a custom field from a user-defined one."""
        return _USER_DEFINED.fullmatch(self.name) is None


def parse_entra_id_field(text: str) -> EntraIdField:
    """Read the setting `entra_id_field`: `userDefinedField1` … `10` in any case, or a caption."""
    name = text.strip()
    if _USER_DEFINED.fullmatch(name):
        return EntraIdField(name="userDefinedField" + re.sub(r"\D", "", name))
    return EntraIdField(name=name)


@dataclass(frozen=True)
class Layout:
    """What mapping must know of the installation. A purpose without a communication type cannot be kept there."""

    types: Mapping[Purpose, int]
    entra_id: EntraIdField

    def our_items(self, purpose: Purpose, items: Iterable[Item]) -> list[int]:
        """Return the indices of the items that can hold this field, the one that does first.

        An e-mail field is the default address, whatever its kind. A number is the item of our kind: the default one of
        several, else the oldest."""
        found = [(index, item) for index, item in enumerate(items) if is_of_class(item, CLASSES[purpose])]
        if purpose == "email":
            return [index for index, item in found if item.default_flag]
        ours = [(index, item) for index, item in found if item.type and item.type.id == self.types.get(purpose)]
        ours.sort(key=lambda entry: (not entry[1].default_flag, entry[1].id is None, entry[1].id))
        return [index for index, _ in ours]


def is_of_class(item: Item, communication_class: str) -> bool:
    """Tell whether an item is an Email, Phone or Fax."""
    return item.communication_type.casefold() == communication_class.casefold()


def choose_types(types: Iterable[CommunicationType], names: Mapping[Purpose, str]) -> dict[Purpose, int]:
    """Return the communication type of each purpose: by configured name, else by usual name, else by default flag.

    Names are the customer's own ("Direct", "Phone - Direct"), ids differ between installations. A mobile number has no
    default of its own: it must not end up where the phone number is. Raises LookupError for a configured name that
    does not exist among the types of its class."""
    types = tuple(types)
    chosen: dict[Purpose, int] = {}
    for purpose in CLASSES:
        candidates = [kind for kind in types if (kind.email_flag if purpose == "email" else kind.phone_flag)]
        if purpose in names:
            kind = _named(names[purpose], candidates)
            if kind is None:
                raise LookupError(purpose)
        else:
            kind = _usual(purpose, candidates)
        if kind is not None:
            chosen[purpose] = kind.id
    return chosen


def _named(name: str, candidates: list[CommunicationType]) -> CommunicationType | None:
    folded = name.strip().casefold()
    return next((kind for kind in candidates if kind.description.strip().casefold() == folded), None)


def _usual(purpose: Purpose, candidates: list[CommunicationType]) -> CommunicationType | None:
    default = next((kind for kind in candidates if kind.default_flag), None)
    if purpose == "email":
        return default or next(iter(candidates), None)
    exact = (_named(name, candidates) for name in _USUAL_NAMES[purpose])
    worded = (kind for kind in candidates for name in _USUAL_NAMES[purpose] if name in _words(kind.description))
    by_name = next((kind for kind in exact if kind is not None), None) or next(worded, None)
    if by_name is not None or purpose == "mobile_phone":
        return by_name
    mobiles = {kind.id for kind in candidates if _words(kind.description) & set(_USUAL_NAMES["mobile_phone"])}
    fitting = [kind for kind in ([default] if default else []) + candidates if kind.id not in mobiles]
    return next(iter(fitting), None)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold()))
