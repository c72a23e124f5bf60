"""How far a walk through a contact list has come. Pure.

Forward-only paging gives records by id, each once, whatever changes meanwhile, and a `Link` on every page. A server
that does not know it answers with numbered pages; those are asked for in order of id and sifted for repeats ("Developer
Guide", Pagination, read 2026-11-24). The links are never followed: they name the host the server thinks it has.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.connectwise.wire import VENDOR
from adapters.errors import WireError

PAGE_SIZE = 1000  # the most since 2016.2
CAP_STEP = 25  # the default page size; a server that caps pages below what was asked does so at a multiple of it

_SIZE = re.compile(r"[?&]pagesize=(\d+)")
_NEXT = re.compile(r"<([^>]*)>\s*;[^,<]*\brel\s*=\s*\"?next\b", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """The next page of a walk: after an id (forward), or by number, with the highest id that was handed out."""

    mode: Literal["forward", "numbered"] = "forward"
    at: int = 0
    seen: int = 0

    @property
    def cursor(self) -> str:
        """Write the step as the opaque text that callers keep."""
        return f"{self.mode}:{self.at}:{self.seen}"

    @property
    def params(self) -> dict[str, str | int]:
        """Return what asks for this page."""
        if self.mode == "forward":
            return {"pageSize": PAGE_SIZE, "pageId": self.at}
        return {"pageSize": PAGE_SIZE, "page": self.at, "orderBy": "id asc"}

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that asks for forward-only paging."""
        return {"pagination-type": "forward-only"} if self.mode == "forward" else {}


NUMBERED = Step("numbered", at=1)


def read_cursor(cursor: str | None) -> Step:
    """Read a step back; None begins. Raises ValueError for a text that no step wrote."""
    if cursor is None:
        return Step()
    mode, at, seen = cursor.split(":")
    if mode == "forward":
        return Step("forward", int(at), int(seen))
    if mode == "numbered":
        return Step("numbered", int(at), int(seen))
    raise ValueError(mode)


def next_step(step: Step, ids: Sequence[int], *, link: str | None) -> Step | None:
    """Return the step after a page with these ids; None if it was the last.

    `NUMBERED` after a forward step means that the server ignored it: the page is thrown away, the walk starts over.
    Raises WireError(paging_broken) if records repeat, or an empty first page says that others follow: what was read so
    far would be taken for all there is. A forward-only page says so always."""
    if not ids:
        if step == NUMBERED and _next_link(link):
            raise WireError("paging_broken", vendor=VENDOR)
        return None
    if step.mode == "numbered":
        return _next_number(step, ids, link=link)
    if not _is_rising(ids, above=step.at):
        if step.at:
            raise WireError("paging_broken", vendor=VENDOR)
        return None if _is_last(ids) else NUMBERED
    following = _next_link(link).casefold()
    if _is_last(ids) and not _is_capped(following, most=len(ids)):
        return None
    if step.at == 0 and "pageid=" not in following:
        return NUMBERED
    return Step("forward", at=ids[-1])


def fresh(step: Step, ids: Sequence[int]) -> set[int]:
    """Return the ids of a page that were not handed out before."""
    if step.mode == "numbered" and _is_rising(ids, above=0):
        return {number for number in ids if number > step.seen}
    return set(ids)


def _next_number(step: Step, ids: Sequence[int], *, link: str | None) -> Step | None:
    following = _next_link(link)
    if (link and not following) or (_is_last(ids) and not following):
        return None
    if ids[-1] <= step.seen and _is_rising(ids, above=0):
        if len(ids) < PAGE_SIZE:
            return None  # no paging at all, and everything was on the first page
        raise WireError("paging_broken", vendor=VENDOR)
    return Step("numbered", at=step.at + 1, seen=max(step.seen, ids[-1]))


def _is_last(ids: Sequence[int]) -> bool:
    """Tell a short page, which ends the list, from one that a server capped; more than asked for is everything."""
    return len(ids) > PAGE_SIZE or (len(ids) < PAGE_SIZE and len(ids) % CAP_STEP != 0)


def _is_capped(following: str, *, most: int) -> bool:
    """Tell by the next page's address that the server gives no more than this at once, whatever was asked for."""
    found = _SIZE.search(following)
    return found is not None and int(found[1]) <= most < PAGE_SIZE


def _is_rising(ids: Sequence[int], *, above: int) -> bool:
    return all(low < high for low, high in zip((above, *ids), ids, strict=False))


def _next_link(link: str | None) -> str:
    found = _NEXT.search(link or "")
    return found[1] if found else ""
