"""Autotask's JSON ↔ our records. Pure; what the vendor calls a thing and how it spells it is known here."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters import texts
from adapters.autotask.layout import Layout
from adapters.autotask.wire import VENDOR, Country, FieldInfo, Location, WireCompany, WireContact
from adapters.errors import RecordError
from adapters.records import Company, Contact, ContactDraft, FieldSpec, PsaSchema
from adapters.records.contacts import FieldKind

Json = dict[str, Any]

TEXT_FIELDS: Mapping[str, str] = {
    "first_name": "firstName",
    "last_name": "lastName",
    "job_title": "title",
    "email": "emailAddress",
    "email2": "emailAddress2",
    "email3": "emailAddress3",
    "phone": "phone",
    "mobile_phone": "mobilePhone",
    "alternate_phone": "alternatePhone",
    "fax": "faxNumber",
    "address_line1": "addressLine",  # the vendor calls the first line so, and the second one addressLine1
    "address_line2": "addressLine1",
    "city": "city",
    "state": "state",
    "zip": "zipCode",
}
REFERENCE_FIELDS: Mapping[str, str] = {"country": "countryID", "site": "companyLocationID"}
EMAIL_FIELDS = ("email", "email2", "email3")
PHONE_FIELDS = ("phone", "mobile_phone", "alternate_phone", "fax")
REQUIRED_FIELDS = ("first_name", "last_name")

# Where an installation does not tell: the lengths that a client has generated from its field information.
MAX_LENGTHS: Mapping[str, int] = {
    "first_name": 50,
    "last_name": 50,
    "job_title": 50,
    "email": 254,
    "email2": 254,
    "email3": 254,
    "phone": 25,
    "mobile_phone": 25,
    "alternate_phone": 32,
    "fax": 25,
    "address_line1": 128,
    "address_line2": 128,
    "city": 32,
    "state": 40,
    "zip": 16,
}
EXTENSION_LENGTH = 10
CONTACT_TYPE_HINT = "name a user-defined list field of contacts in contact_type_field of its [psa], or leave it out"

_ATTRIBUTES: Mapping[str, str] = {  # vendor's name → WireContact's
    info.alias or name: name for name, info in WireContact.model_fields.items()
}


def split_phone(text: str) -> tuple[str, str]:
    """Part a number from its extension, as long as one may be here. Without one: (text, "")."""
    return texts.split_phone(text, most_digits=EXTENSION_LENGTH)


def wire_id(text: str, *, field: str) -> int:
    """Read an id of ours as Autotask counts them; 0 is a company, the MSP itself.

    Raises RecordError(reference_unknown): it cannot exist there."""
    if not (text.isascii() and text.isdigit()):
        raise RecordError("reference_unknown", vendor=VENDOR, field=field)
    return int(text)


# --- wire → record ----------------------------------------------------------------------------------------------------


def map_contact(wire: WireContact, layout: Layout, *, names: Mapping[str, str | None]) -> Contact:
    """Return the contact in our names; empty fields are absent. `names` holds what its references point to."""
    fields: dict[str, str | None] = {name: text_of(wire, vendor_name) for name, vendor_name in TEXT_FIELDS.items()}
    fields["phone"] = phone_of(wire)
    fields |= names
    return Contact(
        id=str(wire.id),
        company_id="" if wire.company_id is None else str(wire.company_id),
        active=wire.is_active,
        entra_id=entra_id_of(wire, layout),
        emails=tuple(email for name in EMAIL_FIELDS if (email := fields[name])),
        fields={name: value for name, value in fields.items() if value},
        site_id=None if wire.company_location_id is None else str(wire.company_location_id),
        protected="primary" if wire.primary_contact else None,
    )


def text_of(wire: WireContact, vendor_name: str) -> str:
    """Return a text of the contact; empty where it is empty, null or hidden."""
    return str(getattr(wire, _ATTRIBUTES[vendor_name]) or "").strip()


def phone_of(wire: WireContact) -> str:
    """Write a number with its extension as one text."""
    number, extension = text_of(wire, "phone"), text_of(wire, "extension")
    return f"{number} x{extension}" if number and extension else number


def entra_id_of(wire: WireContact, layout: Layout) -> str | None:
    """Return what the object id's field holds, whoever wrote it."""
    entra_id = layout.entra_id
    value = user_defined(wire, entra_id.name) if entra_id.is_user_defined else wire.external_id
    return (value or "").strip() or None


def user_defined(wire: WireContact, label: str) -> str | None:
    """Return the value of a user-defined field; a contact whose fields are all empty lists none."""
    folded = label.strip().casefold()
    return next((entry.value for entry in wire.user_defined_fields if entry.name.strip().casefold() == folded), None)


