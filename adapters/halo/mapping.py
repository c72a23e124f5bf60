"""Halo's JSON ↔ our records. Pure; what the vendor calls a thing and how it spells it is known here."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from adapters import proving, texts
from adapters.errors import RecordError
from adapters.halo.layout import LISTED_FIELDS, FieldSettings, Layout, layout_of
from adapters.halo.wire import VENDOR, WireClient, WireSite, WireUser
from adapters.records import Company, Contact, ContactChange, ContactDraft, FieldSpec, PsaSchema
from adapters.records.contacts import FieldKind

Json = dict[str, Any]

GENERAL_USER = "general user"  # the pseudo-user of every site, to which nobody's tickets belong
ADDRESS_FIELDS = ("emailaddress", "email2", "email3")
REPORTED_FIELDS = frozenset(layout_of(FieldSettings()).text_fields.values()) - LISTED_FIELDS | {
    "mobilenumber",
    "azureoid",
    "isimportantcontact2",
    "customfields",
}
PHONE_FIELDS = ("phone", "mobile_phone", "home_phone", "fax")

CONTACT_TYPE_HINT = (
    "name a custom field of Halo's users for it by contact_type_field, and what may stand in it by contact_types,"
    " in the psa section; or leave psa_contact_type away"
)


def wire_id(text: str, *, field: str) -> int:
    """Read an id of ours as Halo counts them. Raises RecordError(reference_unknown): it cannot exist there."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise RecordError("reference_unknown", vendor=VENDOR, field=field)
    return int(text)


def is_general_user(user: WireUser) -> bool:
    """Tell a site's pseudo-user from people."""
    return user.name.strip().casefold() == GENERAL_USER


def is_pseudo_user(user: WireUser) -> bool:
    """Tell what is nobody: a site's pseudo-user, or a service account of Halo's own."""
    return is_general_user(user) or user.isserviceaccount


def with_columns(user: WireUser, row: WireUser) -> WireUser:
    """Return a list's row with what a report shows of the same user: it knows the fields that lists lack."""
    return user.model_copy(update={name: getattr(row, name) for name in row.shown & REPORTED_FIELDS})


# --- wire → record ----------------------------------------------------------------------------------------------------


def map_user(user: WireUser, layout: Layout) -> Contact:
    """Return the user in our names; empty fields are absent. First and last name are parted where Halo has not."""
    fields = {name: getattr(user, vendor_name).strip() for name, vendor_name in layout.text_fields.items()}
    if not (fields["first_name"] or fields["last_name"]):
        fields["first_name"], _, fields["last_name"] = " ".join(user.name.split()).partition(" ")
    fields["site"] = user.site_name.strip()
    addresses = (getattr(user, name).strip() for name in ADDRESS_FIELDS)
    return Contact(
        id=str(user.id),
        company_id=str(user.client_id) if user.client_id > 0 else "",
        active=not user.inactive,
        entra_id=entra_id_of(user, layout),
        emails=tuple(dict.fromkeys(address for address in addresses if address)),
        fields={name: value for name, value in fields.items() if value},
        site_id=str(user.site) if user.site > 0 else None,
        protected=_protected(user),
    )


def entra_id_of(user: WireUser, layout: Layout) -> str | None:
    """Return what the field of the object id holds."""
    field = layout.entra_id
    if not field.is_custom:
        return getattr(user, field.name).strip() or None
    for entry in user.customfields:
        if str(entry.get("name", "")).strip().casefold() == field.name.casefold():
            return str(entry.get("value") or "").strip() or None
    return None


def _protected(user: WireUser) -> str | None:
    if user.isimportantcontact or user.isimportantcontact2:
        return "important"
    return "service account" if user.isserviceaccount else None


def map_company(client: WireClient, sites: Sequence[WireSite]) -> Company:
    """Return the client, with the domains of its sites. A client that is deleted is not found."""
    hosts = [client.website, *client.domain.split(","), *(site.emaildomain for site in sites)]
    return Company(
        id=str(client.id),
        name=client.name,
        active=not client.inactive,
        domains=tuple(dict.fromkeys(domain for host in hosts if (domain := texts.domain_of(host)))),
    )


def map_sites(sites: Sequence[WireSite]) -> tuple[tuple[str, str], ...]:
    """Return id and name of the sites that a user may still be given."""
    return tuple((str(site.id), site.name) for site in sites if not site.inactive)


