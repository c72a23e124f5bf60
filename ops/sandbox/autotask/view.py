"""An Autotask contact as truth and verdict look at it."""

from ops.sandbox.http import Json
from ops.sandbox.people import Person

_ADDRESSES = ("emailAddress", "emailAddress2", "emailAddress3")
_OTHER_NUMBERS = {"faxNumber": 2, "alternatePhone": 3}
_MAPPED = frozenset(
    "id companyID firstName lastName title isActive externalID phone extension mobilePhone lastModifiedDate "
    "lastActivityDate".split()
) | {*_ADDRESSES, *_OTHER_NUMBERS}


def person_of(contact: Json) -> Person:
    """Read a contact; an address keeps its kind when it changes its place."""
    emails = tuple(contact[name] for name in _ADDRESSES if contact[name])
    numbers = tuple((kind, contact[name], "") for name, kind in _OTHER_NUMBERS.items() if contact[name])
    addresses = tuple((1, address, "") for address in emails)
    is_first_the_default = bool(contact["emailAddress"])
    return Person(
        id=contact["id"],
        company_id=contact["companyID"],
        active=contact["isActive"] == 1,
        first_name=contact["firstName"],
        last_name=contact["lastName"],
        emails=emails,
        phone=contact["phone"],
        extension=contact["extension"],
        mobile=contact["mobilePhone"],
        job_title=contact["title"],
        department="",
        object_id=contact["externalID"] or "",
        items=addresses + numbers,
        others=(addresses[1:] if is_first_the_default else addresses) + numbers,
        rest={key: value for key, value in contact.items() if key not in _MAPPED},
    )
