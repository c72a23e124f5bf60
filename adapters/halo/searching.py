"""Looking single users up: which searches are asked, and whom of those that they find it is worth reading.

Halo's `search` knows no equality and finds too much; an object id is found by `advanced_search`, which not every
installation knows. What is found is a list's row: the caller reads the detail and compares.
"""

from collections.abc import Collection, Iterable, Sequence

from adapters.errors import RecordError
from adapters.halo import query
from adapters.halo.client import HaloClient
from adapters.halo.listing import is_elsewhere
from adapters.halo.mapping import entra_id_of, is_pseudo_user
from adapters.halo.paging import PAGE_SIZE
from adapters.halo.setup import AFRESH, Setup
from adapters.halo.wire import WireUser

MOST_MARKED = 20  # more users with one object id: the server has ignored the question


class Searches:
    """The searches of one installation. Thread-safe; remembers what it refuses."""

    def __init__(self, setup: Setup) -> None:
        """Keep what is known of the installation; nothing is sent."""
        self._setup = setup
        self._refuses_advanced_search = False

    def with_text(self, client: HaloClient, text: str, *, clients: Sequence[int]) -> list[WireUser]:
        """Return the people of these clients in whom a text is found: 1 call for a hundred."""
        return _people_of(clients, client.search_users(text, client_id=query.only_client(clients)))

    def with_addresses(
        self, client: HaloClient, addresses: Collection[str], *, terms: Sequence[str], clients: Sequence[int]
    ) -> list[WireUser]:
        """Return those whom these terms find, the likely first."""
        rows = [row for term in terms for row in self.with_text(client, term, clients=clients)]
        return sorted(rows, key=lambda row: _unlikeliness(row, addresses, terms))

    def marked(self, client: HaloClient, entra_id: str, *, clients: Sequence[int]) -> list[WireUser]:
        """Return the rows of the users that carry this object id: 1 call, or the users' report where it is refused."""
        if not self._refuses_advanced_search:
            asked = query.equals(self._setup.layout.entra_id.name, entra_id)
            only = query.only_client(clients)
            params = query.list_params(page=1, page_size=PAGE_SIZE, client_id=only, advanced_search=asked)
            try:
                page = client.fetch_user_page(params)
            except RecordError:
                page = None
            if page is not None and (page.record_count or len(page.rows)) <= MOST_MARKED:
                return _people_of(clients, page.rows)
            self._refuses_advanced_search = True
        report = self._setup.report(client, max_age_s=AFRESH)
        rows = report.rows.values() if report is not None else ()
        return [row for row in rows if (entra_id_of(row, self._setup.layout) or "").casefold() == entra_id.casefold()]


def _people_of(clients: Sequence[int], rows: Iterable[WireUser]) -> list[WireUser]:
    return [row for row in rows if not is_elsewhere(row, clients) and not is_pseudo_user(row)]


def _unlikeliness(row: WireUser, addresses: Collection[str], terms: Iterable[str]) -> int:
    """Order what a search found: the address itself, then rows found by something that lists do not show."""
    visible = [text.casefold() for text in (row.emailaddress, row.name, row.login, row.firstname, row.surname)]
    if visible[0].strip() in addresses:
        return 0
    return 2 if any(term.casefold() in text for term in terms for text in visible) else 1
