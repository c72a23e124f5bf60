"""A kept plan for people and programs: JSON, CSV, and a page to review it by. Pure; lines are streamed."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from adapters.records import KeptPlan
from tasks.pages import Page, write_page
from tasks.pages.page import GROUPS, change_sections, count_changes
from tasks.report import Json, iso_time
from tasks.report_csv import harmless_cell, show_change
from tasks.visible import to_json

__all__ = [
    "ReadLines",
    "changes_of",
    "count_lines",
    "facts_of",
    "is_to_do",
    "write_plan",
    "write_plan_csv",
    "write_plan_page",
]

ReadLines = Callable[[], Iterable[Json]]
"""Reads the lines from the beginning, each time it is called."""

COLUMNS = (
    "plan",  # its number
    "operation",  # create, update, deactivate
    "user_principal_name",
    "display_name",
    "office365_id",
    "psa_contact_id",  # empty: it is made
    "psa_company_id",
    "changed_fields",  # separated by commas
    "changes",  # "phone: old → new", a line each
    "fingerprint",  # of exactly this change
)
STATES = {None: "waits", "open": "goes on", "done": "done", "stopped": "stopped"}
SHOWN = ("office365_id", "user_principal_name", "display_name", "psa_contact_id", "psa_company_id")


def facts_of(plan: KeptPlan) -> Json:
    """Return what is known of a plan beside its lines."""
    return {
        "plan": plan.number,
        "connector": plan.connector_id,
        "run_id": plan.run_id,
        "trigger": plan.trigger,
        "kept_at": iso_time(datetime.fromtimestamp(plan.kept_at_ms / 1000, UTC)),
        "state": state_of(plan),
        "lines": plan.lines,
        "digest": plan.digest,
        "held": plan.is_held,
        "first_run": plan.is_first,
        "carried_out_by": plan.carried_by or None,
        "replaced_by": plan.replaced_by or None,
        "config_version": plan.config_version,
        "request": plan.request,
    }


def state_of(plan: KeptPlan) -> str:
    """Say in a word what has become of a plan: waits, goes on, done, stopped (a repeat goes on with it), replaced."""
    return "replaced" if plan.replaced_by else STATES[plan.carrier]


def is_to_do(plan: KeptPlan) -> bool:
    """Tell a plan that can be carried out, or carried out to its end."""
    return not plan.replaced_by and plan.carrier in (None, "stopped")


def changes_of(line: Mapping[str, Any]) -> dict[str, list[str | None]]:
    """Return each changed field's old and new value."""
    if "changes" in line:
        return dict(line["changes"])
    return {name: [line["before"].get(name), new] for name, new in line["after"].items()}


def count_lines(lines: Iterable[Mapping[str, Any]]) -> tuple[Counter[str], Counter[str]]:
    """Count lines by operation, and those that change a contact by field."""
    operations, fields = Counter[str](), Counter[str]()
    for line in lines:
        operations[line["operation"]] += 1
        if line["operation"] == "update":
            fields.update(list(changes_of(line)))
    return operations, fields


def write_plan(plan: KeptPlan, read_lines: ReadLines, out: IO[str]) -> None:
    """Write a plan as one JSON object, its lines last."""
    head = ",\n ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in facts_of(plan).items())
    out.write(f'{{{head},\n "changes": [')
    separator = ""
    for line in read_lines():
        out.write(f"{separator}\n  {to_json(_plain(line))}")
        separator = ","
    out.write("]}\n")


def write_plan_csv(plan: KeptPlan, read_lines: ReadLines, out: IO[str]) -> None:
    """Write a line of column names, then each change; every cell is quoted, and none is computed by a spreadsheet."""
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in map(_plain, read_lines()):
        changes = line["changes"]
        cells = line | {
            "plan": plan.number,
            "changed_fields": ",".join(changes),
            "changes": "\n".join(show_change(name, old, new) for name, (old, new) in changes.items()),
        }
        writer.writerow(harmless_cell(cells[column]) for column in COLUMNS)


def write_plan_page(plan: KeptPlan, read_lines: ReadLines, out: IO[str]) -> None:
    """Write a plan as one self-contained page: its changes by what is done, each field's old and new value.

    The lines are read once to count them, and once for each thing that is done."""
    counted = count_changes(_rows(read_lines()))
    numbers = [
        *((title.lower(), counted[group].rows) for group, title in GROUPS.items()),
        *counted["updated"].labels.most_common(),
    ]
    facts = facts_of(plan)
    named = ("connector", "run_id", "trigger", "kept_at", "config_version", "carried_out_by", "replaced_by")
    page = Page(
        f"Plan {plan.number}: {plan.connector_id}",
        change_sections(lambda: _rows(read_lines()), counted),
        verdict=facts["state"],
        tone="held" if is_to_do(plan) else "plain",
        facts=[
            *((name.replace("_", " "), facts[name]) for name in named if facts[name] is not None),
            ("digest", plan.digest[:16]),
            ("to carry it out", command_of(plan)),
        ],
        numbers=numbers,
    )
    write_page(page, out)


def command_of(plan: KeptPlan) -> str:
    """Return the command that carries a plan out."""
    return f"contact-sync approve {plan.run_id}" if plan.is_held else f"contact-sync apply {plan.number}"


def _plain(line: Mapping[str, Any]) -> Json:
    facts = {name: line[name] for name in SHOWN}
    return {
        "operation": line["operation"],
        **facts,
        "changes": changes_of(line),
        "fingerprint": line["fingerprint"],
    }


def _rows(lines: Iterable[Mapping[str, Any]]) -> Iterator[Json]:
    """Yield lines as the page takes rows; that they are created, changed or switched off says their list."""
    for line in lines:
        yield {
            **{name: line[name] for name in SHOWN},
            "status": "created" if line["operation"] == "create" else "updated",
            "deactivated": line["operation"] == "deactivate",
            "changes": changes_of(line),
        }
