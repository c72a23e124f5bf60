"""What answers look like, for the OpenAPI document."""

from http import HTTPStatus
from typing import Any

__all__ = ["CANCELLED", "CONNECTORS", "MADE", "METRICS", "READY", "REPORT", "RUNS", "described"]

Json = dict[str, Any]

RUN_ID = "20261125T083000-contoso-ab12cd"
MADE: Json = {"run_id": RUN_ID, "connector": "contoso", "location": f"/v1/runs/{RUN_ID}"}
CANCELLED: Json = {"run_id": RUN_ID, "state": "cancelling"}
READY: Json = {"ready": True, "broker": True, "workers": True, "beat": True}
METRICS = 'contact_sync_runs_total{connector="contoso",dry_run="false",result="success"} 12.0\n'
REPORT: Json = {
    "run_id": RUN_ID,
    "success": True,
    "sync_mode": "incremental",
    "sync_timestamp": "2026-11-25T08:30:00Z",
    "statistics": {
        "total_office365_users": 150,
        "users_processed": 1,
        "contacts_created": 0,
        "contacts_updated": 1,
        "contacts_skipped": 0,
        "errors": 0,
        "contacts_deactivated": 0,
    },
    "created_contacts": [],
    "updated_contacts": [
        {
            "office365_id": "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12",
            "user_principal_name": "jane.smith@contoso.example",
            "display_name": "Jane Smith",
            "psa_contact_id": "12346",
            "psa_company_id": "250",
            "status": "updated",
            "changed_fields": ["job_title"],
        }
    ],
    "errors": [],
    "warnings": [],
}
RUNS: Json = {
    "open": [
        {
            "run_id": RUN_ID,
            "connector": "contoso",
            "state": "writing",
            "stopping": None,
            "sync_mode": "full",
            "trigger": "api",
            "dry_run": False,
        }
    ],
    "closed": [],
    "next_offset": None,
}
CONNECTORS: Json = {
    "connectors": [
        {
            "connector_id": "contoso",
            "standing": "fine",
            "is_automatic": True,
            "last_run_id": RUN_ID,
            "last_run_at": "2026-11-25T08:30:00Z",
            "success": True,
            "users_processed": 1,
            "errors": 0,
            "unfinished": 0,
            "next_run_at": "2026-11-26T01:00:00Z",
            "open_run_id": None,
            "events": "subscribed",
        }
    ]
}


def described(
    example: Json | str, *, status: HTTPStatus = HTTPStatus.OK, media_type: str = "application/json"
) -> dict[int | str, Json]:
    """Return what an answer of this status looks like, as FastAPI's `responses` have it."""
    schema = {"type": "string" if isinstance(example, str) else "object"}
    content = {media_type: {"schema": schema, "example": example}}
    return {int(status): {"description": status.phrase, "content": content}}
