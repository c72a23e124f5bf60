"""Pages of users and what changes for them: lists that are filtered, jumped to and printed. Pure; rows are streamed.

Whatever is put into a page is escaped and made visible on its way. The page's policy lets nothing be loaded and runs no
script but its own, which is only the filter: without it everything can be read.
"""

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO, Any, Literal, NamedTuple

from jinja2 import Environment, StrictUndefined, Template

from tasks.visible import make_visible

__all__ = ["Fact", "Page", "Section", "write_changes", "write_page"]

Json = dict[str, Any]
Fact = tuple[str, object]
"""A name, and what is shown for it."""
Tone = Literal["good", "bad", "held", "plain"]

PIECES_AT_ONCE = 200  # of the page, written together
MOST_LABELS = 40  # buttons of one list
GROUPS = {"deactivated": "Switched off", "created": "Created", "updated": "Changed"}


class Counted(NamedTuple):
    """How many rows a list has, and how many there are of each changed field, code or rule."""

    rows: int
    labels: Counter[str]


@dataclass(frozen=True)
class Section:
    """One list of a page; `rows` yields rows as a report has them, once more to count them unless `count` does.

    Shown are user_principal_name, display_name, psa_contact_id, psa_company_id; changes (field → [old, new]); code,
    message, psa_error, timestamp; rule; operation; members (a table: columns, rows); remarks (lines). What a row lacks
    is left out."""

    anchor: str
    title: str
    rows: Callable[[], Iterable[Mapping[str, Any]]]
    tone: Tone = "plain"
    note: str = ""
    count: Callable[[], Counted] | None = None
    folded: bool = False  # shown when asked for
    columns: Sequence[str] = ()  # then it is a table: rows have `cells` in place of all else


@dataclass(frozen=True)
class Page:
    """A title with a verdict, facts, numbers, and lists; an empty list is left out."""

    title: str
    sections: Sequence[Section]
    verdict: str = ""
    tone: Tone = "plain"
    facts: Sequence[Fact] = ()
    numbers: Sequence[Fact] = ()


@dataclass(frozen=True)
class _List:
    """A section with its rows counted."""

    section: Section
    count: int
    labels: Sequence[tuple[str, int]]  # fields, codes or rules in its rows, the most frequent first

    def rows(self) -> Iterator[Json]:
        """Yield the rows as the template takes them."""
        return ({**_EMPTY, **row, "labels": _labels_of(row)} for row in self.section.rows())


def write_page(page: Page, out: IO[str]) -> None:
    """Write the page as HTML; some rows are in memory at a time."""
    lists = [counted for counted in map(_count, page.sections) if counted.count]
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; style-src {_hash_of(style)}; script-src {_hash_of(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    stream = _template().stream(page=page, lists=lists, style=style, script=script, policy=policy)
    stream.enable_buffering(PIECES_AT_ONCE)
    out.writelines(stream)


def write_changes(
    out: IO[str],
    *,
    title: str,
    rows: Callable[[], Iterable[Mapping[str, Any]]],
    facts: Sequence[Fact] = (),
    verdict: str = "",
    tone: Tone = "plain",
) -> None:
    """Write a page of changes alone, such as a plan's: rows of created and updated users, as a report has them.

    They are grouped into contacts that would be switched off, made and changed; `rows` is called once to count them,
    and once for each group that has any."""
    page = Page(title, change_sections(rows), verdict=verdict, tone=tone, facts=facts)
    write_page(page, out)


def change_sections(
    rows: Callable[[], Iterable[Mapping[str, Any]]], counted: Mapping[str, Counted] | None = None
) -> list[Section]:
    """Return the lists of changes by what is done to the contact; `counted` is what `count_changes` found in them."""

    @cache
    def counts() -> Mapping[str, Counted]:
        return count_changes(rows()) if counted is None else counted

    def section(anchor: str, title: str) -> Section:
        return Section(
            anchor,
            title,
            lambda: (row for row in rows() if _group_of(row) == anchor),
            count=lambda: counts()[anchor],
        )

    return [section(anchor, title) for anchor, title in GROUPS.items()]


def count_changes(rows: Iterable[Mapping[str, Any]]) -> dict[str, Counted]:
    """Count rows of created and updated users by group (`GROUPS`), in one pass."""
    counts = Counter[str]()
    labels = {group: Counter[str]() for group in GROUPS}
    for row in rows:
        group = _group_of(row)
        counts[group] += 1
        labels[group].update(_labels_of(row))
    return {group: Counted(counts[group], labels[group]) for group in GROUPS}


def _group_of(row: Mapping[str, Any]) -> str:
    return "deactivated" if row.get("deactivated") else str(row["status"])


_SHOWN = "user_principal_name display_name psa_contact_id psa_company_id changes code message psa_error timestamp rule"
_EMPTY: Json = dict.fromkeys([*_SHOWN.split(), "operation", "members", "remarks"])


def _count(section: Section) -> _List:
    count, labels = section.count() if section.count is not None else _count_rows(section.rows())
    return _List(section, count, labels.most_common(MOST_LABELS) if len(labels) > 1 else ())


def _count_rows(rows: Iterable[Mapping[str, Any]]) -> Counted:
    count, labels = 0, Counter[str]()
    for row in rows:
        count += 1
        labels.update(_labels_of(row))
    return Counted(count, labels)


def _labels_of(row: Mapping[str, Any]) -> list[str]:
    """Return what a row can be picked by: its code, its rule, or its changed fields."""
    return [str(row[name]) for name in ("code", "rule") if row.get(name)] or list(row.get("changes") or ())


def _finalize(value: object) -> object:
    """Make what the template shows visible; its own markup stays."""
    if value is None:
        return ""
    return value if hasattr(value, "__html__") else make_visible(str(value))


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_part("page.html"))


@cache
def _part(name: str) -> str:
    """Read a file beside this one."""
    return (files("tasks.pages") / name).read_text(encoding="utf-8")


def _hash_of(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
