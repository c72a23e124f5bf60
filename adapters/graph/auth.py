"""Tokens of an app registration in one tenant: MSAL keeps and signs, our transport carries.

MSAL gets a door instead of an HTTP client: what it may call, how long it waits and how a refusal is read is decided by
`adapters.transport` and `adapters.graph.login`, so that MSAL sees successes alone and remembers no failure.
"""

import base64
import binascii
import copy
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from adapters.errors import SyncError, TenantError, TransientError, WireError
from adapters.graph.wire import VENDOR
from adapters.transport import Transport, read_json

SHUT_S = 2.0  # how long a login that broke down is left alone, where it does not say
LONGEST_SHUT_S = 600.0  # a Retry-After beyond that is asked again all the same

# Hosts that discovery may name beside the login's own (learn.microsoft.com/graph/deployments, read 2026-11-22).
_TOKEN_HOSTS: Mapping[str, str] = MappingProxyType({"login.chinacloudapi.cn": "login.partner.microsoftonline.cn"})


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a tenant logs in and where its directory answers; tokens do not cross clouds."""

    login_url: str
    graph_url: str
    scope: str

    @property
    def token_origins(self) -> tuple[str, ...]:
        """Where secrets may go beside `login_url`."""
        host = _TOKEN_HOSTS.get(httpx.URL(self.login_url).host)
        return () if host is None else (f"https://{host}",)


def _cloud(login: str, graph: str) -> Cloud:
    return Cloud(login_url=f"https://{login}", graph_url=f"https://{graph}/v1.0", scope=f"https://{graph}/.default")


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "global": _cloud("login.microsoftonline.com", "graph.microsoft.com"),
        "us_gov_l4": _cloud("login.microsoftonline.us", "graph.microsoft.us"),
        "us_gov_l5": _cloud("login.microsoftonline.us", "dod-graph.microsoft.us"),
        "china": _cloud("login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
    }
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of an app's key. With a SHA-1 thumbprint MSAL signs by RS256, with the certificate alone by PS256."""

    private_key_file: str
    certificate_file: str | None = None
    thumbprint: str | None = None

    def read(self) -> dict[str, str]:
        """Read the files, in MSAL's words. Raises TenantError(certificate_unreadable); file and content stay unsaid."""
        from cryptography import x509  # noqa: PLC0415 - of tens of milliseconds, where no certificate is read
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as x509

        credential: dict[str, str] = {}
        try:
            key = Path(self.private_key_file).read_bytes()
            load_pem_private_key(key, password=None)
            credential["private_key"] = key.decode("ascii")
            if self.certificate_file is not None:
                certificate = Path(self.certificate_file).read_bytes()
                x509.load_pem_x509_certificate(certificate)
                credential["public_certificate"] = certificate.decode("ascii")
        except (OSError, ValueError, TypeError) as exc:  # TypeError: the key is encrypted
            raise TenantError("certificate_unreadable", vendor=VENDOR) from exc
        if self.thumbprint is not None:
            credential["thumbprint"] = self.thumbprint
        return credential


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """Who we are to Entra: one multi-tenant app, or one per customer. Either a secret or a certificate."""

    client_id: str
    secret: str | None = field(default=None, repr=False)
    certificate: Certificate | None = None
    cloud: Cloud = CLOUDS["global"]

    def credential(self) -> str | dict[str, str]:
        """Return what MSAL calls a client credential. Raises TenantError."""
        if self.certificate is not None:
            return self.certificate.read()
        if not self.secret:
            raise TenantError("credentials_missing", vendor=VENDOR)
        return self.secret


class Token(NamedTuple):
    """An access token, and whether it was kept from an earlier call."""

    value: str
    is_kept: bool


