"""ContactChange → JSON Patch, by the vendor's rules for it, and whether an answer shows what was asked. Pure.

Only differences are sent, references whole (a path into one may answer a false 200), items by their index in a read
made just before. Items are changed, then added behind the last one (at index 0 of a list with items the default flag is
lost), then removed from the highest index down; an item that is not ours is left alone ("Developer Guide", Patch, read
2026-11-24; adding and removing as AMP Labs' connector recorded it).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from adapters import proving, texts
from adapters.connectwise.layout import CLASSES, Layout, Purpose, is_of_class
from adapters.connectwise.mapping import (
    ITEM_FIELDS,
    PHONE_FIELDS,
    REFERENCE_FIELDS,
    TEXT_FIELDS,
    find_custom_field,
    new_item,
    split_phone,
    wire_id,
)
from adapters.connectwise.wire import VENDOR, Item, WireContact
from adapters.errors import RecordError
from adapters.records import Contact, ContactChange

Json = dict[str, Any]


class _Edits(NamedTuple):
    """What happens to the items, in the order in which it must be sent."""

    replaced: list[Json]
    added: list[Json]
    removed: list[int]


def needs_read(change: ContactChange) -> bool:
    """Tell whether the patch depends on how the contact is: items have indices, and only what is there is removed."""
    return any(name in ITEM_FIELDS or value is None for name, value in change.fields.items())


def patch_of(
    change: ContactChange, layout: Layout, *, references: Mapping[str, int], current: WireContact | None
) -> list[Json]:
    """Return the operations that write this change; none if nothing remains of it.

    `references` holds the ids of the change's reference fields; `current` is a fresh read if `needs_read`."""
    patch = [op for name, value in change.fields.items() if (op := _field_op(name, value, references, current))]
    if change.moves:
        patch.append(_replace("company", {"id": wire_id(change.company_id, field="company")}))
    if change.site_id is not None:
        patch.append(_replace("site", {"id": wire_id(change.site_id, field="site")}))
    if change.active is not None:
        patch.append(_replace("inactiveFlag", not change.active))
    if change.entra_id is not None:
        patch.append(_entra_id_op(change.entra_id, layout))
    items = current.communication_items if current else ()
    edits = _Edits([], [], [])
    for purpose in ITEM_FIELDS:
        if purpose in change.fields:
            _edit_item(edits, purpose, texts.clean(change.fields[purpose] or ""), layout=layout, items=items)
    patch += edits.replaced
    patch += [_add(f"communicationItems/{index}", item) for index, item in enumerate(edits.added, len(items))]
    patch += [_remove(f"communicationItems/{index}") for index in sorted(edits.removed, reverse=True)]
    return patch


def _replace(path: str, value: Any) -> Json:
    return {"op": "replace", "path": f"/{path}", "value": value}


def _add(path: str, value: Any) -> Json:
    return {"op": "add", "path": f"/{path}", "value": value}


def _remove(path: str) -> Json:
    return {"op": "remove", "path": f"/{path}"}


def _field_op(name: str, value: str | None, references: Mapping[str, int], current: WireContact | None) -> Json | None:
    """Return the operation for a plain field or a reference; None for an item, and where there is nothing to do."""
    if name in ITEM_FIELDS:
        return None
    if name not in TEXT_FIELDS and name not in REFERENCE_FIELDS:
        raise RecordError("field_unknown", vendor=VENDOR, field=name)
    path = TEXT_FIELDS.get(name, name)
    if value is None:
        if name == "first_name":  # the one field that a contact cannot be without
            raise RecordError("required_missing", vendor=VENDOR, field=name)
        is_there = current is None or getattr(current, "title" if name == "job_title" else name) is not None
        return _remove(path) if is_there else None  # removing what is not there may be refused
    if name in REFERENCE_FIELDS:
        return _replace(path, {"id": references[name]})
    text = texts.clean(value)
    return _replace(path, text) if text else None


def _entra_id_op(entra_id: str, layout: Layout) -> Json:
    field = layout.entra_id
    if field.is_custom:
        return _replace("customFields", [{"id": field.custom_field_id, "value": entra_id}])
    return _replace(field.name, entra_id)


