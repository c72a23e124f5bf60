"""How a run comes to be: the same few lines for the schedule, the command line, the API, events and Flower."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.records import Run
from tasks import codes
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.request import SyncRequest

BY_ITSELF = frozenset({"schedule", "event", "poll"})  # triggers that office365_sync_enabled switches off
ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is misread over the telephone
ID_LETTERS = 6
KEY_KEPT_S = 86_400.0  # a message is delivered again within the visibility time-out, a caller repeats within hours


def request_run(
    ports: Ports, connector_id: str, request: SyncRequest | Mapping[str, Any], *, trigger: str, key: str | None = None
) -> Run:
    """Write a requested run into the ledger and publish its start; returns the run as requested.

    A repeat requests another run, but names the same one under the same idempotency key. Raises KeyError for a
    connector that is not in the published configuration, and pydantic's ValidationError for inputs that are not the
    specified ones.
    """
    asked = request if isinstance(request, SyncRequest) else SyncRequest.from_run(dict(request))
    connector = ports.configuration.connector(connector_id, version=ports.configuration.current_version())
    while True:
        now_ms = ports.runs.now_ms()
        run = new_run(connector, asked, trigger=trigger, run_id=new_run_id(connector_id, at_ms=now_ms), at_ms=now_ms)
        if key is not None:
            run_id = ports.runs.request_once(run, key=key, keep_s=KEY_KEPT_S)
            run = run.model_copy(update={"run_id": run_id})
        elif not ports.runs.request_run(run):
            continue  # somebody was given that id in this very second
        ports.publisher.start_run(run.run_id)
        return run


def new_run(connector: Connector, request: SyncRequest, *, trigger: str, run_id: str, at_ms: int) -> Run:
    """Build the run that this request asks for; pure."""
    warnings = [_disabled_warning(connector)] if _goes_ahead_disabled(connector, trigger) else []
    return Run(
        run_id=run_id,
        connector_id=connector.connector_id,
        instance=connector.psa,
        lane="targeted" if request.is_targeted else "bulk",
        trigger=trigger,
        request=request.model_dump(mode="json"),
        dry_run=request.dry_run,
        requested_at_ms=at_ms,
        notes={"warnings": warnings} if warnings else {},
    )


def new_run_id(connector_id: str, *, at_ms: int) -> str:
    """Return an id that sorts by time and names its connector: 20261124T020000-contoso-ab12cd (UTC)."""
    when = datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y%m%dT%H%M%S")
    letters = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LETTERS))
    return f"{when}-{connector_id}-{letters}"


def _goes_ahead_disabled(connector: Connector, trigger: str) -> bool:
    return not connector.office365_sync_enabled and trigger not in BY_ITSELF


def _disabled_warning(connector: Connector) -> dict[str, Any]:
    return {
        "user_principal_name": None,
        "code": codes.SYNC_DISABLED,
        "message": f"automatic sync of {connector.connector_id} is off (office365_sync_enabled = false); "
        "this run was asked for by hand and goes ahead",
    }
