"""Access tokens, and the credentials that a tenant gives them for.

learn.microsoft.com: "OAuth 2.0 client credentials flow",
"Microsoft identity platform application authentication certificate credentials".
"""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from ops.sandbox.http import Json
from ops.sandbox.microsoft.state import App, Tenant

GRAPH_AUDIENCE = "https://graph.microsoft.com"


class TokenError(Exception):
    """A bearer token that Graph refuses; the message is Graph's own."""


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TokenOffice:
    """Issues and reads tokens of the JWT form, bound to tenant and app, with the roles of that moment."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._key = secrets.token_bytes(32)
        self._read: dict[str, Json] = {}
        self._public_key = certificate.public_key()
        self._thumbprints = {certificate.fingerprint(hashes.SHA1()), certificate.fingerprint(hashes.SHA256())}  # noqa: S303 - x5t is SHA-1 by definition

    def issue(self, tenant: Tenant, app: App, *, lifetime_s: int) -> str:
        """Make a token for Graph."""
        now = tenant.now()
        claims = {
            "aud": GRAPH_AUDIENCE,
            "iss": f"https://sts.windows.net/{tenant.id}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_s,
            "appid": app.client_id,
            "tid": tenant.id,
            "roles": sorted(app.roles),
            "uti": secrets.token_hex(8),
        }
        head = _b64(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        signed = f"{head}.{_b64(json.dumps(claims).encode())}"
        return f"{signed}.{self._sign(signed)}"

    def _sign(self, signed: str) -> str:
        return _b64(hmac.new(self._key, signed.encode(), hashlib.sha256).digest())

    def read(self, token: str) -> Json:
        """Return the claims of a token that was issued here; raises TokenError. Does not look at its dates."""
        if (claims := self._read.get(token)) is not None:
            return claims
        if not token:
            raise TokenError("Access token is empty.")
        if token.count(".") != 2:
            raise TokenError("IDX14100: JWT is not well formed, there are no dots (.).")
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._sign(signed)):
            raise TokenError("CompactToken validation failed with reason code: 80049228.")
        parsed: Json = json.loads(_unb64(signed.partition(".")[2]))
        if len(self._read) > 10_000:
            self._read.clear()
        self._read[token] = parsed
        return parsed

    def is_assertion_good(self, assertion: str, *, app: App, token_endpoint: str) -> bool:
        """Whether a client assertion is signed by the registered certificate for this app and endpoint.

        MSAL writes float dates and padded thumbprints, and repeats an assertion for nine minutes: all that is legal."""
        if not app.accepts_certificate or not isinstance(self._public_key, rsa.RSAPublicKey):
            return False
        try:
            header: dict[str, Any] = jwt.get_unverified_header(assertion)
            thumbprint = _unb64(str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("="))
            claims = jwt.decode(
                assertion,
                self._public_key,
                algorithms=["RS256", "PS256"],
                options={"verify_aud": False, "require": ["exp"]},
            )
        except (jwt.PyJWTError, ValueError):
            return False
        if (
            thumbprint not in self._thumbprints
            or claims.get("iss") != app.client_id
            or claims.get("sub") != app.client_id
        ):
            return False
        audience = str(claims.get("aud", ""))
        return audience == token_endpoint or audience.endswith(token_endpoint.partition("://")[2].partition("/")[2])
