"""The list of a whole client, read at once and handed out behind an id, so that nobody is passed over.

Halo numbers its pages: a user that is deleted while they are read shifts one record past the reader, and the count of
those that are left agrees all the same. Therefore the list is read as one answer (`pageinate=false`) where Halo gives
one, and the walk goes on behind the last id in it, whatever becomes of the users before.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import TransientError, WireError
from adapters.halo import query
from adapters.halo.mapping import is_pseudo_user
from adapters.halo.paging import PAGE_SIZE, Step, next_step
from adapters.halo.wire import VENDOR, Page, WireUser

MOST_READINGS = 3  # of a list that shifts while its pages are read

Fetch = Callable[[Mapping[str, Any]], Page[WireUser]]


@dataclass
class Listings:
    """The clients' lists as they were read last in this process: people by id, short as lists are."""

    left_out: dict[int, int] = field(default_factory=dict)
    """Pseudo-users by client; Halo counts them."""
    _people: dict[int, tuple[WireUser, ...]] = field(default_factory=dict)
    _gives_no_whole: bool = False

    def behind(self, client_id: int, after: int, *, fetch: Fetch, is_new: bool = False) -> tuple[WireUser, ...]:
        """Return the people with a higher id, from the list that this process has, or from a new one: 1 call.

        As many as it has pages of 100 where Halo does not give it at once. Raises WireError for a list that is not the
        client's, TransientError(list_shifted) for one that never stood still."""
        if is_new or client_id not in self._people:
            self._people[client_id] = self._read(client_id, fetch)
        return tuple(row for row in self._people[client_id] if row.id > after)

    def forget(self, client_id: int) -> None:
        """Drop a client's list; its walk is over."""
        self._people.pop(client_id, None)

    def _read(self, client_id: int, fetch: Fetch) -> tuple[WireUser, ...]:
        rows = self._at_once(client_id, fetch)
        if rows is None:
            rows = _by_pages(client_id, fetch)
        if any(is_elsewhere(row, (client_id,)) for row in rows):
            raise WireError("query_ignored", vendor=VENDOR)
        by_id = {row.id: row for row in rows}
        people = tuple(by_id[number] for number in sorted(by_id) if not is_pseudo_user(by_id[number]))
        self.left_out[client_id] = len(by_id) - len(people)
        return people

    def _at_once(self, client_id: int, fetch: Fetch) -> tuple[WireUser, ...] | None:
        """Read the whole list; None where Halo cuts it, does not say how long it is, or takes too long over it."""
        if self._gives_no_whole:
            return None
        try:
            rows, record_count = fetch(query.whole_list_params(client_id=client_id))
        except (TransientError, WireError) as error:
            if error.reason not in ("timeout", "answer_too_large"):
                raise
            rows, record_count = (), None
        if record_count is None or len(rows) < record_count:
            self._gives_no_whole = True
            return None
        return rows


def _by_pages(client_id: int, fetch: Fetch) -> tuple[WireUser, ...]:
    """Read page by page, anew if the number of records falls meanwhile: somebody may have been passed over."""
    for _ in range(MOST_READINGS):
        rows: list[WireUser] = []
        first_count: int | None = None
        step: Step | None = Step()
        while step is not None:
            params = query.list_params(page=step.page, page_size=PAGE_SIZE, client_id=client_id)
            page, record_count = fetch(params)
            if step.page == 1:
                first_count = record_count
                if record_count is None and not page:  # a client has its pseudo-user at least
                    raise WireError("count_missing", vendor=VENDOR)
            elif record_count is not None and first_count is not None and record_count < first_count:
                break
            rows.extend(page)
            step = next_step(step, [row.id for row in page], record_count=record_count)
        else:
            return tuple(rows)
    raise TransientError("list_shifted", vendor=VENDOR)


def is_elsewhere(row: WireUser, clients: Collection[int]) -> bool:
    """Tell a user of another client; a row that names none may be anybody's, its detail tells."""
    return row.client_id > 0 and row.client_id not in clients
