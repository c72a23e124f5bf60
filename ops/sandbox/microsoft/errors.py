"""Graph's error shape. learn.microsoft.com: "Microsoft Graph error responses and resource types"."""

from datetime import UTC, datetime

from ops.sandbox.http import Answer, Headers, Request, json_answer


class GraphError(Exception):
    """A refusal with Graph's own code and message."""

    def __init__(self, status: int, code: str, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or []


def not_found(name: str) -> GraphError:
    """No such directory object."""
    message = f"Resource '{name}' does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", message)


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphError:
    """A request that is wrong in itself."""
    return GraphError(400, code, message)


def denied() -> GraphError:
    """A permission that was not consented to."""
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def unauthorized(message: str) -> GraphError:
    """A token that is missing, wrong or over."""
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        'client_id="00000003-0000-0000-c000-000000000000"'
    )
    return GraphError(401, "InvalidAuthenticationToken", message, [("www-authenticate", challenge)])


def throttled(tenant_id: str, app_id: str, headers: Headers) -> GraphError:
    """Too many resource units, in the wording of the directory."""
    category = "aadgraph.app.tenant_small"
    message = f"Too many requests from Identifier:{tenant_id} under category:{category}. Please try again later."
    scope = ("x-ms-throttle-scope", f"Tenant_Application/ReadWrite/{app_id}/{tenant_id}")
    information = ("x-ms-throttle-information", "ResourceUnitLimitExceeded")
    return GraphError(429, "TooManyRequests", message, [*headers, scope, information])


def error_answer(error: GraphError, request: Request) -> Answer:
    """The answer for a refusal; `date` has no zone, `client-request-id` repeats the caller's or the request's own."""
    request_id = str(request.notes["request_id"])
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": request.headers.get("client-request-id", request_id),
    }
    body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    return json_answer(body, error.status, list(error.headers))
