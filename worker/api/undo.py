"""Undoing a run over HTTP. One code path with the command line."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints

from adapters.store import Store
from tasks.ports import Ports
from tasks.undo.undoing import UndoRefusedError, request_undo
from worker.api.access import Access, Caller
from worker.api.bodies import read_as
from worker.api.examples import MADE, described
from worker.api.problems import ProblemError
from worker.api.runs import (
    NOT_BLANK,
    REFUSED,
    UNKNOWN,
    WRONG_BODY,
    IdempotencyKey,
    accepted,
    claim_key,
    find_head,
    find_open,
    unknown,
)

Json = dict[str, Any]
Name = Annotated[str, StringConstraints(pattern=NOT_BLANK)]

UNDOES: Json = {**MADE, "undoes": "20261125T020000-contoso-kx3m8p"}


class Asked(BaseModel):
    """Whose writes are undone (nobody named: everybody's), and whether really."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user_principal_names: list[Name] = []
    dry_run: bool = False


BODY: Json = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": Asked.model_json_schema(),
                "example": {"user_principal_names": ["jane.smith@contoso.example"], "dry_run": True},
            }
        }
    }
}


def undo_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the route; it needs the scope `approve`."""
    router = APIRouter(prefix="/v1", tags=["runs"], responses=REFUSED)

    @router.post(
        "/runs/{run}/undo",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=BODY,
        responses={**UNKNOWN, **WRONG_BODY, **described(UNDOES, status=HTTPStatus.ACCEPTED)},
    )
    async def undo(request: Request, run: str, key: IdempotencyKey = None) -> JSONResponse:
        """Take back what a run wrote, as a run of its own; a repeat finds everything undone."""
        caller = access.caller(request, "approve")
        asked = await read_as(request, Asked, absent=Asked())
        return await run_in_threadpool(_undo, ports(), store(), caller, run, asked=asked, key=key)

    return router


def _undo(ports: Ports, store: Store, caller: Caller, run: str, *, asked: Asked, key: str | None) -> JSONResponse:
    if find_head(store, caller, run) is None and find_open(store, caller, run) is None:
        raise unknown("run", run)
    named = claim_key(store, caller, key, what=f"undo {run}\n{asked.model_dump_json()}") if key is not None else None
    try:
        made = request_undo(
            ports, run, names=asked.user_principal_names, dry_run=asked.dry_run, trigger="api", key=named
        )
    except UndoRefusedError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
    return accepted(made.run_id, made.connector_id, undoes=run)
