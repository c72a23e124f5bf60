"""Plans over HTTP: made, looked at, carried out; and held runs let through. One code path with the command line."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from adapters.records import KeptPlan
from adapters.store import Store
from tasks.plans.applying import Asked, apply_plan, find_held, find_plan
from tasks.plans.exports import facts_of
from tasks.ports import Ports
from tasks.requesting import RequestRefusedError
from worker.api.access import Access, Caller
from worker.api.bodies import read_inputs
from worker.api.examples import MADE, described
from worker.api.problems import ProblemError, describe_problems
from worker.api.runs import (
    INPUTS,
    REFUSED,
    UNKNOWN,
    WRONG_BODY,
    Connector,
    Format,
    IdempotencyKey,
    Limit,
    accepted,
    as_file,
    claim_key,
    find_head,
    find_open,
    request_for,
    stream,
    unknown,
)
from worker.reporting import write_csv_plan, write_html_plan, write_json_plan

Json = dict[str, Any]

MOST_NUMBER = 2**53  # what JSON's readers take for a whole number
JSON = Format(write_json_plan, "application/json", {})
FILES = {"csv": as_file(write_csv_plan, "text/csv"), "html": as_file(write_html_plan, "text/html")}
REFUSED_PLAN = describe_problems(HTTPStatus.CONFLICT)
ASKED: Json = {**MADE, "plan": 7, "is_new": True}
FACTS: Json = {
    "plan": 7,
    "connector": "contoso",
    "run_id": "20261125T020000-contoso-kx3m8p",
    "trigger": "cli",
    "kept_at": "2026-11-25T02:00:09Z",
    "state": "waits",
    "lines": 1,
    "digest": "3fa9c1d07be2c9a6d5c0f1e2b3a495867788990a1b2c3d4e5f60718293a4b5c6",
    "held": False,
    "first_run": False,
    "carried_out_by": None,
    "replaced_by": None,
    "config_version": 12,
    "request": {"sync_mode": "full", "dry_run": False},
}
CHANGE: Json = {
    "operation": "update",
    "office365_id": "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12",
    "user_principal_name": "jane.smith@contoso.example",
    "display_name": "Jane Smith",
    "psa_contact_id": "12346",
    "psa_company_id": "250",
    "changes": {"job_title": ["Clerk", "Buyer"]},
    "fingerprint": "q#mT{x8Zr1~cVw2",
}


Number = Annotated[int, Path(ge=1, le=MOST_NUMBER)]
Offset = Annotated[int, Query(ge=0, le=10_000)]
Digest = Annotated[str | None, Query(pattern="^[0-9a-f]{6,64}$", description="Only if the plan's digest begins so.")]


def plans_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the routes; what writes needs the scope `approve`."""
    router = APIRouter(prefix="/v1", tags=["plans"], responses=REFUSED)

    @router.post(
        "/connectors/{connector}/plans",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=INPUTS,
        responses={**UNKNOWN, **WRONG_BODY, **described(MADE, status=HTTPStatus.ACCEPTED)},
    )
    async def make(request: Request, connector: str, key: IdempotencyKey = None) -> JSONResponse:
        """Ask for a dry run whose report keeps a numbered plan: its number is the report's `plan`."""
        caller = access.caller(request, "run")
        inputs = (await read_inputs(request)).model_copy(update={"dry_run": True})
        run_id = await run_in_threadpool(
            request_for, ports(), store(), caller, connector, inputs=inputs, key=key, keeps_plan=True
        )
        return accepted(run_id, connector)

    @router.get("/plans", responses={**UNKNOWN, **described({"plans": [FACTS], "next_offset": None})})
    def listing(request: Request, connector: Connector = None, limit: Limit = 20, offset: Offset = 0) -> JSONResponse:
        """List the plans that are kept, the newest first: those that were asked for, and those of held runs."""
        caller = access.caller(request, "read")
        if connector is not None and not caller.sees(connector):
            raise unknown("connector", connector)
        names = [connector] if connector is not None else sorted(caller.connectors)
        found = store().kept.newest(offset + limit + 1, connectors=names)[offset:]
        following = offset + limit if len(found) > limit else None
        return JSONResponse({"plans": [facts_of(plan) for plan in found[:limit]], "next_offset": following})

    _add_exports(router, ports, store, access)
    _add_writes(router, ports, store, access)
    return router


