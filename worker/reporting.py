"""A closed run's report, streamed from the store to wherever it is wanted, a chunk of rows in memory at a time.

Every function answers False, and has written nothing, if there is no such report.
"""

from collections.abc import Callable
from typing import IO

from adapters.store import Store
from tasks.report import Json, RowsByKind, write_report
from tasks.report_csv import write_csv
from tasks.report_page import write_report_page

__all__ = ["write_csv_report", "write_html_report", "write_run_report"]


def write_run_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as one JSON object."""
    return _write(write_report, store, run_id, out)


def write_csv_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as CSV, with a line of column names; the line ends are CR LF, as RFC 4180 has them."""
    return _write(write_csv, store, run_id, out)


def write_html_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as one self-contained HTML page."""
    return _write(write_report_page, store, run_id, out)


def _write(write: Callable[[Json, RowsByKind, IO[str]], None], store: Store, run_id: str, out: IO[str]) -> bool:
    head = store.reports.head(run_id)
    if head is None:
        return False
    write(head, lambda kind: store.reports.rows(run_id, kind), out)
    return True
