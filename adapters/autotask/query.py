"""The query language of Autotask's lists: filters, what is asked back, and how much one question may hold. Pure.

"Basic query calls" and "Advanced query features of the REST API" (autotask.net, read 2026-11-24). Whatever comes back
is compared again by the caller, so an answer may hold too much, never too little.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from adapters.autotask.layout import EntraIdField
from adapters.autotask.mapping import EMAIL_FIELDS, REFERENCE_FIELDS, TEXT_FIELDS

MOST_CONDITIONS = 500  # OR conditions in one query; each value of an `in` counts as one
MOST_COMPANIES = 200  # in one question; above that the answer is sifted by company here

Json = dict[str, Any]

_EVERYTHING: Json = {"op": "gte", "field": "id", "value": 0}  # an empty filter is refused


def contact_fields(entra_id: EntraIdField) -> list[str] | None:
    """List what a contact is trimmed to; None where user-defined fields are wanted, which cannot be named there."""
    if entra_id.is_user_defined:
        return None
    names = ["id", "companyID", "isActive", "primaryContact", entra_id.name, "extension"]
    return [*names, *TEXT_FIELDS.values(), *REFERENCE_FIELDS.values()]


def of_companies(company_ids: Sequence[str]) -> list[Json]:
    """Say in which companies; nothing where there are too many to say it."""
    numbers = sorted({int(company_id) for company_id in company_ids if company_id.isascii() and company_id.isdigit()})
    if len(numbers) == 1:
        return [equals("companyID", numbers[0])]
    return [one_of("companyID", numbers)] if len(numbers) <= MOST_COMPANIES else []


def one_of(field: str, values: Sequence[int]) -> Json:
    """Say that a field holds one of these numbers."""
    return {"op": "in", "field": field, "value": list(values)}


def equals(field: str, value: str | int) -> Json:
    """Say that a field holds this."""
    return {"op": "eq", "field": field, "value": value}


def all_of(*conditions: Json) -> list[Json]:
    """Join conditions; everything where there is none."""
    return list(conditions) or [_EVERYTHING]


def any_of(conditions: Sequence[Json]) -> Json:
    """Join alternatives."""
    return conditions[0] if len(conditions) == 1 else {"op": "or", "items": list(conditions)}


def marks(entra_id: str, field: EntraIdField) -> list[Json]:
    """Say that a contact carries this object id, in the spellings in which it may be stored.

    Whether texts compare folded for case is not documented; of user-defined fields a query may name only one."""
    if field.is_user_defined:
        return [{**equals(field.name, entra_id), "udf": True}]
    return [equals(field.name, spelling) for spelling in dict.fromkeys((entra_id, entra_id.lower(), entra_id.upper()))]


def addresses(emails: Iterable[str]) -> list[Json]:
    """Say that a contact has one of these addresses, in any of its three fields."""
    spellings = dict.fromkeys(spelling for email in emails for spelling in (email, email.lower()))
    return [equals(TEXT_FIELDS[name], spelling) for spelling in spellings for name in EMAIL_FIELDS]


def questions(where: list[Json], alternatives: Sequence[Json]) -> Iterator[list[Json]]:
    """Yield filters that together ask for all alternatives, each within what one query may hold."""
    taken = sum(len(condition["value"]) for condition in where if condition["op"] == "in")
    room = MOST_CONDITIONS - taken
    for start in range(0, len(alternatives), room):
        yield [*where, any_of(alternatives[start : start + room])]
