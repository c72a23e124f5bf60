"""Writing users through Graph, as far as Microsoft's own client needs it.

learn.microsoft.com: "Create user", "Update user", "Delete user".
"""

from typing import Any

from ops.sandbox.http import Answer, Json, Request
from ops.sandbox.microsoft import properties
from ops.sandbox.microsoft.errors import GraphError, bad_request, not_found
from ops.sandbox.microsoft.listing import graph_json
from ops.sandbox.microsoft.state import Tenant

_REQUIRED = ("accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile")
_NEVER_KEPT = frozenset({"passwordProfile", "@odata.type", "@odata.context"})


def _body(request: Request) -> Json:
    try:
        body = request.json()
    except ValueError as exc:
        raise bad_request("Unable to read JSON request payload.", "BadRequest") from exc
    if not isinstance(body, dict):
        raise bad_request("Empty Payload. JSON content expected.", "BadRequest")
    return body


def _check(name: str, value: Any) -> None:
    if name not in properties.ALL:
        raise bad_request(f"The property '{name}' does not exist on type 'microsoft.graph.user'.", "BadRequest")
    if name in properties.READ_ONLY:
        raise bad_request(f"Property '{name}' is read-only and cannot be set.")
    if name in properties.BOOLEANS and not isinstance(value, bool | None):
        raise bad_request(f"Invalid value specified for property '{name}' of resource 'User'.")
    if name == "businessPhones" and (not isinstance(value, list) or len(value) > 1):
        raise bad_request("Invalid value specified for property 'telephoneNumber' of resource 'User'.")
    limit = properties.MAX_LENGTHS.get(name)
    if limit and isinstance(value, str) and len(value) > limit:
        raise bad_request(f"Invalid value specified for property '{name}' of resource 'User'.")


def _checked(body: Json) -> Json:
    kept = {name: value for name, value in body.items() if name not in _NEVER_KEPT}
    for name, value in kept.items():
        _check(name, value)
    return kept


def _refuse_taken(tenant: Tenant, upn: Any, *, own_id: str | None) -> None:
    known = tenant.find(str(upn)) if upn else None
    if known is not None and known["id"] != own_id:
        raise bad_request("Another object with the same value for property userPrincipalName already exists.")


def create_user(request: Request, tenant: Tenant) -> Answer:
    """POST /users: 201 with the default set."""
    body = _body(request)
    for name in _REQUIRED:
        if body.get(name) in (None, ""):
            raise bad_request(f"A value is required for property '{name}' of resource 'User'.")
    if not body["passwordProfile"].get("password"):
        raise bad_request("The specified password does not comply with password complexity requirements.")
    _refuse_taken(tenant, body["userPrincipalName"], own_id=None)
    user = tenant.create({"userType": "Member", **_checked(body)})
    shown = properties.project(user, tuple(properties.DEFAULT))
    answer = graph_json({"@odata.context": f"{request.base_url}/v1.0/$metadata#users/$entity", **shown}, 201)
    answer.headers.append(("location", f"{request.base_url}/v1.0/users/{user['id']}"))
    return answer


def update_user(request: Request, tenant: Tenant, user: Json) -> Answer:
    """PATCH /users/{id}: 204."""
    values = _checked(_body(request))
    if values.get("displayName", "x") in (None, ""):
        raise bad_request("Invalid value specified for property 'displayName' of resource 'User'.")
    _refuse_taken(tenant, values.get("userPrincipalName"), own_id=user["id"])
    tenant.update(user["id"], values)
    return Answer(204)


def restore_user(request: Request, tenant: Tenant, user_id: str) -> Answer:
    """POST /directory/deletedItems/{id}/restore: 200 with the user."""
    if user_id not in tenant.deleted:
        raise not_found(user_id)
    shown = properties.project(tenant.restore(user_id), tuple(properties.DEFAULT))
    context = f"{request.base_url}/v1.0/$metadata#directoryObjects/$entity"
    return graph_json({"@odata.context": context, "@odata.type": "#microsoft.graph.user", **shown})


def wrong_method() -> GraphError:
    """A verb that the path does not know."""
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
