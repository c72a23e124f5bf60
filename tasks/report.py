"""What comes out of a run: rows, head and the report as specified. Pure; rows are streamed, never held together."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import IO, Any, Literal

from adapters.records import Planned, Run, User
from tasks.differences import old_and_new
from tasks.drafting import name_of
from tasks.visible import to_json

__all__ = [
    "DEACTIVATED",
    "ROW_KINDS",
    "Json",
    "RowKind",
    "RowsByKind",
    "build_head",
    "created_row",
    "error_row",
    "excluded_row",
    "iso_time",
    "success_row",
    "unprocessed_row",
    "updated_row",
    "warning_row",
    "write_report",
]

Json = dict[str, Any]
RowKind = Literal["created", "updated", "errors", "warnings", "excluded", "unprocessed", "held"]
RowsByKind = Callable[[RowKind], Iterable[Json]]

ROW_KINDS: dict[RowKind, str] = {
    "created": "created_contacts",
    "updated": "updated_contacts",
    "errors": "errors",
    "warnings": "warnings",
    "excluded": "excluded",
    "unprocessed": "users_unprocessed",
    "held": "held_changes",
}
"""Kind of row → its key in the report."""

DEACTIVATED = "deactivated_contacts"  # those of the updated ones that were switched off, once more

PSA_ERROR_LENGTH = 500  # characters of the PSA's own words


def iso_time(at: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- rows -----------------------------------------------------------------------------------------------------------


def created_row(user: User, *, contact_id: str | None, company_id: str) -> Json:
    """Return the row of a new contact; a dry run has no id for it."""
    return _contact_row(user, contact_id, company_id, "created")


def updated_row(user: User, *, contact_id: str, company_id: str, changed_fields: Sequence[str]) -> Json:
    """Return the row of a changed contact."""
    return {**_contact_row(user, contact_id, company_id, "updated"), "changed_fields": list(changed_fields)}


def success_row(planned: Planned) -> Json:
    """Return the row of a plan that was carried out, or would be; a new contact has no id yet.

    Beside the specified keys, `changes` holds each changed field's old and new value; the old one of a creation is
    null. The row of a contact that is switched off says so by a further key, by which it is listed again."""
    changes = old_and_new(planned)
    if planned.draft is not None:
        row = created_row(planned.user, contact_id=None, company_id=planned.draft.company_id)
        return {**row, "changes": changes}
    change = planned.change
    assert change is not None  # noqa: S101 - Planned holds exactly one of the two
    row = updated_row(
        planned.user,
        contact_id=change.contact_id,
        company_id=change.company_id,
        changed_fields=planned.changed_fields,
    )
    row["changes"] = changes
    return {**row, "deactivated": True} if change.active is False else row


def error_row(
    name: str | None,
    *,
    code: str,
    message: str,
    at: datetime,
    psa_error: str | None = None,
    office365_id: str | None = None,
) -> Json:
    """Return the row of an error; name None is the whole connector. It has `psa_error` only where the PSA spoke."""
    row: Json = {"user_principal_name": name, "code": code, "message": message, "timestamp": iso_time(at)}
    if psa_error:
        row["psa_error"] = psa_error[:PSA_ERROR_LENGTH]
    if office365_id:
        row["office365_id"] = office365_id
    return row


def warning_row(warning: Json, *, at: datetime) -> Json:
    """Return the row of a warning that has its name, code and message; name None is the whole run."""
    return error_row(warning.get("user_principal_name"), code=warning["code"], message=warning["message"], at=at)


def excluded_row(user: User, *, rule: str) -> Json:
    """Return the row of a user that a rule left out."""
    return {**_user_row(user), "rule": rule}


def unprocessed_row(user: User) -> Json:
    """Return the row of a user that the run did not come to; the store makes the same one of a user that waited."""
    return {"office365_id": user.id, "user_principal_name": name_of(user)}


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
    finished_at: datetime,
    errors: Sequence[Json] = (),
    warnings: Sequence[Json] = (),
) -> Json:
    """Return the report without its users' rows.

    `counts` are distinct users by outcome status, and "deactivated" among the updated ones. `errors` and `warnings` are
    rows without a user; they stand first in the report's lists and in no statistics. A run succeeds if it came to its
    end, has no error of either kind and left nobody unprocessed."""
    created, updated, skipped, failed = (counts.get(name, 0) for name in ("created", "updated", "skipped", "error"))
    started_at = datetime.fromtimestamp((run.started_at_ms or run.requested_at_ms) / 1000, UTC)
    return {
        "success": not (failed or errors or run.stopping or counts.get("unprocessed", 0)),
        "sync_mode": run.mode,
        "sync_timestamp": iso_time(started_at),
        "statistics": {
            "total_office365_users": total_office365_users,
            "users_processed": created + updated + skipped + failed,
            "contacts_created": created,
            "contacts_updated": updated,
            "contacts_skipped": skipped,
            "errors": failed,
            "contacts_deactivated": counts.get("deactivated", 0),
        },
        "errors": list(errors),
        "warnings": list(warnings),
        "run_id": run.run_id,
        "connector": run.connector_id,
        "trigger": run.trigger,
        "dry_run": run.dry_run,
        "stopped": run.stopping,  # why it did not come to its end; None: it did
        "finished_at": iso_time(finished_at),
        "duration_s": max(0.0, round((finished_at - started_at).total_seconds(), 3)),
    }


def write_report(head: Json, rows_by_kind: RowsByKind, out: IO[str]) -> None:
    """Write the report as one JSON object, the specified keys first; at most one row is in memory at a time.

    The updated rows are asked for twice: the deactivated contacts among them are listed again."""
    plain = {key: value for key, value in head.items() if key not in ROW_KINDS.values()}
    leading = ("success", "sync_mode", "sync_timestamp", "statistics")
    out.write("{" + ",\n ".join(f"{json.dumps(key)}: {_dump(plain.pop(key))}" for key in leading if key in plain))
    for kind, key in ROW_KINDS.items():
        _write_list(key, chain(head.get(key, ()), rows_by_kind(kind)), out)
    _write_list(DEACTIVATED, (row for row in rows_by_kind("updated") if row.get("deactivated")), out)
    for key, value in plain.items():
        out.write(f",\n {json.dumps(key)}: {_dump(value)}")
    out.write("}\n")


def _write_list(key: str, rows: Iterable[Json], out: IO[str]) -> None:
    out.write(f",\n {json.dumps(key)}: [")
    separator = ""
    for row in rows:
        out.write(f"{separator}\n  {_dump(row)}")
        separator = ","
    out.write("]")


def _dump(value: object) -> str:
    return to_json(value)