class TenantTokens:
    """The tokens of one app in one tenant. Built without network; MSAL's own object is made on first use and kept."""

    def __init__(
        self,
        tenant_id: str,
        app: AppRegistration,
        *,
        login: Transport,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts; `login` must classify by `classify_login`."""
        self._authority = f"{app.cloud.login_url.rstrip('/')}/{quote(tenant_id, safe='')}"
        self._app = app
        self._door = _LoginDoor(login, now=now)
        self._lock = threading.Lock()  # eight threads on a cold MSAL object would ask for eight tokens
        self._msal: Any = None

    def fetch(self) -> Token:
        """Return a valid token, from memory where possible. Raises TenantError, TransientError, WireError."""
        with self._lock:
            return self._acquire()

    def renew(self, refused: str, *, claims: str | None = None) -> Token:
        """Return another token than the refused one; `claims` is the challenge that came with the refusal."""
        with self._lock:
            if claims is None:
                token = self._acquire()
                if token.value != refused:
                    return token  # another thread was faster
                self._msal.remove_tokens_for_client()
            return self._acquire(claims)

    def _acquire(self, claims: str | None = None) -> Token:
        try:
            if self._msal is None:
                self._msal = self._build()
            answer = self._msal.acquire_token_for_client(
                [self._app.cloud.scope],
                claims_challenge=claims,
                http_exceptions=(SyncError,),  # a token due for renewal, but still valid, serves while login is away
            )
            return Token(str(answer["access_token"]), is_kept=answer.get("token_source") == "cache")
        except TenantError:
            self._msal = None  # the key files may have been replaced: read them again next time
            raise
        except (ValueError, KeyError, TypeError, AttributeError):  # MSAL on an answer it did not expect
            # Not chained: the exception may carry the answer.
            raise WireError("login_answer_unknown", vendor=VENDOR) from None

    def _build(self) -> Any:
        import msal  # noqa: PLC0415 - it brings requests; most commands and services never log in

        return msal.ConfidentialClientApplication(
            self._app.client_id,
            client_credential=self._app.credential(),
            authority=self._authority,
            # Otherwise any error is looked up at a public host first, and lost if that host does not answer.
            instance_discovery=False,
            azure_region=False,  # the environment must not choose the login host
            http_client=self._door,
        )


class _LoginDoor:
    """What MSAL expects of an HTTP client. Hands it 2xx with JSON; all else is raised as our error, through it.

    After a trouble that may pass it stays shut for as long as the login asked, or for a moment: the threads that queue
    behind one token must not each wait out the same outage. A refusal is not remembered: a mended secret works at once.
    """

    def __init__(self, login: Transport, *, now: Callable[[], float]) -> None:
        self._login = login
        self._now = now
        self._trouble: TransientError | None = None
        self._shut_until = 0.0

    def get(self, url: str, **_: Any) -> httpx.Response:
        return self._ask(lambda: self._login.get(url, endpoint="openid-configuration"))

    def post(self, url: str, *, data: Mapping[str, Any], headers: Mapping[str, str], **_: Any) -> httpx.Response:
        # MSAL signs assertions as bytes, which httpx would send as their Python notation.
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}
        return self._ask(lambda: self._login.query(url, endpoint="token", form=form, headers=headers))

    def close(self) -> None:
        """Leave the client open: it is shared."""

    def _ask(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        left_s = self._shut_until - self._now()
        if self._trouble is not None and left_s > 0:
            again = copy.copy(self._trouble)
            again.retry_after_s = left_s
            raise again
        try:
            response = send()
        except TransientError as exc:
            self._trouble = exc
            self._shut_until = self._now() + min(exc.retry_after_s or SHUT_S, LONGEST_SHUT_S)
            raise
        read_json(response, vendor=VENDOR)
        return response


class GraphAuth(httpx.Auth):
    """Puts the token on a request, and another one where Graph refuses it: once, and once more for a claims challenge.

    A kept token that meets 403 is exchanged too: consent given meanwhile is only in a new one.
    """

    def __init__(self, tokens: TenantTokens) -> None:
        """Keep where tokens come from."""
        self._tokens = tokens

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send, and send again with another token at most twice."""
        token = self._tokens.fetch()
        tried: set[str] = set()
        while True:
            request.headers["Authorization"] = f"Bearer {token.value}"
            response = yield request
            claims = _claims(response) if response.status_code == httpx.codes.UNAUTHORIZED else None
            remedy = _remedy(response.status_code, has_claims=claims is not None, is_kept=token.is_kept)
            if remedy is None or remedy in tried:
                return
            tried.add(remedy)
            token = self._tokens.renew(token.value, claims=claims)


def _remedy(status: int, *, has_claims: bool, is_kept: bool) -> str | None:
    if status == httpx.codes.UNAUTHORIZED:
        return "answer the challenge" if has_claims else "renew"
    if status == httpx.codes.FORBIDDEN and is_kept:
        return "renew"
    return None


def _claims(response: httpx.Response) -> str | None:
    """Return the claims that Graph demands of the next token, as JSON text (continuous access evaluation)."""
    header = str(response.headers.get("www-authenticate", ""))
    if "insufficient_claims" not in header:
        return None
    found = re.search(r'claims="([^"]+)"', header)
    if found is None:
        return None
    encoded = found[1].translate(str.maketrans("-_", "+/"))
    try:
        text = base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        return text if isinstance(json.loads(text), dict) else None
    except (binascii.Error, ValueError):
        return None
