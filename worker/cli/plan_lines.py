"""A plan on the terminal: its numbers, and what is done to each contact, field by field."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from adapters.records import KeptPlan
from adapters.store import Store
from tasks.plans.exports import changes_of, count_lines, facts_of
from tasks.report_csv import show_change
from worker.cli.console import make_table, out, plain

__all__ = ["PLAN_COLUMNS", "plan_row", "print_changes", "print_plan"]

PLAN_COLUMNS = ("plan", "connector", "kept at", "changes", "kind", "state", "run")


def print_plan(store: Store, plan: KeptPlan, *, most: int | None) -> None:
    """Print numbers and lines, on standard output."""
    operations, fields = count_lines(store.kept.lines(plan.run_id))
    kind = "what the first automatic run would write" if plan.is_first else "held" if plan.is_held else "asked for"
    facts = facts_of(plan)
    console = out()
    console.print(f"plan {plan.number} of {plan.connector_id}: {kind}; {facts['state']}")
    console.print(f"made {facts['kept_at']} by run {plan.run_id}")
    console.print(f"digest {plan.digest}")
    counted = [*operations.items(), *((f"update of {name}", number) for name, number in fields.most_common())]
    console.print(make_table(["", "contacts"], counted))
    print_changes(store.kept.lines(plan.run_id), most=most)
    if most is not None and plan.lines > most:
        console.print(f"… {plan.lines - most} more: contact-sync plan show {plan.number}")


def print_changes(lines: Iterable[Mapping[str, Any]], *, most: int | None) -> None:
    """Print what is done to each contact, of the first ones only or, by None, of all."""
    target = out().file
    for line in islice(lines, most):
        target.write("".join(f"{plain(text)}\n" for text in _shown(line)))  # print takes six times as long


def _shown(line: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed of a change: whose contact, and each field's old and new value."""
    contact = f" contact {line['psa_contact_id']}" if line["psa_contact_id"] else ""
    yield f"{line.get('operation', 'update')} {line['user_principal_name']}{contact}"
    for name, (old, new) in changes_of(line).items():
        yield f"    {show_change(name, old, new)}"


def plan_row(facts: Mapping[str, object]) -> list[object]:
    """Return what a list of plans shows of one, as `PLAN_COLUMNS`."""
    kind = "first run" if facts["first_run"] else "held" if facts["held"] else "asked for"
    names = ("plan", "connector", "kept_at", "lines")
    return [*(facts[name] for name in names), kind, facts["state"], facts["run_id"]]
