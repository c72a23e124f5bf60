"""What Halo means when it refuses: status and error body → our errors. Pure.

Decided by status first: error bodies have six shapes and a proxy answers in HTML. A body may repeat names and
addresses; only `vendor_message` carries its words. A 500 is also how Halo answers a body that it could not read; that
one has certainly done nothing, any other may have.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from adapters.answers import is_html, request_id
from adapters.errors import InstanceError, NotFoundError, RecordError, SyncError, TransientError
from adapters.halo.layout import FieldSettings, layout_of
from adapters.halo.wire import VENDOR, Refusal, parse_refusal

ENDPOINT_UNKNOWN = "endpoint_unknown"  # resource_url leads to no API
ADVANCED_SEARCH_REFUSED = "advanced_search_refused"  # not every installation knows every filter
VENDOR_MESSAGE_LENGTH = 200

_DOORS: Mapping[int, str] = {401: "credentials_refused", 403: "permission_missing"}
_REFUSALS = frozenset({400, 409, 422})
_LOGIN_REASONS: Mapping[str, str] = {
    "invalid_client": "credentials_refused",
    "invalid_grant": "credentials_refused",
    "unauthorized_client": "credentials_refused",
    "invalid_scope": "permission_missing",
}
_UNREADABLE = re.compile(r"FormatException|InvalidCastException|JsonReaderException|JsonSerializationException")
_TAKEN = re.compile(r"already (?:been )?(?:in use|used|exists|taken|registered)|duplicate", re.IGNORECASE)
_OUR_NAMES: Mapping[str, str] = {
    **{vendor_name: name for name, vendor_name in layout_of(FieldSettings()).text_fields.items()},
    "mobilenumber": "mobile_phone",
    "site_id": "site",
}


def classify(response: httpx.Response) -> SyncError | None:
    """Return what an answer of the API means; None where its status says it all."""
    if response.is_success:
        return None
    status = response.status_code
    facts: dict[str, Any] = {"vendor": VENDOR, "status": status, "request_id": request_id(response)}
    refusal = parse_refusal(response)
    if any("invalid advanced search parameter" in text.casefold() for text in refusal.texts):
        return RecordError(ADVANCED_SEARCH_REFUSED, **facts)
    if response.is_server_error:
        unread = status == httpx.codes.INTERNAL_SERVER_ERROR and _UNREADABLE.search(refusal.code)
        return _refused(refusal, facts) if unread else TransientError("server_error", **facts)
    return _client_error(response, refusal, facts)


def _client_error(response: httpx.Response, refusal: Refusal, facts: dict[str, Any]) -> SyncError | None:
    status = response.status_code
    if status in _DOORS:
        return InstanceError(_DOORS[status], **facts)
    if status == httpx.codes.NOT_FOUND:
        return NotFoundError("not_found", **facts)  # of a list it means a wrong address, which its caller knows
    if status == httpx.codes.BAD_REQUEST and is_html(response):
        return TransientError("html_answer", **facts)  # a proxy's page
    return _refused(refusal, facts) if status in _REFUSALS else None


def classify_login(response: httpx.Response) -> SyncError | None:
    """Return what an answer of the authorisation server means."""
    status = response.status_code
    facts: dict[str, Any] = {"vendor": VENDOR, "status": status, "request_id": request_id(response)}
    if response.is_success:
        return None
    if response.is_server_error:
        return TransientError("server_error", **facts)
    if status in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        if is_html(response) and status != httpx.codes.UNAUTHORIZED:
            return TransientError("html_answer", **facts)
        return InstanceError(_LOGIN_REASONS.get(parse_refusal(response).code.casefold(), "login_refused"), **facts)
    return InstanceError("login_address_unknown", **facts) if status == httpx.codes.NOT_FOUND else None


def _refused(refusal: Refusal, facts: Mapping[str, Any]) -> RecordError:
    message = " ".join(refusal.texts)
    return RecordError(
        "already_exists" if _TAKEN.search(message) else "record_refused",
        field=field_of(refusal.field),
        vendor_message=message[:VENDOR_MESSAGE_LENGTH] or None,
        **facts,
    )


def field_of(name: str) -> str | None:
    """Return the refused field in our name where we have one: `emailaddress`, `$[0].EmailAddress` are one."""
    parts = [part for part in re.split(r"[./\[\]$]", name) if part and not part.isdigit()]
    return _OUR_NAMES.get(parts[-1].casefold(), parts[-1]) if parts else None
