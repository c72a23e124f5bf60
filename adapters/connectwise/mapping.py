"""ConnectWise's JSON ↔ our records. Pure; what the vendor calls a thing and how it spells it is known here."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters import texts
from adapters.connectwise.layout import CLASSES, Layout, Purpose, is_of_class
from adapters.connectwise.wire import VENDOR, Item, Named, WireCompany, WireContact, WireSite
from adapters.errors import RecordError
from adapters.records import Company, Contact, ContactDraft, FieldSpec, PsaSchema

Json = dict[str, Any]

TEXT_FIELDS: Mapping[str, str] = {
    "first_name": "firstName",
    "last_name": "lastName",
    "job_title": "title",
    "address_line1": "addressLine1",
    "address_line2": "addressLine2",
    "city": "city",
    "state": "state",
    "zip": "zip",
}
REFERENCE_FIELDS = ("department", "country", "site")
PHONE_FIELDS: tuple[Purpose, ...] = ("phone", "mobile_phone")
ITEM_FIELDS: tuple[Purpose, ...] = ("email", *PHONE_FIELDS)
EXTENSION_LENGTH = 15  # ContactCommunication of the vendor's OpenAPI document, read 2026-11-24

# The vendor's document is silent about the first three; clients agree on these, and a longer value is refused by 400.
MAX_LENGTHS: Mapping[str, int] = {
    "first_name": 30,
    "last_name": 30,
    "job_title": 50,
    "email": 250,
    "phone": 250,
    "mobile_phone": 250,
    "address_line1": 50,
    "address_line2": 50,
    "city": 50,
    "state": 50,
    "zip": 12,
}


def split_phone(text: str) -> tuple[str, str]:
    """Part a number from its extension, as long as one may be here. Without one: (text, "")."""
    return texts.split_phone(text, most_digits=EXTENSION_LENGTH)


def phone_of(item: Item) -> str:
    """Write a number with its extension as one text."""
    value, extension = item.value.strip(), (item.extension or "").strip()
    return f"{value} x{extension}" if value and extension else value


def wire_id(text: str, *, field: str) -> int:
    """Read an id of ours as ConnectWise counts them. Raises RecordError(reference_unknown): it cannot exist there."""
    if not (text.isascii() and text.isdigit()):
        raise RecordError("reference_unknown", vendor=VENDOR, field=field)
    return int(text)


# --- wire → record ----------------------------------------------------------------------------------------------------


def map_contact(wire: WireContact, layout: Layout) -> Contact:
    """Return the contact in our names; empty fields are absent, and so are numbers of kinds that are not ours."""
    fields: dict[str, str | None] = {name: _attribute(wire, name) for name in TEXT_FIELDS}
    fields |= {name: pointer.name for name in REFERENCE_FIELDS if (pointer := getattr(wire, name)) is not None}
    items = wire.communication_items
    for purpose in ITEM_FIELDS:
        for index in layout.our_items(purpose, items)[:1]:
            fields[purpose] = items[index].value if purpose == "email" else phone_of(items[index])
    return Contact(
        id=str(wire.id),
        company_id=str(wire.company.id) if wire.company else "",
        active=not wire.inactive_flag,
        entra_id=_entra_id(wire, layout),
        emails=_addresses(items),
        fields={name: value.strip() for name, value in fields.items() if value and value.strip()},
        site_id=str(wire.site.id) if wire.site else None,
        protected="default" if wire.default_flag else "billing" if wire.default_billing_flag else None,
    )


def _attribute(wire: WireContact, name: str) -> str | None:
    value: str | None = wire.title if name == "job_title" else getattr(wire, name)
    return value


def _addresses(items: Sequence[Item]) -> tuple[str, ...]:
    emails = [item for item in items if is_of_class(item, "Email") and item.value.strip()]
    emails.sort(key=lambda item: not item.default_flag)
    return tuple(item.value.strip() for item in emails)


def _entra_id(wire: WireContact, layout: Layout) -> str | None:
    field = layout.entra_id
    if field.is_custom:
        entry = find_custom_field(wire, field.name)
        value = str(entry.get("value") or "") if entry else ""
    else:
        value = wire.user_defined.get(field.name, "")
    return value.strip() or None


def find_custom_field(wire: WireContact, caption: str) -> Json | None:
    """Return the entry of this caption; every contact lists all custom fields, filled in or not."""
    folded = caption.casefold()
    return next((f for f in wire.custom_fields if str(f.get("caption", "")).strip().casefold() == folded), None)


def map_company(wire: WireCompany) -> Company:
    """Return the company."""
    status = wire.status.name if wire.status and wire.status.name else ""
    return Company(
        id=str(wire.id),
        name=wire.name,
        active=not wire.deleted_flag and status.strip().casefold() != "inactive",
        deleted=wire.deleted_flag,
        domains=tuple(filter(None, [texts.domain_of(wire.website or "")])),
    )


def map_sites(sites: Sequence[WireSite]) -> tuple[tuple[str, str], ...]:
    """Return id and name of the sites that a contact may still be given."""
    return tuple((str(site.id), site.name) for site in sites if not site.inactive_flag)


def map_schema(
    layout: Layout,
    *,
    departments: Sequence[Named],
    countries: Sequence[Named],
    contact_types: Sequence[Named],
    max_lengths: Mapping[str, int],
) -> PsaSchema:
    """Return the fields of this installation. A site's choices depend on the company: `fetch_sites` lists them."""
    lengths = {**MAX_LENGTHS, **max_lengths}
    names = [name for name in MAX_LENGTHS if name not in ITEM_FIELDS or name in layout.types]
    fields = [
        FieldSpec(
            name=name,
            kind="email" if name == "email" else "phone" if name in PHONE_FIELDS else "text",
            max_length=lengths[name],
            required=name == "first_name",
        )
        for name in names
    ]
    choices = {"department": departments, "country": countries}
    fields += [
        FieldSpec(name=name, kind="reference", choices=tuple(entry.name for entry in entries))
        for name, entries in choices.items()
    ]
    fields.append(FieldSpec(name="site", kind="reference"))
    types = tuple((str(kind.id), kind.name) for kind in contact_types)
    return PsaSchema(fields=tuple(fields), contact_types=types)


