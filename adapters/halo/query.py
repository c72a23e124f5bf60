"""What Halo's lists are asked: inactive ones always, a client, a text, one exact field. Pure.

`search` finds a text anywhere in names, addresses and logins; `advanced_search` compares one field, where the
installation knows it ("Halo API v2", GET /Users; CIPP's Get-HaloUser, read 2026-11-24). Whatever comes back is compared
again by the caller, so an answer may hold too much, never too little.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

Params = dict[str, Any]

EQUALS = 2  # filter_type
SHORTEST_SHARED = 4  # a shorter local part would find half of the client

_UNSPEAKABLE = re.compile(r'["\[\]%]')


_EVERYBODY: Params = {"includeinactive": "true", "includeactive": "true", "order": "id", "orderdesc": "false"}


def list_params(*, page: int, page_size: int, client_id: int | None = None, **further: Any) -> Params:
    """Ask for one page of users, inactive ones included, by id."""
    params: Params = {"pageinate": "true", "page_size": page_size, "page_no": page, **_EVERYBODY}
    return params | ({"client_id": client_id} if client_id is not None else {}) | further


def whole_list_params(*, client_id: int) -> Params:
    """Ask for all users of a client in one answer, inactive ones included, by id."""
    return {"pageinate": "false", **_EVERYBODY, "client_id": client_id}


def only_client(company_ids: Sequence[int]) -> int | None:
    """Return the client to ask for; None where there are several: then the answer is sifted by the caller."""
    return company_ids[0] if len(company_ids) == 1 else None


def equals(field: str, value: str) -> str:
    """Say, as an advanced search, that a field holds this text."""
    return json.dumps([{"filter_name": field, "filter_type": EQUALS, "filter_value": value}], separators=(",", ":"))


def spoken(text: str) -> str:
    """Return the longest part of a text that no server takes for a pattern."""
    return max(_UNSPEAKABLE.split(text), key=len).strip()


def address_terms(addresses: Iterable[str]) -> list[str]:
    """Return the texts whose searches find all of these addresses.

    A user's addresses mostly differ in their domain alone; `ann.example@` finds them all at once."""
    by_local_part: dict[str, list[str]] = {}
    for address in addresses:
        by_local_part.setdefault(address.partition("@")[0].casefold(), []).append(address)
    terms: list[str] = []
    for local_part, alike in by_local_part.items():
        is_shared = len(alike) > 1 and len(local_part) >= SHORTEST_SHARED and not _UNSPEAKABLE.search(local_part)
        terms += [f"{local_part}@"] if is_shared else [spoken(address) for address in alike]
    return [term for term in dict.fromkeys(terms) if term]
