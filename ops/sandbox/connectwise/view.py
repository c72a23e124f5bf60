"""A ConnectWise contact as truth and verdict look at it."""

from ops.sandbox.connectwise import state
from ops.sandbox.http import Json
from ops.sandbox.people import Person

_MAPPED = frozenset(
    "id firstName lastName title department inactiveFlag userDefinedField10 communicationItems company "
    "defaultPhoneType defaultPhoneNbr defaultPhoneExtension types _info".split()
)


def person_of(contact: Json) -> Person:
    """Read a contact: phones by the kind of item, the default address first."""
    items: list[Json] = contact.get("communicationItems") or []
    emails = sorted((i for i in items if i["communicationType"] == "Email"), key=lambda item: not item["defaultFlag"])
    direct, cell = _of_type(items, state.DIRECT), _of_type(items, state.CELL)
    default_email = emails[0] if emails and emails[0]["defaultFlag"] else None
    mapped = {id(item) for item in (direct, cell, default_email) if item is not None}
    return Person(
        id=contact["id"],
        company_id=contact.get("company", {}).get("id", 0),
        active=not contact["inactiveFlag"],
        first_name=contact["firstName"],
        last_name=contact.get("lastName", ""),
        emails=tuple(item["value"] for item in emails),
        phone=direct["value"] if direct else "",
        extension=direct.get("extension", "") if direct else "",
        mobile=cell["value"] if cell else "",
        job_title=contact.get("title", ""),
        department=contact.get("department", {}).get("name", ""),
        object_id=contact.get("userDefinedField10", ""),
        items=tuple(_facts(item) for item in items),
        others=tuple(_facts(item) for item in items if id(item) not in mapped),
        rest={key: value for key, value in contact.items() if key not in _MAPPED},
    )


def _of_type(items: list[Json], number: int) -> Json | None:
    of_type = [item for item in items if item["type"]["id"] == number]
    return min(of_type, key=lambda item: not item["defaultFlag"], default=None)


def _facts(item: Json) -> tuple[int, str, str]:
    return item["type"]["id"], item["value"], item.get("extension", "")
