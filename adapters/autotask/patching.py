"""ContactChange → the body of a PATCH, what a contact is after it, and whether a read shows it. Pure.

PATCH changes the named fields and nothing else, and of the user-defined ones only those that are named; its answer is
the id alone, so the contact after a write is the contact before it with the body laid over ("Updating data via PATCH
request with the REST API", read 2026-11-24).
"""

import re
from collections.abc import Mapping
from typing import Any

from adapters import proving, texts
from adapters.autotask.layout import Layout
from adapters.autotask.mapping import (
    EMAIL_FIELDS,
    PHONE_FIELDS,
    REFERENCE_FIELDS,
    REQUIRED_FIELDS,
    TEXT_FIELDS,
    entra_id_of,
    text_body,
    text_of,
    wire_id,
    with_entra_id,
)
from adapters.autotask.wire import VENDOR, WireContact
from adapters.errors import RecordError
from adapters.records import Contact, ContactChange

MOVE_REFUSED = "Autotask keeps a contact in its company; create it in the new company and deactivate the old one there"

Json = dict[str, Any]


def patch_body(change: ContactChange, layout: Layout, *, references: Mapping[str, int], current: WireContact) -> Json:
    """Return what must be written; nothing where the contact is so already.

    `references` holds the ids of the change's reference fields. A wanted address that the contact has in another field
    changes places with the default one. Raises RecordError for a move, and for what Autotask would refuse or cut."""
    if change.moves:
        raise RecordError("move_unsupported", vendor=VENDOR, field="company", vendor_message=MOVE_REFUSED)
    wanted: Json = {}
    for name, value in change.fields.items():
        if name in TEXT_FIELDS:
            wanted |= _text(name, value or "", layout)
        elif name in REFERENCE_FIELDS:
            wanted[REFERENCE_FIELDS[name]] = references.get(name)
        else:
            raise RecordError("field_unknown", vendor=VENDOR, field=name)
    wanted |= _swapped(change, current, wanted)
    if change.site_id is not None:
        wanted["companyLocationID"] = wire_id(change.site_id, field="site")
    if change.active is not None:
        wanted["isActive"] = int(change.active)
    held = current.model_dump(by_alias=True)
    body = {name: value for name, value in wanted.items() if _differs(value, held[name])}
    if change.entra_id is None or change.entra_id == entra_id_of(current, layout):
        return body
    return with_entra_id(body, change.entra_id, layout)


def _text(name: str, value: str, layout: Layout) -> Json:
    body = text_body(name, value, layout)
    if name in REQUIRED_FIELDS and not body[TEXT_FIELDS[name]]:
        raise RecordError("required_missing", vendor=VENDOR, field=name)
    return body


def _swapped(change: ContactChange, current: WireContact, wanted: Json) -> Json:
    """Return where the old default address goes if the wanted one is there already in another field."""
    email = texts.clean(change.fields.get("email") or "")
    old = text_of(current, TEXT_FIELDS["email"])
    if not email or email.casefold() == old.casefold():
        return {}
    for name in EMAIL_FIELDS[1:]:
        vendor_name = TEXT_FIELDS[name]
        if vendor_name not in wanted and text_of(current, vendor_name).casefold() == email.casefold():
            return {vendor_name: old}
    return {}


def _differs(wanted: Any, held: Any) -> bool:
    """Empty text and null are one; a truth value and its number too."""
    if isinstance(held, bool):
        return bool(wanted) != held
    return (wanted or "") != (held or "") if not isinstance(wanted, int) else wanted != held


def laid_over(current: WireContact, body: Json) -> WireContact:
    """Return what the contact is once this body has been written."""
    held = current.model_dump(by_alias=True)
    named = {entry["name"]: entry for entry in held["userDefinedFields"]}
    named |= {entry["name"]: entry for entry in body.get("userDefinedFields", ())}
    return WireContact.model_validate({**held, **body, "userDefinedFields": list(named.values())})


def find_contradictions(change: ContactChange, answer: Contact) -> list[str]:
    """Name the fields of the change that an answer does not show, by what this vendor makes of values."""
    return proving.find_contradictions(change, answer, shows=_shows)


def _shows(name: str, wanted: str | None, shown: str) -> bool:
    want, have = texts.clean(wanted or ""), shown
    if not want or not have:
        return want == have
    if name in PHONE_FIELDS:
        return (re.sub(r"\D", "", have) or have) in (re.sub(r"\D", "", want) or want)
    return want.casefold().startswith(have.casefold())
