"""The authorisation server: client credentials in, a bearer token out. Signed, so tokens live through a reset."""

import base64
import hashlib
import hmac
import json

from ops.sandbox.halo.state import Halo
from ops.sandbox.http import Answer, Json, Request, json_answer
from ops.sandbox.settings import Settings

_KEY = b"the sandbox's own"


class TokenDesk:
    """Issues and checks tokens."""

    def __init__(self, halo: Halo, settings: Settings) -> None:
        self._halo = halo
        self._settings = settings

    def issue(self, request: Request) -> Answer:
        """Answer the token endpoint."""
        access, form = self._halo.access, request.form
        tenant = request.query.get("tenant")
        is_missing = tenant is None and not self._settings["halo.demand_tenant"]
        if not is_missing and (tenant or "").casefold() != access.tenant.casefold():
            message = "Object reference not set to an instance of an object."
            return json_answer({"ClassName": "System.NullReferenceException", "Message": message}, 500)
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", "The specified grant type is not supported.")
        if form.get("client_id", "").lower() != access.client_id or form.get("client_secret") != access.client_secret:
            status = self._settings["halo.invalid_client_status"]
            return _refused(status, "invalid_client", "The specified client credentials are invalid.")
        if not form.get("scope"):
            return _refused(400, "invalid_scope", "The scope is missing.")
        life_s = self._settings["halo.token_life_s"]
        now = self._halo.clock.now()
        token = {
            "access_token": _sign({"issued": now, "expires": now + life_s}),
            "token_type": "Bearer",
            "expires_in": life_s,
            "scope": form["scope"],
            "refresh_token": None,
            "id_token": None,
        }
        return json_answer(token)

    def is_valid(self, request: Request) -> bool:
        """Whether a request carries a token that is alive."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = _read(token.strip()) if scheme.casefold() == "bearer" else None
        if claims is None:
            return False
        valid_from = self._halo.access.tokens_valid_from
        return bool(self._halo.clock.now() < claims["expires"] and claims["issued"] >= valid_from)


def _refused(status: int, error: str, description: str) -> Answer:
    return json_answer({"error": error, "error_description": description}, status)


def _sign(claims: Json) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode())
    return f"{body.decode()}.{_signature(body)}"


def _signature(body: bytes) -> str:
    return hmac.new(_KEY, body, hashlib.sha256).hexdigest()


def _read(token: str) -> Json | None:
    body, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(body.encode()).encode()):
        return None
    claims: Json = json.loads(base64.urlsafe_b64decode(body))
    return claims
