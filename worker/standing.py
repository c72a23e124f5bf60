"""How each customer stands: its last run, its open one, its next one, and what is left over; worst first."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.records import Run, Subscribed
from adapters.store import Store
from tasks.connector import Connector
from tasks.report import iso_time
from tasks.scheduling import next_tick

__all__ = ["Standing", "standings"]

OVERDUE_S = 900.0  # a scheduled time that nobody has taken up for so long
WORST_FIRST = ("failed", "overdue", "held", "errors", "never ran", "off", "fine")


@dataclass(frozen=True)
class Standing:
    """One customer."""

    connector_id: str
    standing: str  # one of WORST_FIRST; failed: the last run, or the last whole one; errors: users are left
    is_automatic: bool
    last_run_id: str | None = None
    last_run_at: str | None = None
    success: bool | None = None
    users_processed: int | None = None
    errors: int | None = None
    unfinished: int = 0  # users in the retry set, and refused ones
    next_run_at: str | None = None
    open_run_id: str | None = None
    events: str | None = None  # of changes in Microsoft 365: "subscribed", or what keeps them away; None: none wanted

    def as_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def standings(connectors: Iterable[Connector], store: Store) -> list[Standing]:
    """Return how each of these connectors stands, worst first."""
    now_ms = store.runs.now_ms()
    going_on = {run.connector_id: run for run in store.reports.open_runs()}
    endings = store.totals.endings()
    found = [
        _standing(
            connector,
            store,
            now_ms=now_ms,
            open_run=going_on.get(connector.connector_id),
            has_failed=endings.get(connector.connector_id) == "failed",
        )
        for connector in connectors
    ]
    return sorted(found, key=lambda each: (WORST_FIRST.index(each.standing), each.connector_id))


def _standing(connector: Connector, store: Store, *, now_ms: int, open_run: Run | None, has_failed: bool) -> Standing:
    connector_id = connector.connector_id
    head = next(iter(store.reports.heads(1, connector_id=connector_id)), None)
    is_automatic = connector.office365_sync_enabled and connector.schedule is not None
    last_tick_ms = store.memory.last_tick(connector_id)
    next_ms = _next_ms(connector, last_tick_ms, now_ms) if is_automatic else None
    is_overdue = next_ms is not None and now_ms - next_ms > 1000 * OVERDUE_S
    statistics = head["statistics"] if head else {}
    unfinished = len(store.memory.unfinished(connector_id))
    return Standing(
        connector_id=connector_id,
        standing=_word(
            head,
            has_failed=has_failed,
            is_overdue=is_overdue,
            is_enabled=connector.office365_sync_enabled,
            has_unfinished=unfinished > 0,
        ),
        is_automatic=is_automatic,
        last_run_id=head["run_id"] if head else None,
        last_run_at=head["sync_timestamp"] if head else None,
        success=head["success"] if head else None,
        users_processed=statistics.get("users_processed"),
        errors=statistics.get("errors"),
        unfinished=unfinished,
        next_run_at=None if next_ms is None else iso_time(datetime.fromtimestamp(next_ms / 1000, UTC)),
        open_run_id=open_run.run_id if open_run else None,
        events=_events(store.events.subscription(connector_id)),
    )


def _events(state: Subscribed | None) -> str | None:
    return None if state is None else state.trouble or "subscribed"


def _next_ms(connector: Connector, last_tick_ms: int | None, now_ms: int) -> int | None:
    """Return the first scheduled time after the one that was taken last: in the past, it is overdue."""
    after_ms = now_ms if last_tick_ms is None else last_tick_ms
    return next_tick(str(connector.schedule), connector.timezone, after_ms=after_ms)


def _word(
    head: dict[str, Any] | None, *, has_failed: bool, is_overdue: bool, is_enabled: bool, has_unfinished: bool
) -> str:
    """Say it in a word. A run of one user that ends well hides neither a nightly run that failed nor whom it left."""
    if head is not None and (has_failed or head["stopped"]):
        return "failed"
    if is_overdue:
        return "overdue"
    if head is not None and head.get("held"):
        return "held"
    if head is not None and (has_unfinished or not head["success"]):
        return "errors"
    if not is_enabled:
        return "off"
    return "never ran" if head is None else "fine"
