"""Decisions over HTTP: what waits for a person, what is decided, deciding and taking it back."""

from collections.abc import Callable, Iterator
from datetime import date
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from adapters.store import Store
from tasks import on_hold, settling
from tasks.connector import Connector
from tasks.ports import Ports
from worker.api.access import Access, Caller
from worker.api.bodies import read_as
from worker.api.examples import described
from worker.api.explanations import UserName
from worker.api.problems import ProblemError, describe_problems
from worker.api.runs import REFUSED, UNKNOWN, WRONG_BODY, unknown
from worker.api.runs import Connector as ConnectorName
from worker.reviewing import decision_rows, waiting

Json = dict[str, Any]

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=100_000)]
NAMED: Json = {
    "connector": "contoso",
    "user_principal_name": "jane.smith@contoso.example",
    "office365_id": "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12",
}
DECISION: Json = {
    **NAMED,
    "action": "link",
    "psa_contact_id": "4711",
    "reason": "asked her",
    "by": "robot",
    "since": "2026-11-25T08:30:00Z",
    "until": None,
    "counts": True,
}
WAITING: Json = {
    **NAMED,
    "kind": "possible duplicate",
    "code": "DuplicateContact",
    "since": "2026-11-25T02:00:09Z",
    "run_id": None,
    "message": "Several contacts could be jane.smith@contoso.example: 4711, 4712",
    "commands": ["contact-sync decide contoso jane.smith@contoso.example create --reason TEXT"],
}
RELEASED: Json = {"connector": "contoso", "released": 1}


class Wanted(BaseModel):
    """What somebody wants to decide about a user."""

    model_config = ConfigDict(extra="forbid")

    action: settling.Action
    reason: str = Field(min_length=1, max_length=settling.MOST_LETTERS)
    psa_contact_id: str = Field(default="", max_length=63, description="Of a link only.")
    until: date | None = Field(default=None, description="The last day on which it counts (UTC).")


BODY: Json = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": Wanted.model_json_schema(),
                "example": {"action": "link", "psa_contact_id": "4711", "reason": "asked her"},
            }
        },
    }
}


def decisions_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the routes; what writes needs the scope `approve`."""
    router = APIRouter(prefix="/v1", tags=["decisions"], responses=REFUSED)

    @router.get("/review", responses={**UNKNOWN, **described({"waiting": [WAITING], "next_offset": None})})
    def review(
        request: Request, connector: ConnectorName = None, limit: Limit = 200, offset: Offset = 0
    ) -> JSONResponse:
        """List what waits for a person, each with the commands that settle it."""
        seen = _seen(ports(), access.caller(request, "read"), connector)
        rows = (row for each in seen for row in waiting(each, store()))
        return JSONResponse(_page("waiting", rows, limit, offset))

    @router.get("/decisions", responses={**UNKNOWN, **described({"decisions": [DECISION], "next_offset": None})})
    def listing(
        request: Request, connector: ConnectorName = None, limit: Limit = 200, offset: Offset = 0
    ) -> JSONResponse:
        """List what was decided about users: what, by whom, when, why and until when."""
        seen = _seen(ports(), access.caller(request, "read"), connector)
        rows = (row for each in seen for row in decision_rows(store(), each.connector_id))
        return JSONResponse(_page("decisions", rows, limit, offset))

    _add_writes(router, ports, access)
    return router


def _add_writes(router: APIRouter, ports: Callable[[], Ports], access: Access) -> None:
    conflict = describe_problems(HTTPStatus.CONFLICT)

    @router.put(
        "/connectors/{connector}/decisions/{user}",
        openapi_extra=BODY,
        responses={**UNKNOWN, **WRONG_BODY, **conflict, **described(DECISION)},
    )
    async def decide(request: Request, connector: str, user: UserName) -> JSONResponse:
        """Settle which contact is a user's; tried out first, and a 409 if a run could not do it. Repeatable."""
        caller = access.caller(request, "approve")
        wanted = await read_as(request, Wanted)
        (chosen,) = _seen(ports(), caller, connector)
        row = await run_in_threadpool(_decide, ports(), chosen, user.strip(), wanted, by=caller.name)
        return JSONResponse(row)

    @router.delete("/connectors/{connector}/decisions/{user}", responses={**UNKNOWN, **described(RELEASED)})
    def release(request: Request, connector: str, user: UserName) -> JSONResponse:
        """Take back what was decided about a user; the next incremental run takes it up."""
        (chosen,) = _seen(ports(), access.caller(request, "approve"), connector)
        try:
            number = on_hold.release(ports(), chosen.connector_id, names=[user.strip()])
        except on_hold.UnknownUsersError:
            raise ProblemError(HTTPStatus.NOT_FOUND, "user: nothing was decided about anybody of that name") from None
        return JSONResponse({"connector": chosen.connector_id, "released": number})


def _decide(ports: Ports, connector: Connector, user: str, wanted: Wanted, *, by: str) -> Json:
    try:
        proposal = settling.Proposal(
            action=wanted.action,
            reason=wanted.reason,
            by=by,
            contact_id=wanted.psa_contact_id.strip(),
            until_ms=None if wanted.until is None else settling.end_of(wanted.until),
        )
        made = settling.decide(ports, connector, user, proposal)
    except settling.DecisionRefusedError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
    return settling.row_of(connector.connector_id, made, now_ms=made.at_ms)


def _seen(ports: Ports, caller: Caller, wanted: str | None) -> list[Connector]:
    """Return the connector that was named, or all that the caller sees. Raises ProblemError: 404."""
    version = ports.configuration.current_version()
    names = [name for name in ports.configuration.connectors(version=version) if caller.sees(name)] if version else []
    if wanted is not None:
        if wanted not in names:
            raise unknown("connector", wanted)
        names = [wanted]
    return [ports.configuration.connector(name, version=version) for name in names]


def _page(name: str, rows: Iterator[Json], limit: int, offset: int) -> Json:
    found = list(islice(rows, offset, offset + limit + 1))
    return {name: found[:limit], "next_offset": offset + limit if len(found) > limit else None}
