"""Companies of a PSA that no connector serves: a customer may have been forgotten. Nobody can tell but a person."""

from collections.abc import Collection
from itertools import islice

from adapters.errors import SyncError
from adapters.records import Company
from tasks.ports import Contacts
from tasks.stepping import message_of
from worker.cli.findings import Finding

__all__ = ["MOST_PAGES", "find_unserved"]

WHAT = "companies without a connector"
MOST_PAGES = 50  # calls, each of 100 to 1,000 companies
MOST_NAMED = 10


def find_unserved(psa: str, contacts: Contacts, *, served: Collection[str]) -> Finding:
    """Compare the active companies of a PSA with those that any connector names: a call a page, 50 at most.

    A note in any case: a PSA that keeps its list from us is no fault of a connector."""
    companies: dict[str, Company] = {}
    pages = 0
    try:
        for page in islice(contacts.iter_companies(), MOST_PAGES):
            pages += 1
            companies |= {company.id: company for company in page}
    except SyncError as error:
        detail = f"the PSA's companies could not be listed, so nobody is missed here: {message_of(error)}"
        return Finding(f"(PSA {psa})", WHAT, "note", detail)
    left = [companies[each] for each in sorted(companies, key=lambda each: (len(each), each)) if each not in served]
    looked = f"{len(companies)} active companies" + (", no more were looked at" if pages == MOST_PAGES else "")
    if not left:
        return Finding(f"(PSA {psa})", WHAT, "ok", f"none of {looked}")
    named = ", ".join(f"{company.id} {company.name}" for company in left[:MOST_NAMED])
    more = f" and {len(left) - MOST_NAMED} more (--json names all)" if len(left) > MOST_NAMED else ""
    pairs = tuple((company.id, company.name) for company in left)
    return Finding(f"(PSA {psa})", WHAT, "note", f"{len(left)} of {looked}: {named}{more}", pairs)
