"""What comes out of a run: rows, head and the report as specified. Pure; rows are streamed, never held together."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any, Literal

from adapters.records import Planned, Run, User
from tasks.drafting import name_of

__all__ = [
    "ROW_KINDS",
    "build_head",
    "created_row",
    "error_row",
    "excluded_row",
    "iso_time",
    "stamped",
    "success_row",
    "unprocessed_row",
    "updated_row",
    "warning_row",
    "write_report",
]

Json = dict[str, Any]
RowKind = Literal["created", "updated", "errors", "warnings", "excluded", "unprocessed", "deactivated"]

ROW_KINDS: dict[RowKind, str] = {
    "created": "created_contacts",
    "updated": "updated_contacts",
    "errors": "errors",
    "warnings": "warnings",
    "excluded": "excluded",
    "unprocessed": "users_unprocessed",
    "deactivated": "deactivated_contacts",
}
"""Kind of row → its key in the report."""

PSA_ERROR_LENGTH = 500  # characters of the PSA's own words


def iso_time(ms: int) -> str:
    """Return a time of the store's clock as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- rows -----------------------------------------------------------------------------------------------------------


def created_row(user: User, *, contact_id: str | None, company_id: str) -> Json:
    """Return the row of a new contact; a dry run has no id for it."""
    return _contact_row(user, contact_id, company_id, "created")


def updated_row(user: User, *, contact_id: str, company_id: str, changed_fields: Sequence[str]) -> Json:
    """Return the row of a changed contact."""
    return {**_contact_row(user, contact_id, company_id, "updated"), "changed_fields": list(changed_fields)}


def success_row(planned: Planned) -> Json:
    """Return the row of a plan that was carried out, or would be; a new contact has no id yet."""
    if planned.draft is not None:
        return created_row(planned.user, contact_id=None, company_id=planned.draft.company_id)
    change = planned.change
    return updated_row(
        planned.user,
        contact_id=change.contact_id if change else "",
        company_id=change.company_id if change else "",
        changed_fields=planned.changed_fields,
    )


def error_row(name: str | None, *, code: str, message: str, at_ms: int, psa_error: str | None = None) -> Json:
    """Return the row of an error; name None is the whole connector. It has `psa_error` only where the PSA spoke."""
    row = warning_row(name, code=code, message=message, at_ms=at_ms)
    if psa_error:
        row["psa_error"] = psa_error[:PSA_ERROR_LENGTH]
    return row


def warning_row(name: str | None, *, code: str, message: str, at_ms: int) -> Json:
    """Return the row of a warning; name None is a warning of the whole run."""
    return {"user_principal_name": name, "code": code, "message": message, "timestamp": iso_time(at_ms)}


def stamped(row: Json, *, at_ms: int) -> Json:
    """Return an error or warning row with its time, put where the specification has it."""
    return {
        **{key: value for key, value in row.items() if key != "psa_error"},
        "timestamp": iso_time(at_ms),
        **({"psa_error": row["psa_error"]} if row.get("psa_error") else {}),
    }


def excluded_row(user: User, *, rule: str) -> Json:
    """Return the row of a user that a rule left out."""
    return {**_user_row(user), "rule": rule}


def unprocessed_row(user: User, *, reason: str) -> Json:
    """Return the row of a user that the run did not come to."""
    return {**_user_row(user), "reason": reason}


def _contact_row(user: User, contact_id: str | None, company_id: str, status: str) -> Json:
    return {**_user_row(user), "psa_contact_id": contact_id, "psa_company_id": company_id, "status": status}


def _user_row(user: User) -> Json:
    return {
        "office365_id": user.id,
        "user_principal_name": name_of(user),
        "display_name": user.display_name or name_of(user),
    }


# --- the whole ------------------------------------------------------------------------------------------------------


def build_head(
    run: Run,
    counts: Mapping[str, int],
    *,
    total_office365_users: int,
    finished_at_ms: int,
    run_errors: Sequence[Json] = (),
    run_warnings: Sequence[Json] = (),
) -> Json:
    """Return the report without its users' rows.

    `counts` are distinct users by outcome status, and "deactivated" among the updated ones. `run_errors` and
    `run_warnings` are rows without a user; they stand first in the report's lists and in no statistics. A run succeeds
    if it has no error of either kind and left nobody unprocessed."""
    created, updated, skipped, errors = (counts.get(name, 0) for name in ("created", "updated", "skipped", "error"))
    started_at_ms = run.started_at_ms or run.requested_at_ms
    return {
        "success": not (errors or run_errors or counts.get("unprocessed", 0)),
        "sync_mode": run.mode,
        "sync_timestamp": iso_time(started_at_ms),
        "statistics": {
            "total_office365_users": total_office365_users,
            "users_processed": created + updated + skipped + errors,
            "contacts_created": created,
            "contacts_updated": updated,
            "contacts_skipped": skipped,
            "errors": errors,
            "contacts_deactivated": counts.get("deactivated", 0),
        },
        "errors": list(run_errors),
        "warnings": list(run_warnings),
        "run_id": run.run_id,
        "connector": run.connector_id,
        "trigger": run.trigger,
        "dry_run": run.dry_run,
        "finished_at": iso_time(finished_at_ms),
        "duration_s": max(0, finished_at_ms - started_at_ms) / 1000,
    }


def write_report(head: Json, rows_by_kind: Callable[[RowKind], Iterable[Json]], out: IO[str]) -> None:
    """Write the report as one JSON object, the specified keys first; at most one row is in memory at a time."""
    listed = set(ROW_KINDS.values())
    plain = {key: value for key, value in head.items() if key not in listed}
    leading = ("success", "sync_mode", "sync_timestamp", "statistics")
    out.write("{" + ",\n ".join(f"{json.dumps(key)}: {_dump(plain.pop(key))}" for key in leading if key in plain))
    for kind, key in ROW_KINDS.items():
        out.write(f",\n {json.dumps(key)}: [")
        separator = ""
        for rows in (head.get(key, ()), rows_by_kind(kind)):
            for row in rows:
                out.write(f"{separator}\n  {_dump(row)}")
                separator = ","
        out.write("]")
    for key, value in plain.items():
        out.write(f",\n {json.dumps(key)}: {_dump(value)}")
    out.write("}\n")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
