"""Why a user's contact is as it is, over HTTP: the same answers as `contact-sync explain --json`. Only reads."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from tasks.ports import Ports
from worker.api.access import Access, Caller
from worker.api.problems import ProblemError, describe_problems
from worker.explaining import explain_in

Json = dict[str, Any]

LONGEST_NAME = 320  # characters; an address has 254 at most
REFUSED = describe_problems(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
EXAMPLE: Json = {
    "connector": "contoso",
    "read_at": "2026-11-25T08:30:00Z",
    "found": {
        "where": "tenant",
        "by": "mail",
        "user": {
            "office365_id": "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12",
            "user_principal_name": "jane.smith@contoso.example",
            "display_name": "Jane Smith",
            "mail": "jane.smith@contoso.example",
            "account_enabled": True,
            "user_type": "Member",
        },
        "others": [],
    },
    "scope": {"in_scope": True, "rule": None, "reason": "no rule leaves the user out"},
    "company": {"psa_company_id": "250", "site_id": None, "rule": None},
    "link": {"psa_contact_id": "12346", "psa_company_id": "250", "read_at": "2026-11-24T02:00:04Z"},
    "decision": None,
    "match": {"key": "link", "psa_contact_id": "12346"},
    "candidates": [
        {
            "psa_contact_id": "12346",
            "psa_company_id": "250",
            "name": "Jane Smith",
            "email": "jane.smith@contoso.example",
            "active": True,
            "protected": None,
            "key": "link",
            "chosen": True,
            "reason": "taken, by the link to this user that we keep",
        }
    ],
    "fields": [
        {
            "name": "job_title",
            "old": "Buyer",
            "new": "Head of Purchasing",
            "policy": "always",
            "written": True,
            "edited": False,
            "reason": 'update = "always": a difference is written',
        }
    ],
    "now": {
        "action": "update",
        "code": None,
        "message": "contact 12346 would be changed in job_title",
        "changed_fields": ["job_title"],
        "warnings": [],
        "automatic": True,
    },
    "unfinished": None,
    "guard": {
        "in_force": True,
        "approved": True,
        "contacts": 148,
        "limits": {"creations": 37, "deactivations": 7, "rewrites": 44},
        "within_a_day": {"rewrites.phone": 2},
        "last_run": {"run_id": "20261125T020000-contoso-ab12cd", "held": []},
    },
    "history": [
        {
            "kind": "created",
            "run_id": "20261120T020000-contoso-x2y4z8",
            "at": "2026-11-20T02:00:31Z",
            "since": "2026-11-20T02:00:31Z",
            "times": 1,
            "detail": "12346",
        }
    ],
    "failure": None,
}
ANSWER: dict[int | str, Json] = {
    200: {
        "description": "One answer for each connector; `failure` says why one could not be asked",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["explanations"],
                    "properties": {"explanations": {"type": "array", "items": {"type": "object"}}},
                },
                "example": {"explanations": [EXAMPLE]},
            }
        },
    }
}
UserName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=r"\S",
        description="User principal name, object id, mail or an alias address.",
        examples=["jane.smith@contoso.example"],
    ),
]
Connectors = Annotated[
    list[Annotated[str, Query(max_length=63)]] | None,
    Query(description="Where to look; absent: in every connector that the token sees.", examples=[["contoso"]]),
]


def explanations_router(ports: Callable[[], Ports], access: Access) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/v1", tags=["users"], responses=REFUSED)

    @router.get("/users/{user}/explanation", responses=ANSWER)
    def explanation(request: Request, user: UserName, connector: Connectors = None) -> JSONResponse:
        """Say where a user is found, which contact is its, what a run would do now and why, and what was."""
        caller = access.caller(request, "read")
        chosen = _chosen(ports(), caller, connector)
        return JSONResponse({"explanations": list(explain_in(ports(), chosen, user.strip()))})

    return router


def _chosen(ports: Ports, caller: Caller, wanted: list[str] | None) -> list[str]:
    version = ports.configuration.current_version()
    seen = [name for name in ports.configuration.connectors(version=version) if caller.sees(name)] if version else []
    if wanted is None:
        return seen
    for name in wanted:
        if name not in seen:
            raise ProblemError(HTTPStatus.NOT_FOUND, "connector: there is none of that name that this token may see")
    return list(dict.fromkeys(wanted))