def _add_exports(router: APIRouter, ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> None:
    def exported(request: Request, number: int, name: str) -> Response:
        plan = _plan(ports(), access.caller(request, "read"), number)
        answer = stream(store(), plan.run_id, FILES[name])
        answer.headers["Content-Disposition"] = f'attachment; filename="{plan.connector_id}-plan-{plan.number}.{name}"'
        return answer

    @router.get("/plans/{plan}.csv", response_class=Response, responses=_described("csv"))
    def table(request: Request, plan: Number) -> Response:
        """Give a plan as CSV: a line for each contact that would be written, each field's old and new value."""
        return exported(request, plan, "csv")

    @router.get("/plans/{plan}.html", response_class=Response, responses=_described("html"))
    def page(request: Request, plan: Number) -> Response:
        """Give a plan as one self-contained page to review it by."""
        return exported(request, plan, "html")

    @router.get("/plans/{plan}", responses={**UNKNOWN, **described({**FACTS, "changes": [CHANGE]})})
    def look(request: Request, plan: Number) -> Response:
        """Give a plan with all its changes."""
        found = _plan(ports(), access.caller(request, "read"), plan)
        return stream(store(), found.run_id, JSON)


def _add_writes(router: APIRouter, ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> None:
    responses = {**UNKNOWN, **REFUSED_PLAN, **described(ASKED, status=HTTPStatus.ACCEPTED)}

    @router.post("/plans/{plan}/apply", status_code=HTTPStatus.ACCEPTED, responses=responses)
    def apply(request: Request, plan: Number, digest: Digest = None, key: IdempotencyKey = None) -> JSONResponse:
        """Carry out a plan: its changes and nothing else. A repeat names the same run, with or without a key."""
        caller = access.caller(request, "approve")
        found = _plan(ports(), caller, plan)
        if digest is not None and not found.digest.startswith(digest):
            raise ProblemError(HTTPStatus.CONFLICT, f"digest: that of plan {plan} is another one; look at it again")
        return _asked(ports(), store(), caller, found, key=key, what=f"apply {plan}")

    @router.post("/runs/{run}/approve", status_code=HTTPStatus.ACCEPTED, responses=responses)
    def approve(request: Request, run: str, key: IdempotencyKey = None) -> JSONResponse:
        """Let a held run's changes through, exactly those; of a first run, let its connector run by itself, too."""
        caller = access.caller(request, "approve")
        if find_head(store(), caller, run) is None and find_open(store(), caller, run) is None:
            raise unknown("run", run)
        try:
            found = find_held(ports(), run)
        except RequestRefusedError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
        return _asked(ports(), store(), caller, found, key=key, what=f"approve {run}")


def _plan(ports: Ports, caller: Caller, number: int) -> KeptPlan:
    """Return a plan that the caller may see. Raises ProblemError."""
    try:
        plan = find_plan(ports, number)
    except RequestRefusedError:
        raise unknown("plan", str(number)) from None
    if not caller.sees(plan.connector_id):
        raise unknown("plan", str(number))
    return plan


def _asked(ports: Ports, store: Store, caller: Caller, plan: KeptPlan, *, key: str | None, what: str) -> JSONResponse:
    if key is not None:
        claim_key(store, caller, key, what=what)
    try:
        asked: Asked = apply_plan(ports, plan, trigger="api")
    except RequestRefusedError as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
    return accepted(asked.run_id, plan.connector_id, plan=plan.number, is_new=asked.is_new)


def _described(name: str) -> dict[int | str, Json]:
    content = {FILES[name].media_type: {"schema": {"type": "string"}}}
    return {**UNKNOWN, 200: {"description": "The plan, as a file", "content": content}}
