"""Who we are to Halo: an API application's client credentials, exchanged for a token.

The secret goes to the configured authorisation server alone: what `/authinfo` says of it could lead it elsewhere
("HaloPSA API", Authentication; HaloAPI for PowerShell, Connect-HaloAPI, read 2026-11-24).
"""

import copy
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

import httpx

from adapters.errors import InstanceError, TransientError, WireError
from adapters.halo.wire import VENDOR, WireToken, parse
from adapters.transport import Transport

SCOPE = "all"
RENEW_BEFORE_S = 60.0  # a token that is about to end is not sent: the call may wait for its turn
RENEW_BEFORE_SHARE = 0.1  # of a short token's life
SHUT_S = 2.0  # how long a login that broke down is left alone, where it does not say
LONGEST_SHUT_S = 600.0  # a Retry-After beyond that is asked again all the same


@dataclass(frozen=True)
class Access:
    """The two doors of one installation and its keys: `https://x.halopsa.com/api` and `https://x.halopsa.com/auth`."""

    resource_url: str
    auth_url: str
    client_id: str
    client_secret: str = field(repr=False)
    tenant: str | None = None  # hosted installations only
    scope: str = SCOPE


class _Token(NamedTuple):
    value: str
    renew_at: float


class Tokens:
    """The token of one API application, shared by all threads. Built without network."""

    def __init__(self, access: Access, *, login: Transport, now: Callable[[], float] = time.monotonic) -> None:
        """Keep the parts; `login` must classify by `classify_login`."""
        self._access = access
        self._login = login
        self._now = now
        self._lock = threading.Lock()  # many threads on a cold start would ask for as many tokens
        self._token: _Token | None = None
        self._has_worked = False
        self._trouble: TransientError | None = None
        self._shut_until = 0.0

    def fetch(self) -> str:
        """Return a token that lasts a while. Raises InstanceError, TransientError, WireError."""
        with self._lock:
            if self._token is None or self._now() >= self._token.renew_at:
                self._token = self._ask()
            return self._token.value

    def renew(self, refused: str) -> str:
        """Return another token than the refused one, perhaps one that another thread has fetched meanwhile."""
        with self._lock:
            if self._token is None or self._token.value == refused:
                self._token = None
                self._token = self._ask()
            return self._token.value

    def _ask(self) -> _Token:
        """Ask for a token. After a trouble that may pass the door stays shut for a moment, for all threads alike.

        A 500 that outlasts the retries is how a wrong tenant looks; it is believed to be one until a login works."""
        left_s = self._shut_until - self._now()
        if self._trouble is not None and left_s > 0:
            again = copy.copy(self._trouble)
            again.retry_after_s = left_s
            raise again
        asked_at = self._now()
        try:
            response = self._send()
        except TransientError as exc:
            if (
                exc.status == httpx.codes.INTERNAL_SERVER_ERROR
                and exc.reason == "server_error"
                and not self._has_worked
            ):
                raise InstanceError("login_refused", vendor=VENDOR, status=exc.status) from exc
            self._trouble = exc
            self._shut_until = self._now() + min(exc.retry_after_s or SHUT_S, LONGEST_SHUT_S)
            raise
        answer = parse(response, WireToken)
        if not (answer.access_token.isascii() and answer.access_token.isprintable()) or answer.expires_in <= 0:
            raise WireError("login_answer_unknown", vendor=VENDOR, status=response.status_code)
        self._has_worked, self._trouble = True, None
        lasts_s = answer.expires_in - min(RENEW_BEFORE_S, answer.expires_in * RENEW_BEFORE_SHARE)
        return _Token(answer.access_token, asked_at + lasts_s)

    def _send(self) -> httpx.Response:
        tenant = self._access.tenant
        form = {
            "grant_type": "client_credentials",
            "client_id": self._access.client_id,
            "client_secret": self._access.client_secret,
            "scope": self._access.scope,
        }
        path = f"/token?tenant={quote(tenant, safe='')}" if tenant else "/token"
        return self._login.query(path, endpoint="token", form=form)


class HaloAuth(httpx.Auth):
    """Puts the token on a request, and another one, once, where Halo refuses it."""

    def __init__(self, tokens: Tokens) -> None:
        """Keep where tokens come from."""
        self._tokens = tokens

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send, and send again with a new token after 401."""
        token = self._tokens.fetch()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            request.headers["Authorization"] = f"Bearer {self._tokens.renew(token)}"
            yield request
