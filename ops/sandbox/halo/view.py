"""A HaloPSA user as truth and verdict look at one."""

from ops.sandbox.halo import fields
from ops.sandbox.halo.state import Halo
from ops.sandbox.http import Json
from ops.sandbox.people import Person

MOBILE = "mobilenumber2"  # where the best known synchronisation writes the mobile number
_OTHER_NUMBERS = {"fax": 2, "homenumber": 3, "mobilenumber": 4}
_MAPPED = frozenset(
    f"id site_id name firstname surname title department inactive azureoid phonenumber {MOBILE} lastupdate".split()
) | {*fields.ADDRESSES, *_OTHER_NUMBERS}


def person_of(halo: Halo, user: Json) -> Person:
    """Read a user; an address keeps its kind when it changes its place."""
    emails = tuple(user[name] for name in fields.ADDRESSES if user[name])
    numbers = tuple((kind, user[name], "") for name, kind in _OTHER_NUMBERS.items() if user[name])
    addresses = tuple((1, address, "") for address in emails)
    return Person(
        id=user["id"],
        company_id=halo.client_of(user),
        active=not user["inactive"],
        first_name=user["firstname"],
        last_name=user["surname"],
        emails=emails,
        phone=user["phonenumber"],
        extension="",
        mobile=user[MOBILE],
        job_title=user["title"],
        department=user["department"],
        object_id=user["azureoid"],
        items=addresses + numbers,
        others=(addresses[1:] if user["emailaddress"] else addresses) + numbers,
        rest={key: value for key, value in user.items() if key not in _MAPPED},
    )
