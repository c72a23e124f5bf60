"""A closed run's report for people: what happened, what went wrong and what to do about it."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from rich.text import Text

from adapters.store import Store
from worker.cli.console import make_table, out, plain, shown

__all__ = ["print_report", "print_rows"]

Json = dict[str, Any]

FIRST_ROWS = 10
COMMAND = "contact-sync"
FACTS = ("run_id", "undoes", "connector", "sync_mode", "trigger", "sync_timestamp", "duration_s", "dry_run")


def print_report(store: Store, head: Json, *, most: int | None = FIRST_ROWS, command: str | None = COMMAND) -> None:
    """Print the summary, then errors and warnings, at most so many of each; None prints all.

    `command` is what the reader types to see the rest; None: the report will be gone."""
    console = out()
    console.print(_title(head))
    console.print(shown("  ".join(f"{name} {head[name]}" for name in FACTS if head.get(name) not in (None, "", False))))
    console.print(make_table(["", "users"], head["statistics"].items()))
    for kind in ("errors", "warnings"):
        print_rows(store, head, kind, most=most, command=command)


def print_rows(store: Store, head: Json, kind: str, *, most: int | None, command: str | None = COMMAND) -> None:
    """Print the rows of one kind: those of the whole run first."""
    key = {"unprocessed": "users_unprocessed", "held": "held_changes"}.get(kind, kind)
    rows = _rows(store, head, kind, key)
    first = list(islice(rows, most)) if most is not None else list(rows)
    if not first:
        return
    console = out()
    console.print(make_table(*_columns(kind, first), title=key.replace("_", " ")))
    if next(rows, None) is not None:
        more = "" if command is None else f": {command} report {plain(head['run_id'])} --{kind}"
        console.print(shown(f"… more{more}", style="dim"))


def _title(head: Json) -> Text:
    if head.get("held"):
        word, style = ("dry run: would be held" if head.get("dry_run") else "held"), "bold yellow"
    elif head["success"]:
        word, style = ("dry run: would succeed" if head.get("dry_run") else "success"), "bold green"
    else:
        word, style = "not a success", "bold red"
    return shown(f"{head['connector']}: {word}", style=style)


def _rows(store: Store, head: Json, kind: str, key: str) -> Iterator[Json]:
    yield from head.get(key, ())
    yield from store.reports.rows(head["run_id"], kind)


def _columns(kind: str, rows: Iterable[Json]) -> tuple[list[str], list[list[object]]]:
    if kind in ("errors", "warnings"):
        return ["user", "code", "what happened"], [
            [row["user_principal_name"] or "(the whole run)", row["code"], _words(row)] for row in rows
        ]
    if kind == "held":
        return ["user", "name", "contact", "would be", "old → new"], [
            [
                row["user_principal_name"],
                row["display_name"],
                row["psa_contact_id"],
                f"{row['operation']}d",
                _difference(row),
            ]
            for row in rows
        ]
    if kind == "excluded":
        return ["user", "name", "rule"], [
            [row["user_principal_name"], row["display_name"], row.get("rule")] for row in rows
        ]
    return ["user", "name", "contact", "changed"], [
        [
            row["user_principal_name"],
            row["display_name"],
            row.get("psa_contact_id") or row.get("reason"),
            ", ".join(row.get("changed_fields", ())),
        ]
        for row in rows
    ]


def _difference(row: Json) -> str:
    """Say what would change in one contact; of a new one, its values."""
    before, after = row["before"], row["after"]
    return "; ".join(f"{name}: {before.get(name) or '(nothing)'} → {after[name] or '(nothing)'}" for name in after)


def _words(row: Json) -> str:
    return f"{row['message']} — {row['psa_error']}" if row.get("psa_error") else str(row["message"])
