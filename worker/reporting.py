"""A closed run's report, and the plan in it, streamed from the store to wherever they are wanted, some rows at a time.

Every function answers False, and has written nothing, if there is no such report, or no plan in it.
"""

from collections.abc import Callable
from typing import IO

from adapters.records import KeptPlan
from adapters.store import Store
from tasks.plans.exports import ReadLines, write_plan, write_plan_csv, write_plan_page
from tasks.report import Json, RowsByKind, write_report
from tasks.report_csv import write_csv
from tasks.report_page import write_report_page

__all__ = [
    "write_csv_plan",
    "write_csv_report",
    "write_html_plan",
    "write_html_report",
    "write_json_plan",
    "write_run_report",
]


def write_run_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as one JSON object."""
    return _write(write_report, store, run_id, out)


def write_csv_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as CSV, with a line of column names; the line ends are CR LF, as RFC 4180 has them."""
    return _write(write_csv, store, run_id, out)


def write_html_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as one self-contained HTML page."""
    return _write(write_report_page, store, run_id, out)


def write_json_plan(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the plan that a run's report keeps as one JSON object."""
    return _write_plan(write_plan, store, run_id, out)


def write_csv_plan(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the plan as CSV, with a line of column names."""
    return _write_plan(write_plan_csv, store, run_id, out)


def write_html_plan(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the plan as one self-contained HTML page."""
    return _write_plan(write_plan_page, store, run_id, out)


def _write_plan(write: Callable[[KeptPlan, ReadLines, IO[str]], None], store: Store, run_id: str, out: IO[str]) -> bool:
    plan = store.kept.load(run_id)
    if plan is None:
        return False
    write(plan, lambda: store.kept.lines(run_id), out)
    return True


def _write(write: Callable[[Json, RowsByKind, IO[str]], None], store: Store, run_id: str, out: IO[str]) -> bool:
    head = store.reports.head(run_id)
    if head is None:
        return False
    write(head, lambda kind: store.reports.rows(run_id, kind), out)
    return True
