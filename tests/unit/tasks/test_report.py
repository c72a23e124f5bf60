import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import ContactChange, Planned, Run
from tasks.report import (
    ROW_KINDS,
    RowKind,
    build_head,
    created_row,
    error_row,
    excluded_row,
    iso_time,
    success_row,
    unprocessed_row,
    updated_row,
    warning_row,
    write_report,
)
from tests.unit.tasks.makers import ANN_ID, make_draft, make_user

AT = datetime(2026, 1, 6, 10, 30, 15, 900_000, tzinfo=UTC)
RUN = Run(
    run_id="r1",
    connector_id="contoso",
    instance="main",
    lane="bulk",
    trigger="cli",
    request={},
    started_at_ms=int(datetime(2026, 1, 6, 10, 30, tzinfo=UTC).timestamp() * 1000),
)
COUNTS = {"created": 8, "updated": 7, "skipped": 3, "error": 2, "deactivated": 1}
STATISTICS = (
    "total_office365_users",
    "users_processed",
    "contacts_created",
    "contacts_updated",
    "contacts_skipped",
    "errors",
    "contacts_deactivated",
)


def head(counts: dict[str, int] | None = None, run: Run = RUN, **facts: Any) -> dict[str, Any]:
    return build_head(
        run, COUNTS if counts is None else counts, **{"total_office365_users": 150, "finished_at": AT, **facts}
    )


