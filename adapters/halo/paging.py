"""How far a walk through a list has come. Pure.

Halo numbers its pages and says in each how many records there are in all. Asked for in order of id, so that what is
made meanwhile comes last; what is deleted meanwhile shifts one record past us, which the count shows (`Listings`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.errors import WireError
from adapters.halo.wire import VENDOR

PAGE_SIZE = 100  # what public clients ask for; no greatest size is documented


@dataclass(frozen=True)
class Step:
    """The next page of a list: its number, the records before it, and the previous page's first id."""

    page: int = 1
    seen: int = 0
    first_id: int = 0


def read_cursor(cursor: str | None) -> int:
    """Read the id behind which a walk goes on; None begins. Raises ValueError for what no page answered."""
    return 0 if cursor is None else int(cursor)


def next_step(step: Step, ids: Sequence[int], *, record_count: int | None) -> Step | None:
    """Return the step after a page with these ids; None if it was the last: all are seen, or the page is empty.

    A short page is not the end: a server may cap what was asked for, and one that does not count is walked up to an
    empty page. Raises WireError(paging_broken) if a page comes again: what was read so far would be taken for all."""
    if not ids:
        return None
    if ids[0] == step.first_id:
        raise WireError("paging_broken", vendor=VENDOR)
    seen = step.seen + len(ids)
    is_all = record_count is not None and seen >= record_count
    return None if is_all else replace(step, page=step.page + 1, seen=seen, first_id=ids[0])
