"""A run's report as a page for people: what went wrong first, then what changed, field by field. Pure."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import IO

from tasks.pages import Page, Section, write_page
from tasks.pages.page import Tone, change_sections
from tasks.report import Json, RowKind, RowsByKind

__all__ = ["verdict_of", "write_report_page"]

FACTS = {
    "run_id": "run",
    "sync_mode": "mode",
    "trigger": "asked for by",
    "sync_timestamp": "started",
    "finished_at": "finished",
    "duration_s": "seconds",
    "stopped": "stopped by",
}


def write_report_page(head: Json, rows_by_kind: RowsByKind, out: IO[str]) -> None:
    """Write the report as one self-contained HTML file; a row is in memory at a time, lists are read more than once."""

    def rows(kind: RowKind) -> Callable[[], Iterable[Json]]:
        return lambda: chain(head.get(kind, ()) if kind in ("errors", "warnings") else (), rows_by_kind(kind))

    def changed() -> Iterator[Json]:
        return chain(rows_by_kind("created"), rows_by_kind("updated"))

    verdict, tone = verdict_of(head)
    would = " (dry run: nothing was written)" if head.get("dry_run") else ""
    sections = [
        Section("errors", "Errors", rows("errors"), tone="bad"),
        Section("warnings", "Warnings", rows("warnings")),
        Section("held", "Held back", lambda: map(_held, rows_by_kind("held")), tone="held", note="Not written."),
        *change_sections(changed),
        Section("unprocessed", "Not come to", rows("unprocessed"), tone="held"),
        Section("excluded", "Left out by a rule", rows("excluded"), folded=True),
    ]
    page = Page(
        f"{head['connector']}{would}",
        sections,
        verdict=verdict,
        tone=tone,
        facts=[(name, head[key]) for key, name in FACTS.items() if head.get(key) not in (None, "")],
        numbers=[(name.replace("_", " "), value) for name, value in head["statistics"].items()],
    )
    write_page(page, out)


def verdict_of(head: Json) -> tuple[str, Tone]:
    """Say in a word how a run ended."""
    is_dry = head.get("dry_run")
    if head.get("held"):
        return "would be held" if is_dry else "held", "held"
    if head["success"]:
        return "would succeed" if is_dry else "success", "good"
    return "not a success", "bad"


def _held(row: Json) -> Json:
    return {**row, "changes": {name: [row["before"].get(name), new] for name, new in row["after"].items()}}
