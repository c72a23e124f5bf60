"""A report as CSV for spreadsheets: one line for each user and list. Pure; a row is in memory at a time."""

import csv
from collections.abc import Iterator, Mapping
from typing import IO, Any

from tasks.report import DEACTIVATED, ROW_KINDS, Json, RowsByKind
from tasks.visible import make_visible

__all__ = ["COLUMNS", "harmless_cell", "show_change", "write_csv"]

COLUMNS = (
    "list",  # created_contacts, updated_contacts, deactivated_contacts, errors, warnings, excluded, …
    "user_principal_name",  # empty: it concerns the whole run
    "display_name",
    "office365_id",
    "psa_contact_id",
    "psa_company_id",
    "status",  # created, updated; of a held change: create, update, deactivate
    "changed_fields",  # separated by commas
    "changes",  # "phone: old → new", a line each
    "code",
    "message",
    "psa_error",
    "rule",
    "timestamp",
)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - owasp.org, CSV Injection
NOTHING = "(nothing)"


def write_csv(head: Json, rows_by_kind: RowsByKind, out: IO[str]) -> None:
    """Write a line of column names, then errors, warnings and the other lists; every cell is quoted.

    A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for name, row in _listed(head, rows_by_kind):
        cells = _cells(row) | {"list": name}
        writer.writerow(harmless_cell(cells.get(column)) for column in COLUMNS)


def harmless_cell(value: object) -> str:
    """Return a cell that no spreadsheet computes, with what is hidden in it made visible; line ends stay."""
    text = "" if value is None else str(value)
    shown = "\n".join(make_visible(line) for line in text.split("\n"))
    return f"'{shown}" if text.startswith(FORMULA_STARTS) else shown


def show_change(name: str, old: object, new: object) -> str:
    """Say in one line what becomes of a field."""
    return f"{name}: {old or NOTHING} → {new or NOTHING}"


def _listed(head: Json, rows_by_kind: RowsByKind) -> Iterator[tuple[str, Json]]:
    kinds = sorted(ROW_KINDS, key=lambda kind: kind not in ("errors", "warnings"))
    for kind in kinds:
        for row in head.get(ROW_KINDS[kind], ()):
            yield ROW_KINDS[kind], row
        for row in rows_by_kind(kind):
            yield ROW_KINDS[kind], row
            if row.get("deactivated"):
                yield DEACTIVATED, row


def _cells(row: Mapping[str, Any]) -> dict[str, object]:
    changes = row.get("changes") or {name: [row["before"].get(name), new] for name, new in row.get("after", {}).items()}
    return {
        **row,
        "status": row.get("status") or row.get("operation"),
        "changed_fields": ",".join(row.get("changed_fields") or changes),
        "changes": "\n".join(show_change(name, old, new) for name, (old, new) in changes.items()),
    }