# --- communication items ----------------------------------------------------------------------------------------------


def _edit_item(edits: _Edits, purpose: Purpose, text: str, *, layout: Layout, items: tuple[Item, ...]) -> None:
    ours = layout.our_items(purpose, items)
    index = ours[0] if ours else None
    if not text:
        edits.removed.extend(ours)  # all of them: the next run would clear the next one
    elif purpose == "email" and (other := _other_address(text, items, index)) is not None:
        _make_default(edits, other, index)
    elif index is not None:
        _replace_value(edits, purpose, text, index=index, item=items[index])
    else:
        is_default = not _has_default(edits, purpose, items)
        edits.added.append(new_item(purpose, text, layout, is_default=is_default))


def _other_address(address: str, items: tuple[Item, ...], default: int | None) -> int | None:
    """Find the wanted address among the other ones, so that it is not added a second time."""
    return next(
        (
            index
            for index, item in enumerate(items)
            if index != default and is_of_class(item, "Email") and item.value.strip().casefold() == address.casefold()
        ),
        None,
    )


def _make_default(edits: _Edits, index: int, old_default: int | None) -> None:
    """Hand the default over; the server takes it from the old one by itself, saying so keeps the patch complete."""
    flags = {index: True} if old_default is None else {index: True, old_default: False}
    edits.replaced.extend(_replace(f"communicationItems/{item}/defaultFlag", flag) for item, flag in flags.items())


def _replace_value(edits: _Edits, purpose: Purpose, text: str, *, index: int, item: Item) -> None:
    value, extension = (text, "") if purpose == "email" else split_phone(text)
    path = f"communicationItems/{index}"
    if value != item.value:
        edits.replaced.append(_replace(f"{path}/value", value))
    if extension and extension != item.extension:
        edits.replaced.append(_replace(f"{path}/extension", extension))
    elif item.extension and not extension:
        edits.replaced.append(_remove(f"{path}/extension"))


def _has_default(edits: _Edits, purpose: Purpose, items: tuple[Item, ...]) -> bool:
    """Tell whether the class keeps or gets a default item without us."""
    kept = any(
        item.default_flag and is_of_class(item, CLASSES[purpose])
        for index, item in enumerate(items)
        if index not in edits.removed
    )
    return kept or any(item["communicationType"] == CLASSES[purpose] and item["defaultFlag"] for item in edits.added)


# --- custom fields ----------------------------------------------------------------------------------------------------


def with_all_custom_fields(patch: list[Json], current: WireContact, layout: Layout) -> list[Json]:
    """Return the patch with the whole `customFields` array as it was read, the object id put in.

    The guide asks for the entire array; an installation that refuses less gets it. Sent back as it came it clears
    nothing, whatever the server makes of fields that are missing from it."""
    entra_id = next((op["value"][0]["value"] for op in patch if op["path"] == "/customFields"), None)
    fields = [dict(field) for field in current.custom_fields]
    if entra_id is not None:
        ours = find_custom_field(current, layout.entra_id.name)
        if ours is None:
            fields.append({"id": layout.entra_id.custom_field_id, "value": entra_id})
        else:
            fields[current.custom_fields.index(ours)] = {**ours, "value": entra_id}
    return [op for op in patch if op["path"] != "/customFields"] + [_replace("customFields", fields)]


# --- did it happen? ---------------------------------------------------------------------------------------------------


def find_contradictions(change: ContactChange, answer: Contact) -> list[str]:
    """Name the fields of the change that an answer does not show, by what this vendor makes of values."""
    return proving.find_contradictions(change, answer, shows=_shows)


def _shows(name: str, wanted: str | None, shown: str) -> bool:
    if wanted is None:
        return not shown or name == "email"  # without our address the server may make another one the default
    if name in PHONE_FIELDS:
        want, have = _digits(texts.clean(wanted)), _digits(shown)
        return not want or (bool(have) and have in want)
    want, have = _plain(texts.clean(wanted)), _plain(shown)
    return not want or (bool(have) and want.startswith(have))


def _plain(text: str) -> str:
    return re.sub(r"\W", "", text.casefold())


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text) or _plain(text)
