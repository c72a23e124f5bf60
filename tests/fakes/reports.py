"""What holds for every report, and short ways to read one."""

from collections import Counter
from typing import Any

Json = dict[str, Any]

SPECIFIED = {
    "success",
    "sync_mode",
    "sync_timestamp",
    "statistics",
    "created_contacts",
    "updated_contacts",
    "errors",
    "warnings",
}


def check_report(report: Json) -> None:
    """Check that the counts are those of the rows, and that each user is counted once."""
    assert report.keys() >= SPECIFIED
    statistics = report["statistics"]
    created, updated = report["created_contacts"], report["updated_contacts"]
    failed = [row for row in report["errors"] if row["user_principal_name"] is not None]
    assert statistics["contacts_created"] == len(created)
    assert statistics["contacts_updated"] == len(updated)
    assert statistics["errors"] == len(failed)
    assert statistics["contacts_deactivated"] == len(report["deactivated_contacts"])
    parts = ("contacts_created", "contacts_updated", "contacts_skipped", "errors")
    assert statistics["users_processed"] == sum(statistics[name] for name in parts)
    assert report["success"] == (not report["errors"] and not report["users_unprocessed"] and not report["stopped"])
    users = Counter(row["office365_id"] for row in [*created, *updated, *failed] if row.get("office365_id"))
    assert all(number == 1 for number in users.values()), f"users that are counted twice: {users}"


def assert_one_error(report: Json, code: str) -> None:
    """Check that a run ended by one error of the whole connector, with nobody counted for it."""
    assert codes(report) == [code]
    assert report["errors"][0]["user_principal_name"] is None
    assert report["errors"][0]["message"]
    assert report["statistics"]["errors"] == 0
    assert not report["success"]


def counts(report: Json) -> tuple[int, int, int, int]:
    """Return the numbers of contacts created, updated, skipped, and of errors."""
    names = ("contacts_created", "contacts_updated", "contacts_skipped", "errors")
    created, updated, skipped, errors = (report["statistics"][name] for name in names)
    return created, updated, skipped, errors


def names(report: Json, key: str) -> list[str]:
    """Return the local parts of the user principal names in a list of rows, sorted."""
    return sorted(str(row["user_principal_name"]).partition("@")[0] for row in report[key])


def codes(report: Json, key: str = "errors") -> list[str]:
    """Return the codes in a list of rows, sorted."""
    return sorted(row["code"] for row in report[key])


def changes(report: Json) -> Json:
    """Return what a report says about changes, without what only a real run can know: ids of new contacts and times."""
    kept = {key: report[key] for key in ("updated_contacts", "deactivated_contacts", "excluded", "statistics")}
    kept["created_contacts"] = [{**row, "psa_contact_id": None} for row in report["created_contacts"]]
    for key in ("errors", "warnings"):
        kept[key] = [{name: value for name, value in row.items() if name != "timestamp"} for row in report[key]]
    return {key: sorted(rows, key=str) if isinstance(rows, list) else rows for key, rows in kept.items()}