def map_company(wire: WireCompany) -> Company:
    """Return the company."""
    return Company(
        id=str(wire.id),
        name=wire.name,
        active=wire.is_active,
        domains=tuple(filter(None, [texts.domain_of(wire.web_address or "")])),
    )


def map_sites(locations: Sequence[Location]) -> tuple[tuple[str, str], ...]:
    """Return id and name of the locations that a contact may still be given."""
    return tuple((str(location.id), location.name) for location in locations if location.is_active)


def map_schema(layout: Layout, *, countries: Sequence[Country], max_lengths: Mapping[str, int]) -> PsaSchema:
    """Return the fields of this installation, with its own lengths; what it only shows is left out.

    A site's choices depend on the company: `fetch_sites` lists them."""
    known = [name for name, vendor_name in TEXT_FIELDS.items() if _is_writable(layout.fields.get(vendor_name))]
    fields = [
        FieldSpec(
            name=name,
            kind=_kind(name),
            max_length=max_lengths.get(name) or max_length(layout, name),
            extension_length=EXTENSION_LENGTH if name == "phone" else None,
            required=name in REQUIRED_FIELDS or _is_required(layout.fields.get(TEXT_FIELDS[name])),
        )
        for name in known
    ]
    choices = tuple(dict.fromkeys(country.name for country in countries if country.is_active and country.name))
    fields.append(FieldSpec(name="country", kind="reference", choices=choices))
    fields.append(FieldSpec(name="site", kind="reference"))
    kinds = layout.contact_type.choices if layout.contact_type else ()
    return PsaSchema(
        fields=tuple(fields),
        contact_types=tuple((kind.value, kind.label) for kind in kinds if kind.is_active),
        contact_type_hint=CONTACT_TYPE_HINT if layout.contact_type is None else None,
    )


def max_length(layout: Layout, name: str) -> int:
    """Return how much a field holds: what the installation says, else what is usual."""
    info = layout.fields.get(TEXT_FIELDS[name])
    return info.length if info and info.length > 0 else MAX_LENGTHS[name]


def _is_writable(info: FieldInfo | None) -> bool:
    return info is None or not info.is_read_only


def _is_required(info: FieldInfo | None) -> bool:
    return info is not None and info.is_required


def _kind(name: str) -> FieldKind:
    return "email" if name in EMAIL_FIELDS else "phone" if name in PHONE_FIELDS else "text"


# --- record → wire ----------------------------------------------------------------------------------------------------


def draft_body(draft: ContactDraft, layout: Layout, *, references: Mapping[str, int]) -> Json:
    """Return the body that creates this contact. `references` holds the ids of the draft's reference fields.

    Nothing empty is sent. Raises RecordError for what Autotask would refuse, or cut without a word."""
    body: Json = {"companyID": wire_id(draft.company_id, field="company"), "isActive": 1}
    for name in TEXT_FIELDS:
        body |= {key: value for key, value in text_body(name, draft.fields.get(name, ""), layout).items() if value}
    for name in REQUIRED_FIELDS:
        if TEXT_FIELDS[name] not in body:
            raise RecordError("required_missing", vendor=VENDOR, field=name)
    body |= {REFERENCE_FIELDS[name]: reference for name, reference in references.items()}
    if draft.site_id:
        body["companyLocationID"] = wire_id(draft.site_id, field="site")
    user_defined_fields = []
    if draft.contact_type and layout.contact_type:
        user_defined_fields.append({"name": layout.contact_type.name, "value": draft.contact_type})
    return with_entra_id(body, draft.entra_id, layout, others=user_defined_fields)


def text_body(name: str, text: str, layout: Layout) -> Json:
    """Return what writes a text; a number brings its extension, which may be empty. Raises RecordError(too_long)."""
    value = texts.clean(text)
    parts = {TEXT_FIELDS[name]: value}
    if name == "phone":
        value, extension = split_phone(value)
        parts = {"phone": value, "extension": extension}
    if len(value) > max_length(layout, name):
        raise RecordError("too_long", vendor=VENDOR, field=name)
    return parts


def with_entra_id(body: Json, entra_id: str, layout: Layout, *, others: Sequence[Json] = ()) -> Json:
    """Return the body with the object id in its place, and with these user-defined fields. Only named ones change."""
    named = list(others)
    if layout.entra_id.is_user_defined:
        named.append({"name": layout.entra_id.name, "value": entra_id})
    else:
        body = {**body, layout.entra_id.name: entra_id}
    return body | ({"userDefinedFields": named} if named else {})