def map_schema(
    layout: Layout,
    *,
    max_lengths: Mapping[str, int],
    columns: Collection[str] | None = None,
    contacts_per_call: float = 1.0,
) -> PsaSchema:
    """Return the fields of this installation; Halo documents no lengths. `columns` are those of the users' report.

    Where there is a report, a field that neither lists nor report show is none: it would be written in every run. A
    site's choices depend on the company: `fetch_sites` lists them."""
    fields = [
        FieldSpec(
            name=name,
            kind=_kind(name),
            max_length=max_lengths.get(name),
            required=name == "first_name",
            lasting=name == "display_name",
        )
        for name, vendor_name in layout.text_fields.items()
        if columns is None or vendor_name in LISTED_FIELDS or vendor_name in columns
    ]
    fields.append(FieldSpec(name="site", kind="reference"))
    return PsaSchema(
        fields=tuple(fields),
        contact_types=tuple((name, name) for name in layout.contact_types),
        contact_type_hint=None if layout.contact_types else CONTACT_TYPE_HINT,
        contacts_per_call=contacts_per_call,
    )


def _kind(name: str) -> FieldKind:
    if name.startswith("email"):
        return "email"
    return "phone" if name in PHONE_FIELDS else "text"


# --- record → wire ----------------------------------------------------------------------------------------------------


def draft_body(draft: ContactDraft, layout: Layout, *, site_id: int) -> Json:
    """Return the user that creates this contact. Nothing empty is sent, but the name that Halo requires always is."""
    body: Json = {"site_id": site_id, "inactive": False}
    for name, value in draft.fields.items():
        if text := texts.clean(value):
            body |= {} if name == "site" else {_vendor_name(name, layout): text}
    body.setdefault("name", " ".join(body[part] for part in ("firstname", "surname") if part in body))
    if not body["name"]:
        raise RecordError("required_missing", vendor=VENDOR, field="first_name")
    custom = _custom_entries(layout, entra_id=draft.entra_id, contact_type=draft.contact_type)
    body |= {} if layout.entra_id.is_custom else {layout.entra_id.name: draft.entra_id}
    return body | ({"customfields": custom} if custom else {})


def change_body(
    change: ContactChange, layout: Layout, *, site_id: int | None = None, current: WireUser | None = None
) -> Json:
    """Return the fields that write this change, its id included; nothing else is touched.

    `current` is a fresh read if `needs_read`: of the three names all are sent, and the display name follows the other
    two as long as nobody has given another one."""
    body: Json = {"id": wire_id(change.contact_id, field="id")}
    for name, value in change.fields.items():
        if name == "site":
            continue
        if value is None and name in ("first_name", "display_name"):  # a user cannot be without a name
            raise RecordError("required_missing", vendor=VENDOR, field=name)
        body[_vendor_name(name, layout)] = texts.clean(value or "")
    if current is not None and needs_read(change):
        body = _names(current) | _new_display_name(current, body) | body
    if site_id is not None:
        body["site_id"] = site_id
    if change.active is not None:
        body["inactive"] = not change.active
    if change.entra_id is not None:
        custom = _custom_entries(layout, entra_id=change.entra_id)
        body |= {"customfields": custom} if custom else {layout.entra_id.name: change.entra_id}
    return body


def needs_read(change: ContactChange) -> bool:
    """Tell whether the change's body depends on how the user is called."""
    return any(name in change.fields for name in ("first_name", "last_name", "display_name"))


def _names(user: WireUser) -> Json:
    return {"name": user.name, "firstname": user.firstname, "surname": user.surname}


def _new_display_name(current: WireUser, body: Json) -> Json:
    old = " ".join(f"{current.firstname} {current.surname}".split())
    if current.name.strip() and " ".join(current.name.split()).casefold() != old.casefold():
        return {}
    new = " ".join(f"{body.get('firstname', current.firstname)} {body.get('surname', current.surname)}".split())
    return {"name": new}


def _vendor_name(name: str, layout: Layout) -> str:
    if name not in layout.text_fields:
        raise RecordError("field_unknown", vendor=VENDOR, field=name)
    return layout.text_fields[name]


def _custom_entries(layout: Layout, *, entra_id: str, contact_type: str | None = None) -> list[Json]:
    """Return the custom fields to be written. Raises RecordError for a type that the installation has no place for."""
    entries = [{"name": layout.entra_id.name, "value": entra_id}] if layout.entra_id.is_custom else []
    if contact_type is not None:
        if layout.contact_type_field is None:
            raise RecordError("field_unknown", vendor=VENDOR, field="contact_type")
        entries.append({"name": layout.contact_type_field, "value": contact_type})
    return entries


# --- did it happen? ---------------------------------------------------------------------------------------------------


def find_contradictions(change: ContactChange, answer: Contact) -> list[str]:
    """Name the fields of the change that an answer does not show, by what this vendor makes of values."""
    return proving.find_contradictions(change, answer, shows=_shows)


def _shows(name: str, wanted: str | None, shown: str) -> bool:
    if wanted is None:
        return not shown or name == "last_name"  # read from the display name where there is none
    keep = r"\D" if name in PHONE_FIELDS else r"\W"
    want, have = (re.sub(keep, "", text.casefold()) for text in (texts.clean(wanted), shown))
    return not want or (bool(have) and want.startswith(have))
