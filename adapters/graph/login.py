"""What a login answer means: OAuth errors and AADSTS numbers → errors that say what the operator must do."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import httpx

from adapters.errors import SyncError, TenantError, TransientError, WireError
from adapters.graph.wire import VENDOR
from adapters.transport import read_json, request_id

LOOP_PAUSE_S = 60.0  # AADSTS50196: the same request too often; the block is lifted after minutes

# By AADSTS number, for the operator's sake: what to do is decided by `error`, as Microsoft may change the numbers
# (learn.microsoft.com/entra/identity-platform/reference-error-codes, read 2026-11-22).
_REASONS: Mapping[int, str] = MappingProxyType(
    {
        7000215: "secret_wrong",
        7000222: "secret_expired",
        700027: "certificate_refused",
        700016: "consent_missing",
        700011: "consent_missing",
        7000229: "consent_missing",
        65001: "consent_missing",
        90094: "consent_missing",
        90099: "consent_missing",
        70001: "app_disabled",
        7000112: "app_disabled",
        90002: "tenant_unknown",
        900023: "tenant_unknown",
        90038: "wrong_cloud",
        900382: "wrong_cloud",
        53003: "conditional_access",
        530034: "conditional_access",
        1002012: "scope_refused",
        70011: "scope_refused",
        500011: "scope_refused",
        650057: "scope_refused",
    }
)
_REASONS_BY_ERROR: Mapping[str, str] = MappingProxyType(
    {
        "invalid_client": "credentials_refused",
        "unauthorized_client": "consent_missing",
        "invalid_tenant": "tenant_unknown",
        "invalid_scope": "scope_refused",
        "invalid_resource": "scope_refused",
        "access_denied": "conditional_access",
    }
)
_LOOP_CODES = frozenset({50196, 90055})
_PASSING_CODES = frozenset({90033, 90024, 90006, 90090})


def classify_login(response: httpx.Response) -> SyncError | None:
    """Read a login answer: OAuth errors are the tenant's, whatever their 4xx; what is not JSON came from in between."""
    if not response.is_client_error:
        return None
    facts: dict[str, Any] = {"vendor": VENDOR, "status": response.status_code, "request_id": request_id(response)}
    try:
        body = read_json(response, vendor=VENDOR)
    except WireError:
        return TransientError("login_unreadable", **facts)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, str):
        return WireError("login_answer_unknown", **facts)
    codes = _aadsts(body)
    if _LOOP_CODES.intersection(codes):
        return TransientError("login_loop", retry_after_s=LOOP_PAUSE_S, **facts)
    if error == "temporarily_unavailable" or _PASSING_CODES.intersection(codes):
        return TransientError("login_unavailable", **facts)
    reason = next((_REASONS[code] for code in codes if code in _REASONS), None)
    if reason is None and "openid-configuration" in response.request.url.path:
        reason = "tenant_unknown"
    refusal = TenantError(reason or _REASONS_BY_ERROR.get(error, "login_refused"), **facts)
    refusal.vendor_code = f"AADSTS{codes[0]}" if codes else None
    return refusal


def _aadsts(body: Mapping[str, Any]) -> list[int]:
    listed = body.get("error_codes")
    if isinstance(listed, list) and all(isinstance(code, int) for code in listed):
        return listed
    return [int(code) for code in re.findall(r"AADSTS(\d{4,9})\b", str(body.get("error_description", "")))]
