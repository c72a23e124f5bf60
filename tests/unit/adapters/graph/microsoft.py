"""A login and a Graph of a few lines, for the bytes that matter; the sandbox is the faithful one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

from adapters.errors import SyncError
from adapters.graph import AppRegistration, GraphDirectory
from adapters.graph.auth import TenantTokens
from adapters.graph.login import classify_login
from adapters.transport import Transport
from tests.fakes.budget import DiaryBudget, NullBudget

TENANT = "11111111-1111-4111-8111-111111111111"
SECRET = "s3cr3t-value"
GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"
APP = AppRegistration(client_id="22222222-2222-4222-8222-222222222222", secret=SECRET)

Answer = httpx.Response | Exception


def graph_error(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": "ann@contoso.com is not to be named", "innerError": {}}}
    return httpx.Response(status, json=body, headers={"request-id": "r1", **headers})


def oauth_error(status: int, error: str, *codes: int) -> httpx.Response:
    text = f"AADSTS{codes[0] if codes else 1}: words. Trace ID: 0f2a"
    return httpx.Response(status, json={"error": error, "error_description": text, "error_codes": list(codes)})


@dataclass
class Microsoft:
    """Answers discovery, token and Graph requests; each script is used up first, then all is well."""

    discovery: list[Answer] = field(default_factory=list)
    token: list[Answer] = field(default_factory=list)
    graph: list[Answer] = field(default_factory=list)
    expires_in: int = 3599
    token_endpoint: str = f"{LOGIN}/{TENANT}/oauth2/v2.0/token"
    requests: list[httpx.Request] = field(default_factory=list)
    bearers: list[str] = field(default_factory=list)
    issued: int = 0
    clock_s: float = 1000.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host != "graph.microsoft.com":
            if request.method == "GET":
                return _next(self.discovery) or httpx.Response(
                    200,
                    json={"token_endpoint": self.token_endpoint, "authorization_endpoint": f"{LOGIN}/a", "issuer": "i"},
                )
            return _next(self.token) or self._issue()
        self.bearers.append(request.headers["Authorization"])
        return _next(self.graph) or httpx.Response(200, json={"value": []})

    def _issue(self) -> httpx.Response:
        self.issued += 1
        body = {"token_type": "Bearer", "expires_in": self.expires_in, "access_token": f"token{self.issued}"}
        return httpx.Response(200, json=body)

    @property
    def asked(self) -> list[httpx.Request]:
        """What Graph was asked."""
        return [request for request in self.requests if request.url.host == "graph.microsoft.com"]

    @property
    def forms(self) -> list[dict[str, list[str]]]:
        """What the token endpoint was sent."""
        return [parse_qs(request.content.decode()) for request in self.requests if request.method == "POST"]

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))

    def directory(
        self, *, app: AppRegistration = APP, budget: DiaryBudget | NullBudget | None = None
    ) -> GraphDirectory:
        return GraphDirectory(TENANT, app, client=self.client(), budget=budget or NullBudget(), sleep=lambda _: None)

    def tokens(self, *, app: AppRegistration = APP, tenant: str = TENANT) -> TenantTokens:
        login = Transport(
            "graph",
            app.cloud.login_url,
            client=self.client(),
            budget=None,
            classify=classify_login,
            origins=app.cloud.token_origins,
            sleep=lambda _: None,
        )
        return TenantTokens(tenant, app, login=login, now=lambda: self.clock_s)


def _next(script: list[Answer]) -> httpx.Response | None:
    if not script:
        return None
    answer = script.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer


def caught(call: Callable[[], object]) -> SyncError:
    """Return what the call raises."""
    try:
        call()
    except SyncError as error:
        return error
    raise AssertionError("nothing was raised")
