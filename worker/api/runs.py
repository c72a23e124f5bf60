"""Runs over HTTP: asked for, looked at, cancelled. One code path with the command line."""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from adapters.records import Run
from adapters.store import Store
from tasks.closing import cancel_run
from tasks.ports import Ports
from tasks.request import SyncRequest
from tasks.requesting import KEY_KEPT_S, request_run
from worker.api import examples
from worker.api.access import Access, Caller
from worker.api.bodies import read_inputs
from worker.api.examples import described
from worker.api.problems import ProblemError, describe_problems
from worker.reporting import write_csv_report, write_html_report, write_run_report

Json = dict[str, Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,126}")
NOT_BLANK = r"\S"
NAMES_ANYTHING = r"[^\s,]"
KEY_PATTERN = r"^[!-~]{1,200}$"
MOST_OFFSET = 10_000
IN_MEMORY = 1 << 20  # bytes of a report before it is spooled to a file
PIECE = 1 << 16
LOOK_AGAIN_S = "2"
REFUSED = describe_problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
UNKNOWN = describe_problems(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
WRONG_BODY = describe_problems(
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
GOES_ON = describe_problems(HTTPStatus.CONFLICT)


@dataclass(frozen=True)
class Format:
    """How a report is written, and what it is for who gets it."""

    write: Callable[[Store, str, IO[str]], bool]
    media_type: str
    headers: dict[str, str]


def as_file(write: Callable[[Store, str, IO[str]], bool], media_type: str) -> Format:
    """Return a format whose answer is kept as a file, is never guessed to be another one, and loads and runs nothing.

    The page's own policy, which knows its script, holds once the file is opened."""
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Format(write, media_type, headers)


JSON = Format(write_run_report, "application/json", {})
FILES = {"csv": as_file(write_csv_report, "text/csv"), "html": as_file(write_html_report, "text/html")}


def _inputs_schema() -> Json:
    """Return the schema of the inputs; what pydantic checks in code stands as patterns: no text is blank."""
    schema = SyncRequest.model_json_schema()
    fields = schema["properties"]
    fields["user_principal_names"]["items"]["pattern"] = NOT_BLANK
    for name, pattern in (
        ("company_id", NOT_BLANK),
        ("department_filter", NAMES_ANYTHING),
        ("office_location_filter", NAMES_ANYTHING),
    ):
        fields[name]["anyOf"][0]["pattern"] = pattern
    return schema


INPUTS = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": _inputs_schema(),
                "example": {"user_principal_names": ["jane.smith@contoso.example"], "dry_run": True},
            }
        }
    }
}
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", pattern=KEY_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=MOST_OFFSET)]
Connector = Annotated[str | None, Query(max_length=63)]


