"""Refusals over HTTP, as problem+json (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError

from adapters.errors import SyncError, TransientError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
FRAMEWORK = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""What the framework refuses by itself."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


class ProblemError(Exception):
    """Ends a call with a status and the reason; nothing was changed."""

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        """Keep what is answered."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem(status: HTTPStatus, detail: str, **headers: str) -> Response:
    """Return a refusal as problem+json (RFC 9457)."""
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def describe_problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe these refusals for the OpenAPI document."""
    return {
        int(status): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA}}} for status in statuses
    }


def answer_problems(app: FastAPI) -> None:
    """Let every refusal of this application be problem+json, those of the framework too."""

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - registered for it alone
        return problem(error.status, error.detail, **error.headers)

    def answer_framework(status: HTTPStatus) -> None:
        def framework(_: Request, error: Exception) -> Response:
            headers = dict(getattr(error, "headers", None) or {})
            return problem(status, f"{status.phrase.lower()}: see /openapi.json", **headers)

        app.add_exception_handler(int(status), framework)

    def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, describe_faults(error.errors()))

    def away(_: Request, error: Exception) -> Response:
        if isinstance(error, TransientError | OperationalError):
            detail = "the store is away, or busy; ask again with the same Idempotency-Key"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, **{"Retry-After": str(RETRY_AFTER_S)})
        return problem(HTTPStatus.CONFLICT, f"{error}; see `contact-sync check`")

    app.add_exception_handler(ProblemError, refused)
    for status in FRAMEWORK:
        answer_framework(status)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(SyncError, away)
    app.add_exception_handler(OperationalError, away)


def describe_faults(faults: Any) -> str:
    """Say where each input is wrong, and why; values are not repeated."""
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults)
