"""What the ledger knows: the guard and what it holds, the user's past, and what is unfinished."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from adapters.records import HistoryEvent
from tasks import guarding, report
from tasks.connector import Connector
from tasks.guarding import COUNTED_TOGETHER_S
from tasks.plans import approving
from tasks.ports import Ports
from tasks.sifting import count_contacts

__all__ = ["guard_of", "history_of", "time_of", "unfinished_of"]

Json = dict[str, Any]

KINDS = ("creations", "deactivations", "rewrites")


def guard_of(ports: Ports, connector: Connector) -> Json:
    """Return the limits as they are now, what counts against them, and what the last run held back."""
    watermark = ports.memory.watermark(connector.connector_id)
    contacts = count_contacts(ports, connector)
    earlier: Counter[str] = Counter()
    for tally in ports.memory.recent_changes(connector.connector_id, within_s=COUNTED_TOGETHER_S).values():
        earlier.update(tally)
    churn = watermark.churn if watermark is not None else ()
    limits = {
        kind: guarding.limit_of(
            getattr(connector.guard, kind),
            guard=connector.guard,
            contacts=contacts,
            usual=guarding.usual_number(churn, kind) if kind != "rewrites" else 0.0,
        )
        for kind in KINDS
    }
    last = next(iter(ports.reports.heads(1, connector_id=connector.connector_id)), None)
    return {
        "in_force": watermark is not None,
        "approved": approving.is_approved(ports, connector),
        "contacts": contacts,
        "limits": limits,
        "within_a_day": dict(sorted(earlier.items())),
        "last_run": last and {"run_id": last["run_id"], "held": last.get("held") or []},
    }


def history_of(ports: Ports, connector: Connector, user_id: str) -> list[Json]:
    """Return a user's last events, the newest first."""
    return [_event(each) for each in reversed(ports.memory.history(connector.home, user_id))]


def unfinished_of(entry: Json | None) -> Json | None:
    """Return why a user is to be tried again, or refused until something changes."""
    if entry is None:
        return None
    row = entry.get("row") or {}
    return {
        "kind": entry["kind"],
        "since": time_of(int(entry["since_ms"])),
        "code": row.get("code"),
        "message": row.get("message"),
    }


def time_of(at_ms: int) -> str:
    """Return a time of the store's clock as ISO 8601."""
    return report.iso_time(datetime.fromtimestamp(at_ms / 1000, UTC))


def _event(event: HistoryEvent) -> Json:
    return {
        "kind": event.kind,
        "run_id": event.run_id,
        "at": time_of(event.at_ms),
        "since": time_of(event.since_ms),
        "times": event.times,
        "detail": event.detail or None,
    }
