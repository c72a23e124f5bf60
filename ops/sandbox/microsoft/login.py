"""Microsoft's login: OpenID discovery and the token endpoint for client credentials.

learn.microsoft.com: "OAuth 2.0 client credentials flow" and
"Microsoft Entra authentication and authorization error codes".
"""

import base64
import binascii
from contextlib import AbstractContextManager
from uuid import uuid4

from ops.sandbox.clock import iso
from ops.sandbox.http import Answer, Json, Request, Router, html_answer, json_answer
from ops.sandbox.limits import Window
from ops.sandbox.microsoft.state import App, Directory, Tenant
from ops.sandbox.microsoft.tokens import GRAPH_AUDIENCE, TokenOffice
from ops.sandbox.settings import Settings
from ops.sandbox.vendor import unhurried

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RESOURCES = (
    GRAPH_AUDIENCE,
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)
_NO_STORE = [("cache-control", "no-store, no-cache"), ("pragma", "no-cache")]


class LoginError(Exception):
    """A refusal of the token endpoint."""

    def __init__(self, status: int, error: str, *, number: int, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.number, self.message = status, error, number, message


class Login:
    """The vendor `login`."""

    name = "login"

    def __init__(self, directory: Directory, office: TokenOffice, settings: Settings) -> None:
        self._directory = directory
        self._office = office
        self._settings = settings
        self.window = Window(None, 60)
        self._router = Router()
        self._router.add("GET", "/common/discovery/instance", self._instance_discovery)
        self._router.add("GET", "/{tenant}/v2.0/.well-known/openid-configuration", self._discovery)
        self._router.add("POST", "/{tenant}/oauth2/v2.0/token", self._token)

    def handles(self, path: str) -> bool:
        """Whether the path belongs to the login host."""
        return "/oauth2/" in path or path.endswith("/openid-configuration") or path.startswith("/common/")

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters."""
        found = self._router.find(request.path)
        return found[0] if found else "unknown"

    def tenant_of(self, request: Request) -> str | None:
        """The tenant in the path."""
        tenant = self._directory.find(request.path.split("/")[1])
        return tenant.id if tenant else None

    def place(self, request: Request) -> AbstractContextManager[float]:
        """Requests under way are not counted."""
        return unhurried()

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        found = self._router.find(request.path)
        if found is None:
            return html_answer(404, "Not found")
        handler = found[2].get(request.method)
        if handler is None:
            return html_answer(405, "Method not allowed")
        wait_s = self.window.take()
        if wait_s:
            return self.throttled(request, [("retry-after", str(int(wait_s) + 1))])
        try:
            return handler(request, found[1])
        except LoginError as error:
            return self._refusal(error, request)

    def error(self, request: Request, status: int) -> Answer:
        """An answer of the vendor's shape for a fault."""
        error = "temporarily_unavailable" if status >= 500 else "invalid_request"
        return self._refusal(
            LoginError(status, error, number=90033, message="A transient error has occurred."), request
        )

    def throttled(self, request: Request, headers: list[tuple[str, str]]) -> Answer:
        """A 429."""
        error = LoginError(
            429, "temporarily_unavailable", number=90055, message="The server is terminating the request."
        )
        answer = self._refusal(error, request)
        answer.headers.extend(headers)
        return answer

    def _refusal(self, error: LoginError, request: Request) -> Answer:
        now = iso(self._directory.clock.now()).replace("T", " ")
        trace = str(uuid4())
        correlation = request.headers.get("client-request-id", str(uuid4()))
        text = f"AADSTS{error.number}: {error.message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        body: Json = {
            "error": error.error,
            "error_description": text,
            "error_codes": [error.number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={error.number}",
        }
        return json_answer(body, error.status, list(_NO_STORE))

    def _tenant(self, name: str) -> Tenant:
        tenant = self._directory.find(name)
        if tenant is None or not tenant.exists:
            message = f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and cloud."
            raise LoginError(400, "invalid_tenant", number=90002, message=message)
        return tenant

    def _instance_discovery(self, request: Request, _: dict[str, str]) -> Answer:
        endpoint = f"{request.base_url}/common/v2.0/.well-known/openid-configuration"
        return json_answer({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": []})

    def _discovery(self, request: Request, values: dict[str, str]) -> Answer:
        tenant = self._tenant(values["tenant"])
        base = f"{request.base_url}/{values['tenant']}"
        document = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": f"{request.base_url}/{tenant.id}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "msgraph_host": "graph.microsoft.com",
        }
        return json_answer(document)

    def _token(self, request: Request, values: dict[str, str]) -> Answer:
        tenant = self._tenant(values["tenant"])
        form = {**self._basic(request), **request.form}
        if form.get("grant_type") != "client_credentials":
            raise LoginError(400, "unsupported_grant_type", number=70003, message="The grant type is not supported.")
        app = self._app(tenant, form.get("client_id", ""))
        self._check_credential(app, form, token_endpoint=f"{request.base_url}{request.path}")
        self._check_scope(form.get("scope", ""), request.base_url)
        lifetime_s = int(self._settings["graph.token_life_s"])
        token = self._office.issue(tenant, app, lifetime_s=lifetime_s)
        body = {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s, "access_token": token}
        return json_answer(body, headers=list(_NO_STORE))

    @staticmethod
    def _basic(request: Request) -> dict[str, str]:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return {}
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, ValueError):
            return {}
        return {"client_id": user, "client_secret": password}

    @staticmethod
    def _app(tenant: Tenant, client_id: str) -> App:
        app = tenant.apps.get(client_id.lower())
        if app is None:
            message = (
                f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'. This can "
                "happen if the application has not been installed by the administrator of the tenant or consented to "
                "by any user in the tenant."
            )
            raise LoginError(400, "unauthorized_client", number=700016, message=message)
        if not app.enabled:
            message = f"Application '{client_id}' is disabled."
            raise LoginError(400, "unauthorized_client", number=7000112, message=message)
        return app

    def _check_credential(self, app: App, form: dict[str, str], *, token_endpoint: str) -> None:
        if assertion := form.get("client_assertion"):
            good = form.get("client_assertion_type") == _ASSERTION_TYPE and self._office.is_assertion_good(
                assertion, app=app, token_endpoint=token_endpoint
            )
            if not good:
                message = "Client assertion failed signature validation. The key was not found or does not match."
                raise LoginError(401, "invalid_client", number=700027, message=message)
            return
        secret = form.get("client_secret")
        if not secret:
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise LoginError(401, "invalid_client", number=7000218, message=message)
        if secret == app.expired_secret or (app.secret_expired and secret == app.secret):
            message = f"The provided client secret keys for app '{app.client_id}' are expired."
            raise LoginError(401, "invalid_client", number=7000222, message=message)
        if secret != app.secret:
            message = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{app.client_id}'."
            )
            raise LoginError(401, "invalid_client", number=7000215, message=message)

    @staticmethod
    def _check_scope(scope: str, base_url: str) -> None:
        resource, dot, rest = scope.rpartition("/.default")
        if not dot or rest:
            what = "Client credential flows must have a scope value with /.default suffixed to the resource identifier."
            message = f"The provided value for scope {scope} is not valid. {what}"
            raise LoginError(400, "invalid_scope", number=1002012, message=message)
        if resource.rstrip("/") not in {*_RESOURCES, base_url}:
            message = f"The resource principal named {resource} was not found in the tenant."
            raise LoginError(400, "invalid_resource", number=500011, message=message)
