"""How the customers stand, and whether the parts that runs need are there."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from adapters.errors import SyncError
from adapters.store import Store
from tasks.connector import Connector
from tasks.ports import Ports
from worker.api import examples
from worker.api.access import Access, Caller
from worker.api.examples import described
from worker.api.problems import describe_problems
from worker.standing import standings

REFUSED = describe_problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
UNUSABLE = "configuration invalid"
BEAT_SEEN_S = 300.0  # at least: its message goes through a worker, which may be busy
BEAT_ROUNDS = 3  # where beat speaks less often


def standing_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/connectors", tags=["connectors"], responses={**REFUSED, **described(examples.CONNECTORS)})
    def connectors(request: Request) -> JSONResponse:
        """List the connectors that this token sees, worst first."""
        caller = access.caller(request, "read")
        usable, unusable = _known(ports(), caller)
        rows = [{"connector_id": name, "standing": UNUSABLE} for name in unusable]
        return JSONResponse({"connectors": rows + [each.as_json() for each in standings(usable, store())]})

    answers = {**REFUSED, **described(examples.READY), 503: {"description": "Not ready."}}

    @router.get("/readyz", tags=["service"], responses=answers)
    def readyz(request: Request) -> JSONResponse:
        """Say whether broker, workers and beat are there; 503 names what is not."""
        access.caller(request, "read")
        ready = _ready(store(), beat_seen_s=max(BEAT_SEEN_S, BEAT_ROUNDS * ports().timing.dispatch_s))
        status = HTTPStatus.OK if all(ready.values()) else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": all(ready.values()), **ready}, status)

    return router


def _known(ports: Ports, caller: Caller) -> tuple[list[Connector], list[str]]:
    version = ports.configuration.current_version()
    usable, unusable = [], []
    for name in ports.configuration.connectors(version=version) if version else ():
        if caller.sees(name):
            try:
                usable.append(ports.configuration.connector(name, version=version))
            except SyncError:
                unusable.append(name)
    return usable, unusable


def _ready(store: Store, *, beat_seen_s: float) -> dict[str, Any]:
    try:
        beat = store.presence.schedule_age_s() < beat_seen_s
        return {"broker": True, "workers": bool(store.presence.living()), "beat": beat}
    except SyncError:
        return {"broker": False, "workers": False, "beat": False}