def runs_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["runs"], responses=REFUSED)

    @router.post(
        "/connectors/{connector}/runs",
        status_code=HTTPStatus.ACCEPTED,
        openapi_extra=INPUTS,
        responses={**UNKNOWN, **WRONG_BODY, **described(examples.MADE, status=HTTPStatus.ACCEPTED)},
    )
    async def start(request: Request, connector: str, key: IdempotencyKey = None) -> JSONResponse:
        """Ask for a run with the specified inputs; under the same Idempotency-Key, for the same one for 24 hours."""
        caller = access.caller(request, "run")
        inputs = await read_inputs(request)
        run_id = await run_in_threadpool(request_for, ports(), store(), caller, connector, inputs=inputs, key=key)
        return accepted(run_id, connector)

    @router.get("/runs", responses={**UNKNOWN, **described(examples.RUNS)})
    def listing(request: Request, connector: Connector = None, limit: Limit = 20, offset: Offset = 0) -> JSONResponse:
        """List open runs, on the first page, and closed ones, the newest first."""
        caller = access.caller(request, "read")
        if connector is not None and not caller.sees(connector):
            raise unknown("connector", connector)
        rows = _closed_rows(store(), caller, connector, limit=limit + 1, offset=offset)
        following = offset + limit if len(rows) > limit and offset + limit <= MOST_OFFSET else None
        going_on = [] if offset else _open_rows(store(), caller, connector)
        return JSONResponse({"open": going_on, "closed": rows[:limit], "next_offset": following})

    @router.get("/runs/{run}", responses={**UNKNOWN, **described(examples.REPORT)})
    def look(request: Request, run: str) -> Response:
        """Tell how far a run is, or give its report once it is closed."""
        caller = access.caller(request, "read")
        if (head := find_head(store(), caller, run)) is not None:
            return stream(store(), head["run_id"], JSON)
        if (found := find_open(store(), caller, run)) is not None:
            body = {**_open_row(found), "progress": store().reports.progress(run)}
            return JSONResponse(body, headers={"Retry-After": LOOK_AGAIN_S})
        raise unknown("run", run)

    cancelled = described(examples.CANCELLED, status=HTTPStatus.ACCEPTED)

    @router.post("/runs/{run}/cancel", status_code=HTTPStatus.ACCEPTED, responses={**UNKNOWN, **cancelled})
    def cancel(request: Request, run: str) -> JSONResponse:
        """End a run: users being written are finished, the rest stays unprocessed. A repeat is harmless."""
        caller = access.caller(request, "run")
        if find_open(store(), caller, run) is None and find_head(store(), caller, run) is None:
            raise unknown("run", run)
        state = "cancelling" if cancel_run(ports(), run) else "closed"
        return JSONResponse({"run_id": run, "state": state}, HTTPStatus.ACCEPTED)

    _add_exports(router, store, access)
    return router


def _add_exports(router: APIRouter, store: Callable[[], Store], access: Access) -> None:
    @router.get("/runs/{run}/report.csv", response_class=Response, responses=_described("csv"))
    def table(request: Request, run: str) -> Response:
        """Give a closed run's report as CSV: a line for each user and list, each changed field's old and new value."""
        return _exported(store(), access.caller(request, "read"), run, "csv")

    @router.get("/runs/{run}/report.html", response_class=Response, responses=_described("html"))
    def page(request: Request, run: str) -> Response:
        """Give a closed run's report as one self-contained page."""
        return _exported(store(), access.caller(request, "read"), run, "html")


def accepted(run_id: str, connector: str, **facts: object) -> JSONResponse:
    """Answer that a run is asked for, and where it is watched: 202."""
    location = f"/v1/runs/{run_id}"
    body = {"run_id": run_id, "connector": connector, **facts, "location": location}
    return JSONResponse(body, HTTPStatus.ACCEPTED, headers={"Location": location})


def request_for(
    ports: Ports,
    store: Store,
    caller: Caller,
    connector: str,
    *,
    inputs: SyncRequest,
    key: str | None,
    keeps_plan: bool = False,
) -> str:
    """Ask for a run, and return its id. Raises ProblemError for a connector that is unknown or not the caller's."""
    if not NAME.fullmatch(connector) or not caller.sees(connector):
        raise unknown("connector", connector)
    try:
        ports.configuration.connector(connector, version=ports.configuration.current_version())
    except KeyError:
        raise unknown("connector", connector) from None
    if key is None:
        return request_run(ports, connector, inputs, trigger="api", keeps_plan=keeps_plan).run_id
    what = f"{'plan ' if keeps_plan else ''}{connector}\n{inputs.model_dump_json()}"
    named = claim_key(store, caller, key, what=what)
    return request_run(ports, connector, inputs, trigger="api", key=named, keeps_plan=keeps_plan).run_id


def claim_key(store: Store, caller: Caller, key: str, *, what: str) -> str:
    """Return the caller's key as the ledger knows it. Raises ProblemError if it was used for something else before."""
    named = f"api:{caller.name}:{key}"
    digest = hashlib.sha256(what.encode()).hexdigest()
    if store.runs.claim_key(f"{named}:body", digest, keep_s=KEY_KEPT_S) != digest:
        detail = "Idempotency-Key: was used for another connector or other inputs; send a new one"
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    return named


