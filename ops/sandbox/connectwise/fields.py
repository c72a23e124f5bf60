"""The fields of a contact: kinds, lengths, and the shape in which it is answered.

developer.connectwise.com: OpenAPI description of the contact; lengths as installations report them.
"""

from functools import lru_cache
from typing import Any

from ops.sandbox.http import Json

UDF = tuple(f"userDefinedField{n}" for n in range(1, 11))
STRINGS: dict[str, int | None] = {
    "firstName": 30,
    "lastName": 30,
    "title": 50,
    "nickName": 30,
    "significantOther": 30,
    "addressLine1": 50,
    "addressLine2": 50,
    "city": 50,
    "state": 50,
    "zip": 12,
    "school": 50,
    "gender": None,
    "birthDay": None,
    "anniversary": None,
    "presence": None,
    "securityIdentifier": None,
    "facebookUrl": None,
    "twitterUrl": None,
    "linkedInUrl": None,
    "portalPassword": None,
    **dict.fromkeys(UDF, 50),
}
BOOLEANS = (
    "inactiveFlag marriedFlag childrenFlag disablePortalLoginFlag unsubscribeFlag "
    "defaultBillingFlag defaultFlag ignoreDuplicates"
).split()
REFERENCES = ("company", "site", "department", "relationship", "country", "managerContact", "assistantContact")
READ_ONLY = frozenset(
    "id defaultPhoneType defaultPhoneNbr defaultPhoneExtension mobileGuid types companyLocation _info photo".split()
)
NUMBERS = frozenset({"portalSecurityLevel", "defaultMergeContactId"})
PATCHABLE = (
    frozenset(STRINGS)
    | frozenset(BOOLEANS)
    | frozenset(REFERENCES)
    | NUMBERS
    | {"communicationItems", "customFields", "integratorTags", "children"}
)
KNOWN = PATCHABLE | READ_ONLY
ITEM_VALUE_MAX, ITEM_EXTENSION_MAX = 250, 15
DEFAULTS: Json = {
    "inactiveFlag": False,
    "marriedFlag": False,
    "childrenFlag": False,
    "disablePortalLoginFlag": True,
    "unsubscribeFlag": False,
    "defaultBillingFlag": False,
    "defaultFlag": False,
    "ignoreDuplicates": False,
}


def clean(text: str) -> str:
    """What becomes of control characters in JSON: line ends turn into blanks, the others stay (guide, JSON bodies)."""
    return text.replace("\r\n", " ").replace("\r", " ").replace("\n", " ")


@lru_cache(maxsize=512)
def parse_fields(text: str) -> tuple[tuple[str, ...], ...]:
    """Split `fields=id,company/id` into paths."""
    return tuple(tuple(part.strip().split("/")) for part in text.split(",") if part.strip())


def trim(record: Any, paths: tuple[tuple[str, ...], ...]) -> Any:
    """Only the named fields of a record; a path walks into references and collections."""
    if isinstance(record, list):
        return [trim(element, paths) for element in record]
    if not isinstance(record, dict):
        return record
    shown: Json = {}
    deeper: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        name = path[0] if path[0] in record else next((key for key in record if key.lower() == path[0].lower()), None)
        if name is None:
            continue
        if len(path) == 1:
            shown[name] = record[name]
        else:
            deeper.setdefault(name, []).append(path[1:])
    for name, rest in deeper.items():
        if name not in shown:
            shown[name] = trim(record[name], tuple(rest))
    return shown


def definition_of(entry: Json) -> Json:
    """Return the set-up's entry of a custom field, by the field as contacts show it."""
    return {
        "id": entry["id"],
        "podId": 4,
        "caption": entry["caption"],
        "sequenceNumber": 1,
        "screenId": "ct300",
        "fieldTypeIdentifier": "Text",
        "entryTypeIdentifier": "EntryField",
        "requiredFlag": False,
        "displayOnScreenFlag": True,
        "readOnlyFlag": False,
        "_info": {},
    }
