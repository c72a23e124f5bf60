"""What an answer means, or its absence: Retry-After, request id, JSON or HTML, httpx exceptions, unclassified statuses.

Pure readings that the transport and the vendors' `classify` share; nothing here sends.
"""

import codecs
import json
import math
import re
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx
from pydantic_core import from_json

from adapters.errors import AnswerLostError, SyncError, TransientError, WireError

THROTTLED = "throttled"

_HALVES = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")  # surrogates, escaped or encoded


class AnswerTooLargeError(httpx.StreamError):
    """The body goes on beyond the limit."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("answer too large")


UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""No byte of the request can have left."""

_PERMANENT = (httpx.InvalidURL, httpx.LocalProtocolError, httpx.TooManyRedirects, httpx.StreamError)
_REASONS: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.PoolTimeout, "pool_timeout"),
    (httpx.TimeoutException, "timeout"),
    (httpx.ConnectError, "connect_failed"),
    (httpx.ProxyError, "connect_failed"),
    (httpx.UnsupportedProtocol, "connect_failed"),
    (httpx.NetworkError, "connection_lost"),
    (httpx.RemoteProtocolError, "connection_lost"),
    (httpx.DecodingError, "answer_undecodable"),
    (AnswerTooLargeError, "answer_too_large"),
    (httpx.TooManyRedirects, "redirected"),
)


def map_exception(exc: Exception, *, vendor: str, is_write: bool) -> SyncError:
    """Translate what httpx raised; a write that may have left the house is an AnswerLostError.

    Protocol errors are not chained: their texts quote bytes, of our headers (secrets) or of the answer (people).
    """
    reason = _reason(exc)
    error: SyncError
    if isinstance(exc, UNSENT):
        error = TransientError(reason, vendor=vendor)
    elif is_write:
        error = AnswerLostError(reason, vendor=vendor)
    elif isinstance(exc, _PERMANENT):
        error = WireError(reason, vendor=vendor)
    else:
        error = TransientError(reason, vendor=vendor)
    if not isinstance(exc, httpx.ProtocolError):
        error.__cause__ = exc
    return error


def _reason(exc: Exception) -> str:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "tls_untrusted"
        if isinstance(cause, socket.gaierror):
            return "name_unresolved"
        cause = cause.__cause__ or cause.__context__
    return next((reason for kind, reason in _REASONS if isinstance(exc, kind)), "request_unsendable")


def judge_status(response: httpx.Response, *, vendor: str) -> SyncError | None:
    """Read a status that no vendor table knows; None for success."""
    status = response.status_code
    facts: dict[str, Any] = {"vendor": vendor, "status": status, "request_id": request_id(response)}
    if response.is_success:
        return None
    if response.is_server_error:
        return TransientError("server_error", **facts)
    if status in {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY}:
        return TransientError("timeout", **facts)
    return WireError("redirected" if response.is_redirect else "unexpected_status", **facts)


def may_be_taken(response: httpx.Response, error: SyncError) -> bool:
    """Tell whether a write answered like this may have happened all the same."""
    if not isinstance(error, TransientError) or error.reason == THROTTLED:
        return False
    return response.is_server_error or response.is_success or response.status_code == httpx.codes.REQUEST_TIMEOUT


def is_html(response: httpx.Response) -> bool:
    """Tell a page for people (maintenance, proxy) from an answer, whatever its status."""
    kind = _content_type(response)
    return kind in {"text/html", "application/xhtml+xml"} or (
        not _is_json(kind) and response.content.lstrip()[:1] == b"<"
    )


def request_id(response: httpx.Response) -> str | None:
    """Return the id by which the vendor's support finds this exchange."""
    for name in ("request-id", "x-request-id", "x-correlation-id", "cf-ray"):
        if value := response.headers.get(name):
            return str(value)[:64]
    return None


def retry_after_s(response: httpx.Response, *, wall: Callable[[], float] = time.time) -> float | None:
    """Return the seconds that Retry-After asks for, never negative; None if it is absent or unreadable.

    A date is measured against the answer's own Date where there is one: our clock may differ.
    """
    value = str(response.headers.get("retry-after", "")).strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until = _timestamp(value)
        if until is None:
            return None
        sent = _timestamp(str(response.headers.get("date", "")))
        seconds = until - (wall() if sent is None else sent)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _timestamp(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def read_json(response: httpx.Response, *, vendor: str) -> Any:
    """Parse a body that says it is JSON. Raises WireError(not_json) for anything else, without the body.

    A value that was cut inside an emoji ends in half a character, which strict readers refuse; it becomes U+FFFD."""
    if _is_json(_content_type(response)):
        body = response.content.removeprefix(codecs.BOM_UTF8)
        try:
            return from_json(body, allow_inf_nan=False)
        except ValueError:  # not chained: its text may quote the document
            pass
        if _HALVES.search(body) is not None:
            try:
                return _mend(json.loads(body.decode("utf-8", "surrogatepass"), parse_constant=_refuse))
            except (ValueError, RecursionError):  # not chained: it carries the body
                pass
    raise WireError("not_json", vendor=vendor, status=response.status_code, request_id=request_id(response))


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(entry) for entry in value]
    return {name: _mend(part) for name, part in value.items()} if isinstance(value, dict) else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _content_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _is_json(kind: str) -> bool:
    return kind.endswith(("/json", "+json"))
