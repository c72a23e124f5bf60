"""A plan as people and programs get it."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.records import KeptPlan
from tasks.plans.exports import COLUMNS, count_lines, write_plan, write_plan_csv, write_plan_page

HOSTILE = '=HYPERLINK("https://evil.example")<script>alert(1)</script>'
PLAN = KeptPlan(
    number=7,
    run_id="r1",
    connector_id="contoso",
    trigger="cli",
    kept_at_ms=0,
    lines=3,
    digest="3fa9c1d07be2c9a6" * 4,
    is_held=False,
    home="tenant@main",
    config_version=2,
    fingerprint="f1",
    request={},
)


def a_line(operation: str, **facts: Any) -> dict[str, Any]:
    line = {
        "office365_id": "id-1",
        "user_principal_name": "ann@contoso.com",
        "display_name": HOSTILE,
        "psa_contact_id": "12",
        "psa_company_id": "250",
        "operation": operation,
        "fingerprint": "abc",
    }
    return line | facts


LINES = [
    a_line("create", psa_contact_id=None, status="created", changes={"first_name": [None, HOSTILE]}),
    a_line("update", status="updated", changes={"phone": ["1", "2"], "job_title": ["Clerk", None]}),
    a_line("deactivate", kinds=["deactivations"], before={"active": "true"}, after={"active": "false"}),
]


def test_lines_are_counted_by_operation_and_changes_by_field() -> None:
    operations, fields = count_lines(LINES)
    assert operations == {"create": 1, "update": 1, "deactivate": 1}
    assert fields == {"phone": 1, "job_title": 1}


def test_plan_as_json_is_one_object_with_its_changes() -> None:
    out = io.StringIO()
    write_plan(PLAN, lambda: LINES, out)
    plan = json.loads(out.getvalue())
    assert (plan["plan"], plan["lines"], plan["state"]) == (7, 3, "waits")
    assert [change["changes"] for change in plan["changes"]] == [
        {"first_name": [None, HOSTILE]},
        {"phone": ["1", "2"], "job_title": ["Clerk", None]},
        {"active": ["true", "false"]},
    ]


def test_plan_as_csv_has_a_line_a_contact_that_no_spreadsheet_computes() -> None:
    out = io.StringIO()
    write_plan_csv(PLAN, lambda: LINES, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert tuple(rows[0]) == COLUMNS
    assert [row["changed_fields"] for row in rows] == ["first_name", "phone,job_title", "active"]
    assert rows[1]["changes"] == "phone: 1 → 2\njob_title: Clerk → (nothing)"
    assert all(row["display_name"].startswith("'=") for row in rows)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "contact-sync apply 7"),
        ({"is_held": True}, "contact-sync approve r1"),
        ({"carried_by": "r2"}, "r2"),
        ({"replaced_by": "r3"}, "replaced"),
    ],
)
def test_plan_as_a_page_says_how_it_is_carried_out_or_what_became_of_it(facts: dict[str, Any], said: str) -> None:
    out = io.StringIO()
    write_plan_page(PLAN.model_copy(update=facts), lambda: LINES, out)
    page = out.getvalue()
    assert said in page
    assert "<script>alert" not in page
    assert [page.count(f'id="{group}"') for group in ("deactivated", "created", "updated")] == [1, 1, 1]


class Alive(dict[str, Any]):
    """A line that is counted as long as somebody holds it."""

    now = most = 0

    def __init__(self, line: dict[str, Any]) -> None:
        super().__init__(line)
        Alive.now += 1
        Alive.most = max(Alive.most, Alive.now)

    def __del__(self) -> None:
        Alive.now -= 1


@pytest.mark.parametrize(("write", "readings"), [(write_plan, 1), (write_plan_csv, 1), (write_plan_page, 4)])
def test_of_thousands_of_lines_few_are_held_and_each_is_read_once_or_once_a_group(
    write: Callable[..., None], readings: int
) -> None:
    Alive.now = Alive.most = read = 0

    def read_lines() -> Iterator[dict[str, Any]]:
        nonlocal read
        for line in LINES * 1000:
            read += 1
            yield Alive(line)

    with Path(os.devnull).open("w", encoding="utf-8") as out:
        write(PLAN.model_copy(update={"lines": 3000}), read_lines, out)
    assert read == readings * 3000
    assert Alive.most < 10
