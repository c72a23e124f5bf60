"""The least that a run can cost: pages, writes, and the reads that a vendor's way of writing forces."""

import math
from collections.abc import Iterable
from typing import Any

__all__ = ["FIXED", "forced_reads", "graph_pages", "psa_pages", "read_backs"]

FIXED = 10  # calls that any run may cost beside
GRAPH_PAGE = 999
PSA_PAGES = {"connectwise": 1000, "autotask": 500, "halo": 100}  # as large as documented or usual
BY_ID = {"connectwise": 80, "autotask": 200, "halo": 1}  # contacts of one request: a URL, a filter, one user
READ_FIRST: dict[str, frozenset[str] | None] = {
    "connectwise": frozenset({"email", "phone", "mobile_phone", "fax"}),  # PATCH addresses items by their place
    "autotask": None,  # every one: PATCH answers with an id alone, and says of a contact that has moved nothing
    "halo": frozenset({"first_name", "last_name"}),  # its name is one field of both
}


def graph_pages(users: int) -> int:
    """Return the pages of a tenant's users."""
    return math.ceil(users / GRAPH_PAGE)


def psa_pages(psa: str, contacts: int) -> int:
    """Return the pages of a company's contacts."""
    return math.ceil(contacts / PSA_PAGES[psa])


def forced_reads(psa: str, updated: Iterable[dict[str, Any]]) -> int:
    """Count the updates, as reported, that a read of the contact has to go before."""
    fields = READ_FIRST[psa]
    return sum(fields is None or bool(fields & set(row["changed_fields"])) for row in updated)


def read_backs(psa: str, written: int) -> int:
    """Return the requests that read so many written contacts once more."""
    return math.ceil(written / BY_ID[psa])
