"""The body of a call: bounded in size and time, and JSON that means one thing only."""

import asyncio
import json
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from tasks.request import SyncRequest
from worker.api.problems import ProblemError, describe_faults

Model = TypeVar("Model", bound=BaseModel)

MOST_BYTES = 1 << 20  # some ten thousand user principal names
SLOWEST_BODY_S = 10.0


async def read_inputs(request: Request) -> SyncRequest:
    """Return the inputs of a run; no body is none of them. Raises ProblemError, and nothing was done."""
    return await read_as(request, SyncRequest, absent=SyncRequest())


async def read_as(request: Request, model: type[Model], *, absent: Model | None = None) -> Model:
    """Return the JSON of a body, checked; `absent` is what no body means. Raises ProblemError, and nothing was done."""
    body = await read_body(request)
    if absent is not None and not body.strip():
        return absent
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
    _check_json(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        detail = describe_faults(error.errors(include_url=False, include_input=False))
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from None


async def read_body(request: Request) -> bytes:
    """Return a body that is not too large and comes in time. Raises ProblemError.

    A length beside chunks is refused: a proxy that believes the one and we the other would see two requests in one."""
    told = request.headers.get("content-length", "")
    if told and "transfer-encoding" in request.headers:
        detail = "send Content-Length or Transfer-Encoding, not both"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail, Connection="close")
    if told.isdecimal() and (len(told) > len(str(MOST_BYTES)) or int(told) > MOST_BYTES):
        _refuse_large()
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    _refuse_large()
    except TimeoutError:
        detail = f"the body did not come within {SLOWEST_BODY_S:g} s"
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, Connection="close") from None
    return bytes(body)


def _refuse_large() -> NoReturn:
    detail = f"a request has {MOST_BYTES} bytes at most"
    raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, Connection="close")


def _check_json(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _FaultError) else "it cannot be read"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"body: no valid JSON: {reason}") from None


class _FaultError(ValueError):
    """What is wrong with JSON that a lenient reader takes."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _FaultError("a key stands twice")
    return dict(pairs)


def _no_constant(_: str) -> NoReturn:
    raise _FaultError("NaN and Infinity are no JSON")
