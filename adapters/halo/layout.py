"""How one installation is furnished: which field holds what, and what its lists do not show. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT_ENTRA_ID_FIELD = "azureoid"  # Halo's own place for it; its Entra integration writes it too
MobileField = Literal["mobilenumber2", "mobilenumber"]

_TEXT_FIELDS: Mapping[str, str] = {
    "display_name": "name",
    "first_name": "firstname",
    "last_name": "surname",
    "email": "emailaddress",
    "email2": "email2",
    "email3": "email3",
    "phone": "phonenumber",
    "home_phone": "homenumber",
    "fax": "fax",
    "job_title": "title",
    "department": "department",
    "other1": "other1",
    "other2": "other2",
    "other3": "other3",
    "other4": "other4",
    "other5": "other5",
}
LISTED_FIELDS = frozenset(
    {"name", "firstname", "surname", "title", "emailaddress", "phonenumber", "mobilenumber2"},
)
"""The text fields that list rows hold, as recorded answers show them; the others are certain in the detail alone."""

_OTHER = re.compile(r"other[1-5]", re.IGNORECASE)


@dataclass(frozen=True)
class FieldSettings:
    """What may be configured of the contact fields."""

    entra_id_field: str = DEFAULT_ENTRA_ID_FIELD  # azureoid, other1 … other5, or the name of a custom field
    mobile_field: MobileField = "mobilenumber2"  # public connectors disagree about which one Halo's screens call mobile
    max_lengths: Mapping[str, int] = field(default_factory=dict)  # by our field names; the vendor documents none
    contact_type_field: str | None = None  # a custom field that holds the type: Halo's users have none of their own
    contact_types: tuple[str, ...] = ()  # what may stand in it
    users_report: int | None = None  # a report that shows what lists do not (`HaloContacts.fetch_contacts`)
    fires_automations: bool = True  # False sends `_dont_fire_automations`, of which the vendor's document says nothing


@dataclass(frozen=True)
class EntraIdField:
    """The field that holds the object id: one of the user's own, or a custom field."""

    name: str

    @property
    def is_custom(self) -> bool:
        """Tell a custom field, whose name begins with CF, from one of the user's own."""
        return self.name.startswith("CF")


def parse_entra_id_field(text: str) -> EntraIdField:
    """Read the setting `entra_id_field`: `azureoid` or `other1` … `other5` in any case, else a custom field's name."""
    name = text.strip()
    if name.casefold() == DEFAULT_ENTRA_ID_FIELD or _OTHER.fullmatch(name):
        return EntraIdField(name.lower())
    return EntraIdField(custom_name(name))


def custom_name(name: str) -> str:
    """Return the name by which the API knows a custom field: it always begins with CF."""
    return "CF" + name.strip()[2:] if name.strip()[:2].casefold() == "cf" else f"CF{name.strip()}"


@dataclass(frozen=True)
class Layout:
    """What mapping must know of the installation."""

    entra_id: EntraIdField
    text_fields: Mapping[str, str]  # our name → Halo's
    contact_type_field: str | None = None
    contact_types: tuple[str, ...] = ()


def layout_of(settings: FieldSettings) -> Layout:
    """Return the layout that the settings describe. A field that holds the object id holds nothing else."""
    entra_id = parse_entra_id_field(settings.entra_id_field)
    fields = {name: vendor_name for name, vendor_name in _TEXT_FIELDS.items() if vendor_name != entra_id.name}
    return Layout(
        entra_id=entra_id,
        text_fields={**fields, "mobile_phone": settings.mobile_field},
        contact_type_field=custom_name(settings.contact_type_field) if settings.contact_type_field else None,
        contact_types=settings.contact_types if settings.contact_type_field else (),
    )
