"""How far a walk through a list has come. Pure.

Answers come in order of id, so each page is asked for behind the last id: no record is skipped or repeated, whatever
changes meanwhile. A server that orders otherwise is followed along its `nextPageUrl`, by the same verb with the same
body ("Basic query calls", Pagination, read 2026-11-24).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.autotask.wire import VENDOR
from adapters.errors import WireError

PAGE_SIZE = 500  # the most, and the default

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """The next page of a walk: behind an id, or where the server says; `after` then belongs to the repeated body."""

    after: int | None = None
    link: str | None = None

    @property
    def cursor(self) -> str:
        """Write the step as the opaque text that callers keep."""
        return f"{'' if self.after is None else self.after}|{self.link or ''}"

    @property
    def conditions(self) -> list[Json]:
        """Return what asks for this page."""
        return [] if self.after is None else [{"op": "gt", "field": "id", "value": self.after}]


def read_cursor(cursor: str | None) -> Step:
    """Read a step back; None begins. Raises ValueError for a text that no step wrote."""
    if cursor is None:
        return Step()
    after, bar, link = cursor.partition("|")
    if not bar:
        raise ValueError(cursor)
    return Step(after=int(after) if after else None, link=link or None)


def next_step(step: Step, ids: Sequence[int], *, link: str | None) -> Step | None:
    """Return the step after a page with these ids; None if it was the last.

    A page that is not full ends the list, unless the server knows a next one; behind a full one there may be more,
    whatever the server says. Raises WireError(paging_broken) if the walk does not get ahead: what was read so far would
    be taken for all there is."""
    if step.link is None and ids and _is_rising(ids, above=-1 if step.after is None else step.after):
        return None if link is None and len(ids) < PAGE_SIZE else Step(after=ids[-1])
    repeats = step.link is None and bool(ids) and step.after is not None
    if repeats or (link is not None and link == step.link):
        raise WireError("paging_broken", vendor=VENDOR)
    return Step(after=step.after, link=link) if link else None


def _is_rising(ids: Sequence[int], *, above: int) -> bool:
    return all(low < high for low, high in zip((above, *ids), ids, strict=False))