def written(report_head: dict[str, Any], **rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    out = io.StringIO()
    write_report(report_head, lambda kind: rows.get(kind, ()), out)
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


# --- rows -------------------------------------------------------------------------------------------------------------


def test_rows_of_contacts_have_exactly_the_specified_keys() -> None:
    user = {"office365_id": ANN_ID, "user_principal_name": "ann@contoso.com", "display_name": "Ann Example"}
    contact = {"psa_contact_id": "12345", "psa_company_id": "100"}
    assert created_row(make_user(), contact_id="12345", company_id="100") == {**user, **contact, "status": "created"}
    row = updated_row(make_user(), contact_id="12345", company_id="100", changed_fields=("phone", "job_title"))
    assert row == {**user, **contact, "status": "updated", "changed_fields": ["phone", "job_title"]}
    assert list(row) == [*user, *contact, "status", "changed_fields"]


def test_row_of_a_plan_has_no_contact_id_before_the_creation() -> None:
    row = success_row(Planned(user=make_user(), read_at_ms=0, draft=make_draft()))
    assert (row["psa_contact_id"], row["psa_company_id"], row["status"]) == (None, "250", "created")
    change = ContactChange(contact_id="12345", company_id="250", fields={"phone": "1"})
    row = success_row(Planned(user=make_user(), read_at_ms=0, change=change, changed_fields=("phone",)))
    assert (row["psa_contact_id"], row["status"], row["changed_fields"]) == ("12345", "updated", ["phone"])
    assert "deactivated" not in row


def test_deactivated_contacts_are_listed_among_the_updated_ones_and_again() -> None:
    off = ContactChange(contact_id="1", company_id="250", active=False)
    on = ContactChange(contact_id="2", company_id="250", active=True)
    rows = [
        success_row(Planned(user=make_user(), read_at_ms=0, change=change, changed_fields=("active",)))
        for change in (off, on)
    ]
    report = written(head({"updated": 2, "deactivated": 1}), updated=rows)
    assert [row["psa_contact_id"] for row in report["updated_contacts"]] == ["1", "2"]
    assert [row["psa_contact_id"] for row in report["deactivated_contacts"]] == ["1"]
    assert report["deactivated_contacts"][0]["changed_fields"] == ["active"]


def test_name_and_display_name_are_never_null_in_a_row() -> None:
    row = created_row(make_user(user_principal_name=None, display_name=None), contact_id="1", company_id="1")
    assert (row["user_principal_name"], row["display_name"]) == (ANN_ID, ANN_ID)


def test_error_row_carries_the_psas_words_shortened_and_only_if_there_are_any() -> None:
    row = error_row("ann@contoso.com", code="ContactCreationFailed", message="…", at=AT, psa_error="x" * 2000)
    assert list(row) == ["user_principal_name", "code", "message", "timestamp", "psa_error"]
    assert len(row["psa_error"]) == 500
    assert "psa_error" not in error_row("ann@contoso.com", code="X", message="…", at=AT)
    assert error_row("a", code="X", message="…", at=AT, office365_id=ANN_ID)["office365_id"] == ANN_ID


def test_warning_row_is_stamped() -> None:
    warning = {"user_principal_name": None, "code": "ModeChanged", "message": "…"}
    assert warning_row(warning, at=AT) == {**warning, "timestamp": "2026-01-06T10:30:15Z"}


def test_excluded_and_unprocessed_rows_say_why() -> None:
    assert excluded_row(make_user(), rule="guest")["rule"] == "guest"
    assert unprocessed_row(make_user()) == {
        "office365_id": ANN_ID,
        "user_principal_name": "ann@contoso.com",
    }


def test_times_are_utc_to_the_second() -> None:
    east = AT.astimezone(timezone(timedelta(hours=5)))
    assert iso_time(east) == iso_time(AT) == "2026-01-06T10:30:15Z"


# --- head -------------------------------------------------------------------------------------------------------------


def test_head_has_the_specified_names_and_types() -> None:
    report = head()
    assert report["sync_mode"] == "incremental"
    assert report["sync_timestamp"] == "2026-01-06T10:30:00Z"
    assert tuple(report["statistics"]) == STATISTICS
    assert report["statistics"] == dict(zip(STATISTICS, (150, 20, 8, 7, 3, 2, 1), strict=True))
    assert (report["run_id"], report["connector"], report["trigger"], report["dry_run"]) == (
        "r1",
        "contoso",
        "cli",
        False,
    )
    assert (report["finished_at"], report["duration_s"]) == ("2026-01-06T10:30:15Z", 15.9)


def test_mode_is_what_the_run_really_was() -> None:
    assert head(run=RUN.model_copy(update={"mode": "full"}))["sync_mode"] == "full"


@given(
    st.dictionaries(
        st.sampled_from(
            ["created", "updated", "skipped", "error", "unprocessed", "excluded", "warnings", "deactivated"]
        ),
        st.integers(0, 10**6),
    )
)
def test_processed_users_are_always_created_updated_skipped_and_errors(counts: dict[str, int]) -> None:
    found = head(counts)["statistics"]
    parts = ("contacts_created", "contacts_updated", "contacts_skipped", "errors")
    assert found["users_processed"] == sum(found[name] for name in parts)
    assert found["total_office365_users"] == 150


def test_deactivated_contacts_count_within_the_updated_ones() -> None:
    found = head({"updated": 3, "deactivated": 2})["statistics"]
    assert (found["contacts_updated"], found["contacts_deactivated"], found["users_processed"]) == (3, 2, 3)


def test_excluded_users_count_nowhere() -> None:
    assert head({"excluded": 5})["statistics"]["users_processed"] == 0


CONNECTOR_ERROR = error_row(None, code="PermissionDenied", message="…", at=AT)


@pytest.mark.parametrize(
    ("counts", "facts", "success"),
    [
        ({}, {}, True),
        ({"created": 1, "updated": 1, "skipped": 1, "excluded": 1, "warnings": 9}, {}, True),
        ({"error": 1}, {}, False),
        ({"unprocessed": 1}, {}, False),
        ({}, {"errors": [CONNECTOR_ERROR]}, False),
        ({}, {"run": RUN.model_copy(update={"stopping": "cancelled"})}, False),
    ],
)
def test_success_means_completed_and_nobody_failed(
    counts: dict[str, int], facts: dict[str, Any], *, success: bool
) -> None:
    assert head(counts, **facts)["success"] is success


def test_error_of_the_whole_connector_stands_in_errors_but_not_in_the_statistics() -> None:
    report = written(head({}, errors=[CONNECTOR_ERROR]))
    assert report["errors"] == [CONNECTOR_ERROR]
    assert report["errors"][0]["user_principal_name"] is None
    assert report["statistics"]["errors"] == 0
    assert report["success"] is False


# --- the report -------------------------------------------------------------------------------------------------------


def test_report_has_every_list_in_the_specified_order_and_further_keys_after() -> None:
    report = written(head({}))
    assert list(report)[:8] == [
        "success",
        "sync_mode",
        "sync_timestamp",
        "statistics",
        "created_contacts",
        "updated_contacts",
        "errors",
        "warnings",
    ]
    assert all(report[key] == [] for key in ROW_KINDS.values())
    assert {"run_id", "dry_run", "connector", "trigger", "finished_at", "duration_s"} < set(report)


def test_rows_of_the_run_stand_before_those_of_users() -> None:
    user_error = error_row("ann@contoso.com", code="DuplicateContact", message="…", at=AT)
    mode = warning_row({"user_principal_name": None, "code": "ModeChanged", "message": "…"}, at=AT)
    report = written(
        head({"error": 1}, errors=[CONNECTOR_ERROR], warnings=[mode]), errors=[user_error], warnings=[{"code": "X"}]
    )
    assert report["errors"] == [CONNECTOR_ERROR, user_error]
    assert report["warnings"] == [mode, {"code": "X"}]


@given(
    st.dictionaries(
        st.sampled_from(list(ROW_KINDS)), st.lists(st.dictionaries(st.text(), st.text() | st.none()), max_size=3)
    )
)
def test_whatever_the_rows_hold_the_report_is_json_with_those_rows(rows: dict[RowKind, list[dict[str, Any]]]) -> None:
    report = written(head({}), **rows)
    for kind, key in ROW_KINDS.items():
        assert report[key] == rows.get(kind, [])


def test_rows_are_written_one_by_one() -> None:
    out = io.StringIO()
    waiting: list[int] = []

    def rows(kind: RowKind) -> Iterator[dict[str, Any]]:
        for number in range(1000 if kind == "created" else 0):
            waiting.append(number - out.getvalue().count('"number"'))
            yield {"number": number}

    write_report(head({"created": 1000}), rows, out)
    assert max(waiting) == 0
    assert len(json.loads(out.getvalue())["created_contacts"]) == 1000


def test_row_holds_each_changed_field_with_its_old_and_new_value() -> None:
    draft = make_draft()
    row = success_row(Planned(user=make_user(), read_at_ms=0, draft=draft))
    assert row["changes"] == {name: [None, value] for name, value in draft.fields.items()}
    change = ContactChange(contact_id="7", company_id="250", fields={"phone": "2", "fax": None})
    before: dict[str, str | None] = {"phone": "1", "fax": "9"}
    planned = Planned(user=make_user(), read_at_ms=0, change=change, changed_fields=("phone", "fax"), before=before)
    assert success_row(planned)["changes"] == {"phone": ["1", "2"], "fax": ["9", None]}
