"""JSON Patch as ConnectWise PSA takes it.

developer.connectwise.com: "Developer Guide", PATCH; and what production connectors have recorded.
"""

import copy
from typing import Any

from ops.sandbox.connectwise import fields
from ops.sandbox.connectwise.errors import bad_patch, field_error, invalid
from ops.sandbox.http import Json

_OPERATIONS = frozenset({"add", "replace", "remove"})
_ITEM_FIELDS = frozenset({"type", "value", "extension", "defaultFlag", "communicationType", "domain"})


def apply_patch(contact: Json, document: Any, *, demand_custom_fields: bool) -> Json:
    """Return the values that the contact is to be built of; raises, and then nothing counts, if one is refused."""
    if not isinstance(document, list):
        raise bad_patch("A patch must be an array of operations.")
    values = {**contact, "communicationItems": copy.deepcopy(contact.get("communicationItems") or [])}
    paths = set()
    for operation in document:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise bad_patch("An operation needs op and path.")
        if str(operation.get("op", "")).lower() not in _OPERATIONS:
            raise bad_patch(f"The operation '{operation.get('op')}' is not supported.")
        path = operation["path"].lstrip("/").split("/")
        paths.add(path[0])
        _apply(values, path, str(operation["op"]).lower(), operation.get("value"))
    if demand_custom_fields and "customFields" not in paths:
        raise invalid([field_error("customFields", "The customFields field is required.", "MissingRequiredField")])
    return values


def _apply(values: Json, path: list[str], operation: str, value: Any) -> None:
    name = path[0]
    if name == "communicationItems":
        _apply_to_items(values, path[1:], operation, value)
        return
    if name in fields.REFERENCES and len(path) > 1:
        return  # answered with 200, changes nothing
    if name not in fields.PATCHABLE or len(path) > 1:
        raise bad_patch(f"The path '/{'/'.join(path)}' cannot be patched.")
    if operation == "remove":
        _remove(values, name)
    elif name == "customFields" and operation != "replace":
        raise bad_patch("Custom fields are replaced as one array.")
    else:
        values[name] = value


def _remove(values: Json, name: str) -> None:
    if name == "firstName":
        raise invalid([field_error("firstName", "The firstName field is required.", "MissingRequiredField")])
    if name == "customFields" or values.get(name) in (None, ""):
        raise bad_patch(f"The target location '/{name}' does not exist.")
    values[name] = None


def _apply_to_items(values: Json, path: list[str], operation: str, value: Any) -> None:
    items: list[Json] = values["communicationItems"]
    if not path:
        if operation != "replace" or not isinstance(value, list):
            raise bad_patch("The path '/communicationItems' can only be replaced by an array.")
        values["communicationItems"] = value
    elif len(path) == 1 and operation == "add":
        _add_item(items, path[0], value)
    elif len(path) == 1:
        index = _index(path[0], len(items))
        if operation == "remove":
            del items[index]  # what follows moves up
        else:
            items[index] = {**_checked_item(value), "id": items[index]["id"]}
    else:
        _patch_item(items[_index(path[0], len(items))], path[1:], operation, value)


def _add_item(items: list[Json], index: str, value: Any) -> None:
    """At index 0 of a list with items it is appended all the same, and its defaultFlag is ignored."""
    item = _checked_item(value)
    if index != "-" and (not index.isdigit() or int(index) > len(items)):
        raise bad_patch(f"The index '{index}' is out of bounds of communicationItems.")
    if index == "0" and items:
        item["defaultFlag"] = False
        items.append(item)
    else:
        items.insert(len(items) if index == "-" else int(index), item)


def _checked_item(value: Any) -> Json:
    if not isinstance(value, dict):
        raise bad_patch("A communication item must be an object.")
    return {**value, "id": 0}


def _index(text: str, length: int) -> int:
    if not text.isdigit() or int(text) >= length:
        raise bad_patch(f"The index '{text}' is out of bounds of communicationItems.")
    return int(text)


def _patch_item(item: Json, path: list[str], operation: str, value: Any) -> None:
    name = path[0]
    if name not in _ITEM_FIELDS:
        raise bad_patch(f"'{name}' is not a field of a communication item.")
    if len(path) > 1:
        return  # inside a reference: answered with 200, changes nothing
    if operation == "remove":
        if name not in item:
            raise bad_patch(f"The target location 'communicationItems/{name}' does not exist.")
        del item[name]
    else:
        item[name] = value
        if name == "type":
            item.pop("communicationType", None)
