"""What Autotask means when it refuses: status and texts → our errors. Pure.

Nearly everything is a 500 with `{"errors": ["text", …]}`, now and then a 200; only the texts tell a refused record from
dead credentials or a server in trouble ("REST API: Creating resources via POST", "Thread limiting", read 2026-11-24).
They may repeat names and addresses; only `vendor_message` carries them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from adapters.answers import THROTTLED, is_html, request_id, retry_after_s
from adapters.autotask.mapping import REFERENCE_FIELDS, TEXT_FIELDS
from adapters.autotask.wire import VENDOR, parse_refusal
from adapters.errors import InstanceError, NotFoundError, RecordError, SyncError, TransientError

CREDENTIALS_REFUSED = "credentials_refused"  # also how a zone answers that the user has moved away from
ENDPOINT_UNKNOWN = "endpoint_unknown"
VENDOR_MESSAGE_LENGTH = 200
THREAD_PAUSE_S = 2.0  # a place is free again a little after its answer
HOUR_PAUSE_S = 60.0  # the hour moves on minute by minute

_DOORS: Mapping[int, str] = {401: CREDENTIALS_REFUSED, 403: "permission_missing"}
_RECORD_STATUSES = frozenset({200, 201, 400, 409, 422, 500})  # where an unknown text refuses the record
_OUR_NAMES: Mapping[str, str] = {
    vendor_name.casefold(): name
    for name, vendor_name in {**TEXT_FIELDS, **REFERENCE_FIELDS, "company": "companyID", "active": "isActive"}.items()
} | {"extension": "phone"}
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_BY_ID = re.compile(r"/(?:\d+|Companies/\d+/Contacts)$", re.IGNORECASE)  # a record, or the writing of one

_PASSING = (
    r"deadlock|time-?out|timed out|try again|temporar|unavailable|maintenance|unexpected error|an error has occurred"
    r"|object reference not set|internal server error"
)

_Facts = dict[str, Any]


def _throttled(wait_s: float) -> Callable[[_Facts], SyncError]:
    return lambda facts: TransientError(THROTTLED, **{"retry_after_s": wait_s, **facts})


# The first that fits the texts, folded for case.
_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[_Facts], SyncError]], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (r"thread threshold|itgenatr005|threads has been exceeded", _throttled(THREAD_PAUSE_S)),
        (r"threshold.*exceeded|exceeded.*threshold|too many requests", _throttled(HOUR_PAUSE_S)),
        (r"integration ?code.*invalid|invalid.*integration ?code", lambda facts: _instance(CREDENTIALS_REFUSED, facts)),
        (r"zone information could not be determined", lambda facts: _instance("zone_unknown", facts)),
        (r"no matching records", lambda facts: NotFoundError("not_found", **_without_wait(facts))),
        (r"adequate permission|(?:not|n't) have.*permission", lambda facts: _instance("permission_missing", facts)),
        (_PASSING, lambda facts: TransientError("server_error", **facts)),
    )
)
_REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"missing required|is required|required field", "required_missing"),
        (r"reference value|does not exist or is invalid", "reference_unknown"),
        (r"unable to find \S+ in the", "field_unknown"),
        (r"maximum length|too long|exceeds the max|truncated", "too_long"),
        (r"already exists|duplicate", "already_exists"),
    )
)


def classify(response: httpx.Response) -> SyncError | None:
    """Return what an answer means; None where its status says it all."""
    status = response.status_code
    may_refuse = not response.is_success or b'errors"' in response.content.lower()
    texts = parse_refusal(response) if may_refuse else None
    facts: _Facts = {"vendor": VENDOR, "status": status, "request_id": request_id(response)}
    if texts is not None:
        return _by_text(texts, facts, asked_s=retry_after_s(response))
    if status in _DOORS:
        return _instance(_DOORS[status], facts)
    return None if response.is_success else _by_status(response, facts)


def _by_status(response: httpx.Response, facts: _Facts) -> SyncError | None:
    """Read a failure without a text of the vendor's."""
    status = response.status_code
    if status == httpx.codes.NOT_FOUND:
        return _not_found(response, facts)
    if response.is_server_error:
        return TransientError("server_error", **facts)
    if status in _RECORD_STATUSES:
        return TransientError("html_answer", **facts) if is_html(response) else RecordError("record_refused", **facts)
    return None


def _by_text(texts: tuple[str, ...], facts: _Facts, *, asked_s: float | None) -> SyncError:
    status, text = facts["status"], " ".join(texts)
    folded = " ".join(text.casefold().split())
    asked: _Facts = {} if asked_s is None else {"retry_after_s": asked_s}
    for pattern, meaning in _MEANINGS:
        if pattern.search(folded):
            return meaning({**facts, **asked})
    if status in _DOORS:
        return _instance(_DOORS[status], facts)
    said: _Facts = {"field": field_of(text), "vendor_message": text[:VENDOR_MESSAGE_LENGTH]}
    if status == httpx.codes.NOT_FOUND:
        return NotFoundError("not_found", **facts, **said)
    if status not in _RECORD_STATUSES and status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return TransientError("server_error", **facts, **asked)
    reason = next((reason for pattern, reason in _REASONS if pattern.search(folded)), "record_refused")
    return RecordError(reason, **facts, **said)


def _not_found(response: httpx.Response, facts: _Facts) -> SyncError:
    """Tell a record that is gone from an address that is wrong: a list or a description is always there."""
    if is_html(response) or not _BY_ID.search(response.request.url.path):
        return _instance(ENDPOINT_UNKNOWN, facts)
    return NotFoundError("not_found", **facts)


def _instance(reason: str, facts: _Facts) -> InstanceError:
    return InstanceError(reason, **_without_wait(facts))


def _without_wait(facts: _Facts) -> _Facts:
    return {name: value for name, value in facts.items() if name != "retry_after_s"}


def field_of(text: str) -> str | None:
    """Return the first field that a text names, in our name."""
    return next((name for word in _WORDS.findall(text) if (name := _OUR_NAMES.get(word.casefold()))), None)