def unknown(what: str, name: str) -> ProblemError:
    """Return the refusal of a name that there is not, for this caller at least."""
    shown = name if NAME.fullmatch(name) else "of that name"
    gone = ", or its report is not kept any more" if what in {"run", "plan"} else ""
    return ProblemError(HTTPStatus.NOT_FOUND, f"there is no {what} {shown} that this token may see{gone}")


def find_head(store: Store, caller: Caller, run_id: str) -> Json | None:
    """Return the head of a closed run that the caller may see."""
    head = store.reports.head(run_id) if NAME.fullmatch(run_id) else None
    return head if head is not None and caller.sees(head["connector"]) else None


def find_open(store: Store, caller: Caller, run_id: str) -> Run | None:
    """Return an open run that the caller may see."""
    run = store.runs.load_run(run_id) if NAME.fullmatch(run_id) else None
    return run if run is not None and caller.sees(run.connector_id) else None


def _open_rows(store: Store, caller: Caller, connector: str | None) -> list[Json]:
    runs = [run for run in store.reports.open_runs() if connector in (None, run.connector_id)]
    return [_open_row(run) for run in reversed(runs) if caller.sees(run.connector_id)]


def _closed_rows(store: Store, caller: Caller, connector: str | None, *, limit: int, offset: int) -> list[Json]:
    """Return a page; a restricted token's is put together from its connectors' own lists."""
    sources: list[str | None] = [*sorted(caller.connectors)] or [None]
    if connector is not None:
        sources = [connector]
    heads = [head for each in sources for head in store.reports.heads(offset + limit, connector_id=each)]
    if len(sources) > 1:
        heads.sort(key=lambda head: str(head["run_id"]), reverse=True)
    return [_closed_row(head) for head in heads[offset : offset + limit]]


def _open_row(run: Run) -> Json:
    return {
        "run_id": run.run_id,
        "connector": run.connector_id,
        "state": run.state.value,
        "stopping": run.stopping,
        "sync_mode": run.mode,
        "trigger": run.trigger,
        "dry_run": run.dry_run,
    }


def _closed_row(head: Json) -> Json:
    names = ("run_id", "connector", "success", "stopped", "sync_mode", "sync_timestamp", "trigger", "statistics")
    return {"state": "closed", "dry_run": bool(head.get("dry_run")), **{name: head.get(name) for name in names}}


def _described(name: str) -> dict[int | str, Json]:
    """Describe an exported report for the OpenAPI document."""
    content = {FILES[name].media_type: {"schema": {"type": "string"}}}
    return {**UNKNOWN, **GOES_ON, 200: {"description": "The report, as a file", "content": content}}


def _exported(store: Store, caller: Caller, run: str, name: str) -> Response:
    if (head := find_head(store, caller, run)) is not None:
        answer = stream(store, head["run_id"], FILES[name])
        answer.headers["Content-Disposition"] = f'attachment; filename="{head["connector"]}-{head["run_id"]}.{name}"'
        return answer
    if find_open(store, caller, run) is not None:
        detail = f"run {run} goes on: its report is there once it is closed"
        raise ProblemError(HTTPStatus.CONFLICT, detail, **{"Retry-After": LOOK_AGAIN_S})
    raise unknown("run", run)


def stream(store: Store, run_id: str, kind: Format) -> Response:
    """Stream the report from a spool, which turns to a file where it is large."""
    spool = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed by the stream
    kind.write(store, run_id, spool)
    spool.seek(0)

    def pieces() -> Iterator[str]:
        with spool:
            while piece := spool.read(PIECE):
                yield piece

    return StreamingResponse(pieces(), media_type=kind.media_type, headers=kind.headers)