# --- record → wire ----------------------------------------------------------------------------------------------------


def draft_body(draft: ContactDraft, layout: Layout, *, references: Mapping[str, int]) -> Json:
    """Return the body that creates this contact. `references` holds the ids of the draft's reference fields.

    Nothing empty is sent; the first number is the default one, there is one default per class."""
    body: Json = {"company": {"id": wire_id(draft.company_id, field="company")}}
    for name, vendor_name in TEXT_FIELDS.items():
        if value := texts.clean(draft.fields.get(name, "")):
            body[vendor_name] = value
    body |= {name: {"id": reference} for name, reference in references.items()}
    if draft.site_id:
        body["site"] = {"id": wire_id(draft.site_id, field="site")}
    if draft.contact_type:
        body["typeIds"] = [wire_id(draft.contact_type, field="contact_type")]
    items: list[Json] = []
    for purpose in ITEM_FIELDS:
        if text := texts.clean(draft.fields.get(purpose, "")):
            has_default = any(item["communicationType"] == CLASSES[purpose] for item in items)
            items.append(new_item(purpose, text, layout, is_default=not has_default))
    if items:
        body["communicationItems"] = items
    return body | _entra_id_body(draft.entra_id, layout)


def _entra_id_body(entra_id: str, layout: Layout) -> Json:
    field = layout.entra_id
    if field.is_custom:
        return {"customFields": [{"id": field.custom_field_id, "value": entra_id}]}
    return {field.name: entra_id}


def new_item(purpose: Purpose, text: str, layout: Layout, *, is_default: bool) -> Json:
    """Return a communication item to be added. Raises RecordError if the installation has no such type."""
    if purpose not in layout.types:
        raise RecordError("field_unknown", vendor=VENDOR, field=purpose)
    value, extension = (text, "") if purpose == "email" else split_phone(text)
    item: Json = {
        "type": {"id": layout.types[purpose]},
        "value": value,
        "communicationType": CLASSES[purpose],
        "defaultFlag": is_default,
    }
    return item | ({"extension": extension} if extension else {})
