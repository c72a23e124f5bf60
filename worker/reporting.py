"""A closed run's report, streamed from the store to wherever it is wanted."""

from typing import IO

from adapters.store import Store
from tasks.report import write_report


def write_run_report(store: Store, run_id: str, out: IO[str]) -> bool:
    """Write the report as one JSON object, a chunk of rows at a time; False, and nothing written, if there is none."""
    head = store.reports.head(run_id)
    if head is None:
        return False
    write_report(head, lambda kind: store.reports.rows(run_id, kind), out)
    return True
