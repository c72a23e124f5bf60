"""What a run reads from Graph and in which order: pure, but for the watermark it is told."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from adapters.records import Run, Watermark
from tasks import codes
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.request import SyncRequest
from tasks.requesting import CARRIES_OUT

DELTA_LINK_LIFETIME_DAYS = (
    7  # devblogs.microsoft.com/microsoft365dev, "Duration of change tracking tokens", read 2026-11-22
)
RENEWED_DAYS = 6  # a connector whose link is that old runs, whatever its schedule says
TRUSTED_DAYS = 6.5  # half a day is left for a run that is late
FRESH_OVERLAP = timedelta(minutes=15)  # Graph's lists lag behind its writes by seconds to minutes
MOST_ONE_BY_ONE = 500  # users of a kept plan; a list of all brings a thousand with each call
DAY_MS = 86_400_000
DECIDED_BEFORE = "decided_before"  # note of a run that reads the users whose decision had ended by then (ms)
FOREIGN = "/"  # begins the ids of users of other tenants

Json = dict[str, Any]


class Choice(NamedTuple):
    """The mode that a run really takes, and the facts its later steps need."""

    mode: str
    notes: Json


def choose(ports: Ports, connector: Connector, request: SyncRequest) -> Choice:
    """Choose between full and incremental, and say why when it differs from what was asked."""
    if request.is_targeted:
        return Choice("incremental", {})
    watermark = ports.memory.watermark(connector.connector_id)
    now_ms = ports.runs.now_ms()
    notes: Json = {} if request.is_narrowed else {DECIDED_BEFORE: now_ms}
    if watermark is not None and is_usable(watermark, connector, now_ms=now_ms):
        notes["delta_link"] = watermark.delta_link
        if watermark.fresh:
            since = datetime.fromtimestamp(watermark.obtained_at_ms / 1000, UTC) - FRESH_OVERLAP
            notes["created_since"] = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    if request.sync_mode == "full":
        return Choice("full", notes)
    reason = _why_full(connector, watermark, now_ms)
    if reason is not None:
        notes["mode_changed"] = reason
        return Choice("full", notes)
    ended = ports.decisions.ended(connector.connector_id, now_ms=now_ms)
    notes["unfinished"] = sorted({*_unfinished(ports, connector), *ended})
    return Choice("incremental", notes)


def _unfinished(ports: Ports, connector: Connector) -> list[str]:
    """Return whom the run reads again: users that failed, and those beside whom one of them was refused."""
    entries = ports.memory.unfinished(connector.connector_id)
    named = {user_id for entry in entries.values() for user_id in entry.get("named", ())}
    return sorted({*entries, *(user_id for user_id in named if not user_id.startswith(FOREIGN))})


def is_usable(watermark: Watermark, connector: Connector, *, now_ms: int) -> bool:
    """Tell whether changes can be read from this delta link, as this connector's configuration needs them."""
    return _is_alive(watermark, now_ms) and watermark.fingerprint == connector.fingerprint


def is_to_be_renewed(watermark: Watermark | None, *, now_ms: int) -> bool:
    """Tell a delta link that would die unless a run replaced it."""
    return watermark is not None and now_ms - watermark.obtained_at_ms >= RENEWED_DAYS * DAY_MS


def _is_alive(watermark: Watermark, now_ms: int) -> bool:
    return now_ms - watermark.obtained_at_ms < TRUSTED_DAYS * DAY_MS


def _why_full(connector: Connector, watermark: Watermark | None, now_ms: int) -> str | None:
    if watermark is None:
        return "this is the connector's first run over the whole tenant"
    if watermark.fingerprint != connector.fingerprint:
        return "the configuration changed since the delta link was saved"
    if not _is_alive(watermark, now_ms):
        return f"the delta link is older than {TRUSTED_DAYS} days (it lives for {DELTA_LINK_LIFETIME_DAYS})"
    if not watermark.full_at_ms:
        return "the last list of all users was not complete"
    if now_ms - watermark.full_at_ms > connector.full_every_s * 1000:
        return "the last full run is longer ago than full_every"
    return None


def first_step(run: Run, request: SyncRequest, *, names_per_page: int) -> Json:
    """Return the step that reads page 0, with all that follow it in `then`."""
    steps = _steps(run, request, names_per_page=names_per_page)
    return follow(steps)


def follow(steps: list[Json], **found: Any) -> Json:
    """Chain the remaining steps; the end carries the delta link that was found on the way."""
    if not steps:
        return {"kind": "end", **found}
    return {**steps[0], "then": steps[1:], **found}


def _steps(run: Run, request: SyncRequest, *, names_per_page: int) -> list[Json]:
    if run.undoes:
        return []  # it goes by the journal of another run
    if CARRIES_OUT in run.notes:
        return _steps_of_plan(run.notes[CARRIES_OUT]["lines"])
    if request.is_targeted:
        # an event names object ids, and a user that is gone is what it tells, not a mistake in its name
        kind = "ids" if run.trigger == "event" else "names"
        return _in_pages(kind, list(request.user_principal_names), names_per_page)
    link = run.notes.get("delta_link")
    alive = link is not None and not run.notes.get("delta_link_dead")
    if run.mode == "incremental":
        steps: list[Json] = [{"kind": "delta", "link": link}]
        if since := run.notes.get("created_since"):
            steps.append({"kind": "created", "since": since})
        return steps + _in_pages("ids", list(run.notes.get("unfinished", ())), names_per_page)
    if request.is_narrowed or run.dry_run:
        return [{"kind": "list"}]
    return [{"kind": "list"}, {"kind": "delta", "link": link}] if alive else [{"kind": "latest"}, {"kind": "list"}]


def _steps_of_plan(lines: int) -> list[Json]:
    """Read the users of a kept plan one by one, or in the list of all where that is cheaper.

    The list has nobody who left: the users whose contact is to be switched off are read one by one all the same."""
    if lines <= MOST_ONE_BY_ONE:
        return [{"kind": "planned"}]
    return [{"kind": "list"}, {"kind": "planned", "operation": "deactivate"}]


def _in_pages(kind: str, names: list[str], size: int) -> list[Json]:
    return [{"kind": kind, "names": names[at : at + size]} for at in range(0, len(names), size)]


def mode_warning(run: Run) -> Json | None:
    """Say that an incremental run became a full one, and why."""
    reason = run.notes.get("mode_changed")
    if not reason:
        return None
    return {
        "user_principal_name": None,
        "code": codes.MODE_CHANGED,
        "message": f"the run was done in full because {reason}",
    }
