"""What an adapter says its calls cost: for planning, and for a count that holds it to its word."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The most calls of each method of an adapter that has read what it keeps of the installation.

    `find_contacts` is a look-up by object id and two addresses that finds one contact, `find_namesakes` one by a name
    that finds one."""

    page_size: int  # contacts on a full page of `fetch_contacts`
    page: int = 1  # calls for a page of contacts …
    contact_on_page: int = 0  # … and for each contact on it, where lists do not show all
    walk: int = 0  # once for all pages together
    fetch_schema: int
    fetch_company: int = 1
    fetch_sites: int = 1
    iter_companies: int = 1  # a page
    count_contacts: int = 1
    fetch_contact: int = 1
    fetch_by_ids: int = 1
    find_contacts: int
    find_namesakes: int
    create_contact: int
    update_contact: int

    @property
    def fetch_contacts(self) -> int:
        """The calls of a full page, the first or the last of its walk."""
        return self.walk + self.page + self.contact_on_page * self.page_size

    @property
    def contacts_per_call(self) -> float:
        """How many contacts a call brings while a whole company is read."""
        return self.page_size / max(1, self.page + self.contact_on_page * self.page_size)

    def index(self, contacts: int) -> int:
        """Return the calls that read all contacts of one company: behind a full last page stands an empty one."""
        return self.walk + self.page * (contacts // self.page_size + 1) + self.contact_on_page * contacts
