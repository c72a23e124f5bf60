"""What ConnectWise means when it refuses: status and error body → our errors. Pure.

Decided by status first: the bodies of 401 and 403 vary, and a proxy answers in HTML ("Developer Guide", HTTP Response
Statuses, read 2026-11-24). A body may repeat names and addresses; only `vendor_message` carries its words.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from adapters.answers import is_html, request_id
from adapters.connectwise.mapping import TEXT_FIELDS
from adapters.connectwise.wire import VENDOR, Refusal, parse_refusal
from adapters.errors import InstanceError, NotFoundError, RecordError, SyncError, TransientError

ENDPOINT_UNKNOWN = "endpoint_unknown"  # the codebase is stale or wrong; on the cloud also how a bad key may look
CUSTOM_FIELDS = "customFields"  # as the refused field
VENDOR_MESSAGE_LENGTH = 200

_DOORS: Mapping[int, str] = {401: "credentials_refused", 403: "permission_missing"}
_REASONS: Mapping[str, str] = {  # of the first inner error
    "missingrequiredfield": "required_missing",
    "objectexists": "already_exists",
    "maxlength": "too_long",
    "outofrange": "too_long",
}
_BY_ID = re.compile(r"/apis/3\.0/.+/\d+$", re.IGNORECASE)
_OUR_NAMES: Mapping[str, str] = {vendor_name.casefold(): name for name, vendor_name in TEXT_FIELDS.items()}


def classify(response: httpx.Response) -> SyncError | None:
    """Return what an answer means; None where its status says it all.

    A 500 in JSON is taken as passing, though the guide admits that it may be permanent: the caller's retries end it."""
    status = response.status_code
    if response.is_success:
        return None
    facts: dict[str, Any] = {"vendor": VENDOR, "status": status, "request_id": request_id(response)}
    if response.is_server_error:
        return TransientError("server_error", **facts)
    return _client_error(response, parse_refusal(response), facts)


def _client_error(response: httpx.Response, refusal: Refusal | None, facts: dict[str, Any]) -> SyncError | None:
    status, code = response.status_code, refusal.code.casefold() if refusal else ""
    if code == "security":
        return InstanceError("address_refused", **facts)  # no TLS, or the cloud's host without `api-`
    if status in _DOORS:
        return InstanceError(_DOORS[status], **facts)
    if status == httpx.codes.NOT_FOUND:
        is_missing = code == "notfound" or (refusal is not None and _says_missing(response, refusal))
        return NotFoundError("not_found", **facts) if is_missing else InstanceError(ENDPOINT_UNKNOWN, **facts)
    if status == httpx.codes.BAD_REQUEST:
        return _bad_request(response, refusal, facts)
    return _refused(refusal, facts, reason="conflict") if status == httpx.codes.CONFLICT else None


def _says_missing(response: httpx.Response, refusal: Refusal) -> bool:
    """Tell a record that is gone, in other words than the usual ones, from an address that is wrong."""
    if not refusal.message or refusal.code.casefold() == "connectwiseapi":
        return False
    return _BY_ID.search(response.request.url.path) is not None


def _bad_request(response: httpx.Response, refusal: Refusal | None, facts: dict[str, Any]) -> SyncError:
    if "cannot route" in response.text.casefold():
        return InstanceError(ENDPOINT_UNKNOWN, **facts)
    if refusal is None and is_html(response):
        return TransientError("html_answer", **facts)  # a proxy's page
    return _refused(refusal, facts, reason="record_refused")


def _refused(refusal: Refusal | None, facts: dict[str, Any], *, reason: str) -> RecordError:
    if refusal is None:
        return RecordError(reason, **facts)
    first = refusal.errors[0] if refusal.errors else Refusal()
    texts = [error.message for error in refusal.errors if error.message] or [refusal.message]
    return RecordError(
        _REASONS.get(first.code.casefold(), reason),
        field=field_of(first),
        vendor_message=" ".join(texts)[:VENDOR_MESSAGE_LENGTH] or None,
        **facts,
    )


def field_of(error: Refusal) -> str | None:
    """Return the refused field in our name where we have one: `title`, `/title` and `contact.title` are one."""
    parts = [part for part in re.split(r"[./\[\]]", error.field) if part]
    if len(parts) > 1 and parts[0].casefold() == "contact":
        parts = parts[1:]
    return _OUR_NAMES.get(parts[0].casefold(), parts[0]) if parts else None
