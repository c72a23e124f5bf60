"""The query language of ConnectWise's lists: conditions, what cannot be said in them, and how long a URL may be. Pure.

"Developer Guide", Query String Parameters, Conditions, Escaping Characters, URL Max Length, read 2026-11-24. It knows
no escape for a double quote and gives `[` a meaning: such values are asked for by a part of them. Whatever comes back
is compared again by the caller, so an answer may hold too much, never too little.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

from adapters.connectwise.layout import EntraIdField
from adapters.connectwise.mapping import REFERENCE_FIELDS, TEXT_FIELDS

QUERY_LENGTH = 1640  # escaped: 2,000 less the longest host name, our path, and the parameters of paging
MOST_COMPANIES = 40  # in one condition; above that the answer is sifted by company here

_UNSPEAKABLE = re.compile(r'["\[\]]')


def contact_fields(entra_id: EntraIdField) -> str:
    """List what a contact is trimmed to."""
    names = ["id", *TEXT_FIELDS.values(), "company/id", *REFERENCE_FIELDS]
    names += ["inactiveFlag", "defaultFlag", "defaultBillingFlag", "communicationItems"]
    return ",".join([*names, "customFields" if entra_id.is_custom else entra_id.name])


def of_companies(company_ids: Sequence[str]) -> str:
    """Say in which companies; empty where there are too many to say it."""
    numbers = sorted({int(company_id) for company_id in company_ids if company_id.isascii() and company_id.isdigit()})
    if len(numbers) == 1:
        return f"company/id={numbers[0]}"
    return f"company/id in ({','.join(map(str, numbers))})" if len(numbers) <= MOST_COMPANIES else ""


def of_ids(contact_ids: Sequence[str], *, room: int) -> tuple[list[str], str]:
    """Return the first of these ids that a condition of that length, when escaped, can name, and the condition.

    What is no number is no contact's id: it is returned, and not asked for."""
    taken: list[str] = []
    condition = ""
    for contact_id in contact_ids:
        numbers = ",".join(filter(_is_number, [*taken, contact_id]))
        following = f"id in ({numbers})" if numbers else ""
        if taken and len(quote(following, safe="")) > room:
            break
        taken.append(contact_id)
        condition = following
    return taken, condition


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def encode(params: Mapping[str, str | int]) -> str:
    """Escape a query, a space as %20 and a plus as %2B: a raw plus would be read as a space."""
    return urlencode(params, quote_via=quote, safe="")


def both(*conditions: str) -> str:
    """Join the conditions that are not empty."""
    return " AND ".join(condition for condition in conditions if condition)


def equals(field: str, value: str) -> str:
    """Say that a field holds this text, or at least the longest part of it that can be said; empty if none can."""
    if not _UNSPEAKABLE.search(value):
        return f'{field}="{value}"'
    part = max(_UNSPEAKABLE.split(value), key=len)
    return f'{field} contains "{part}"' if part.strip() else ""


def address_conditions(addresses: Iterable[str], *, room: int) -> Iterator[str]:
    """Yield child conditions that find these addresses, each at most `room` characters long when escaped.

    `AND` binds the type to each address, so that the meaning does not hang on parentheses."""
    waiting = ""
    for address in addresses:
        value = equals("communicationItems/value", address)
        if not value:
            continue
        condition = f'{value} AND communicationItems/communicationType="Email"'
        joined = f"{waiting} OR {condition}" if waiting else condition
        if waiting and len(quote(joined, safe="")) > room:
            yield waiting
            joined = condition
        waiting = joined
    if waiting:
        yield waiting
