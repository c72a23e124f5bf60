"""What a closed run has to tell: put away by the step that closes it, for whoever looks for incidents. Pure."""

from typing import Any

from adapters.records import Run
from adapters.records.runs import CANCELLED
from tasks import codes
from tasks.request import SyncRequest

Json = dict[str, Any]

NO_FAILURE = frozenset({CANCELLED, codes.CONNECTOR_BUSY, codes.UNKNOWN_CONNECTOR})
EVERYWHERE = {codes.GRAPH_CONNECTION_ERROR: "Microsoft 365", codes.INTERNAL_ERROR: "contact-sync"}
CASES = frozenset({codes.DUPLICATE_CONTACT, codes.COMPANY_MISMATCH, codes.CONTACT_DELETED, codes.DECISION_UNUSABLE})
"""Codes of refused users that wait for a person: each is told once, and is no trouble of a run."""


def fact_of(run: Run, head: Json, *, at_ms: int) -> Json | None:
    """Return what a closed run tells: put away by the step that closes it. None: nothing that anybody must hear of."""
    if run.dry_run or run.stopping in NO_FAILURE:
        return None
    place, reason = _cause(run)
    statistics = head["statistics"]
    request = SyncRequest.from_run(run.request)
    processed = statistics["users_processed"]
    held, claimed = run.notes.get("held") or [], run.notes.get("claimed") or []
    return {
        "kind": "held" if held else "claimed_twice" if claimed else "ended",
        "held": held,
        "claimed": claimed,
        "run_id": run.run_id,
        "connector": run.connector_id,
        "instance": run.instance,
        "failed": bool(run.stopping),
        "place": place,
        "reason": reason,
        "whole": not request.is_narrowed,
        "errors": statistics["errors"],
        "processed": processed if request.is_narrowed else max(processed, statistics["total_office365_users"]),
        "at_ms": at_ms,
    }


def _cause(run: Run) -> tuple[str, str]:
    """Say where a stopped run's trouble is, and what it is; two runs of one cause are one incident."""
    if noted := run.notes.get("cause"):
        return str(noted[0]), str(noted[1])
    code = run.stopping or ""
    place = run.instance if code == codes.PSA_CONNECTION_ERROR else EVERYWHERE.get(code, run.connector_id)
    return place, code
