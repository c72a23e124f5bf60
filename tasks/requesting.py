"""How a run comes to be: the same few lines for the schedule, the command line, the API, events and Flower."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from adapters.records import Run
from tasks import codes
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.request import SyncRequest

BY_ITSELF = frozenset({"schedule", "event", "poll"})  # triggers that office365_sync_enabled switches off
ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is misread over the telephone
ID_LETTERS = 6
KEEPS_PLAN = "keeps_plan"  # note of a dry run whose report is to hold a numbered plan
CARRIES_OUT = "carries_out"  # note of a run that writes the lines of a kept plan and nothing else: run, number, lines
MEANT_FOR = "meant_for"  # the note of a run that goes by an earlier one: tenant and PSA of that one
KEY_KEPT_S = 86_400.0  # a message is delivered again within the visibility time-out, a caller repeats within hours


class RequestRefusedError(Exception):
    """A request that cannot become a run. The message says what is wrong where, and repeats no value."""


def read_inputs(inputs: object) -> SyncRequest:
    """Read the inputs of a run as somebody outside wrote them. Raises RequestRefusedError with every fault at once."""
    if not isinstance(inputs, Mapping):
        raise RequestRefusedError("request: must be an object with the inputs of a run")
    try:
        return SyncRequest.from_run(dict(inputs))
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        known = ", ".join(SyncRequest.model_fields)
        raise RequestRefusedError(f"{'; '.join(faults)} (inputs: {known})") from None


def request_run(
    ports: Ports,
    connector_id: str,
    request: SyncRequest | Mapping[str, Any],
    *,
    trigger: str,
    key: str | None = None,
    keeps_plan: bool = False,
) -> Run:
    """Write a requested run into the ledger and publish its start; returns the run as requested.

    `keeps_plan` makes it a dry run whose report holds a plan. A repeat requests another run, but names the same one
    under the same idempotency key. Raises KeyError for a connector that is not in the published configuration, and
    pydantic's ValidationError for inputs that are not the specified ones.
    """
    asked = request if isinstance(request, SyncRequest) else SyncRequest.from_run(dict(request))
    if keeps_plan:
        asked = asked.model_copy(update={"dry_run": True})
    connector = ports.configuration.connector(connector_id, version=ports.configuration.current_version())
    while True:
        now_ms = ports.runs.now_ms()
        run = new_run(connector, asked, trigger=trigger, run_id=new_run_id(connector_id, at_ms=now_ms), at_ms=now_ms)
        if keeps_plan:
            run = run.model_copy(update={"notes": {**run.notes, KEEPS_PLAN: True}})
        if key is not None:
            run_id = ports.runs.request_once(run, key=key, keep_s=KEY_KEPT_S)
            run = run.model_copy(update={"run_id": run_id})
        elif not ports.runs.request_run(run):
            continue  # somebody was given that id in this very second
        ports.publisher.start_run(run.run_id)
        return run


def request_by_flower(ports: Ports, connector_id: object, inputs: object, *, key: str) -> str:
    """Request the run that a message from Flower asks for, and return its id; a repeat of the message names the same.

    Raises RequestRefusedError, with nothing requested, if connector or inputs are not what they must be."""
    request = read_inputs({} if inputs is None else inputs)
    version = ports.configuration.current_version()
    if not isinstance(connector_id, str) or connector_id not in set(ports.configuration.connectors(version=version)):
        raise RequestRefusedError(
            "connector: must name a published connector: `contact-sync status` lists them"
            ' (kwargs: {"connector": "NAME", "request": {…}})'
        )
    return request_run(ports, connector_id, request, trigger="flower", key=key).run_id


def check_run(ports: Ports, run_id: str) -> None:
    """Raise RequestRefusedError for a run that there never was: a name in its place, in Flower for example."""
    if ports.runs.load_run(run_id) is None and not ports.runs.is_closed(run_id):
        raise RequestRefusedError(
            "run_id: there is no such run; to ask for one, send kwargs"
            ' {"connector": "NAME", "request": {…}} and no args'
        )


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
