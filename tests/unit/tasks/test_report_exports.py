"""Reports as CSV and as a page: everything is in them, and nothing in them is computed, run or loaded."""

import csv
import hashlib
import io
import re
from base64 import b64encode
from html.parser import HTMLParser
from typing import Any

import pytest

from tasks.report_csv import COLUMNS, harmless_cell, write_csv
from tasks.report_page import write_report_page
from tasks.visible import make_visible
from tests.fakes.engine import Engine

SCRIPT = "<script>alert(1)</script>"
HEAD: dict[str, Any] = {
    "success": False,
    "sync_mode": "full",
    "sync_timestamp": "2026-01-06T10:30:00Z",
    "statistics": {"users_processed": 3, "errors": 1},
    "errors": [{"user_principal_name": None, "code": "PermissionDenied", "message": "no", "timestamp": "t"}],
    "warnings": [],
    "run_id": "r1",
    "connector": "contoso",
}
CHANGED = {
    "office365_id": "u1",
    "user_principal_name": "ann@contoso.com",
    "display_name": SCRIPT,
    "psa_contact_id": "7",
    "psa_company_id": "250",
    "status": "updated",
    "changed_fields": ["job_title", "phone"],
    "changes": {"job_title": ["=1+1", '"><img src=https://evil.example/x>'], "phone": [None, "+49 30 1"]},
}
OFF = {
    **CHANGED,
    "user_principal_name": "off@contoso.com",
    "deactivated": True,
    "changes": {"active": ["true", "false"]},
}
ROWS: dict[str, list[dict[str, Any]]] = {
    "updated": [CHANGED, OFF],
    "errors": [{"user_principal_name": "x@contoso.com", "code": "E", "message": "m", "psa_error": "=cmd|'/c calc'!A0"}],
    "excluded": [{"user_principal_name": "guest@contoso.com", "rule": "guest", "display_name": "@SUM(A1)"}],
    "held": [
        {
            "user_principal_name": "held@contoso.com",
            "operation": "update",
            "before": {"phone": "1"},
            "after": {"phone": "2"},
        }
    ],
}


def table(**rows: Any) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    write_csv(HEAD, lambda kind: rows.get(kind, ()), out)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def page(_head: dict[str, Any] = HEAD, /, **rows: Any) -> str:
    out = io.StringIO()
    write_report_page(_head, lambda kind: rows.get(kind, ()), out)
    return out.getvalue()


def test_csv_lists_errors_first_and_everybody_in_each_of_his_lists() -> None:
    lines = table(**ROWS)
    assert tuple(lines[0]) == COLUMNS
    assert [(line["list"], line["user_principal_name"]) for line in lines] == [
        ("errors", ""),
        ("errors", "x@contoso.com"),
        ("updated_contacts", "ann@contoso.com"),
        ("updated_contacts", "off@contoso.com"),
        ("deactivated_contacts", "off@contoso.com"),
        ("excluded", "guest@contoso.com"),
        ("held_changes", "held@contoso.com"),
    ]
    assert lines[2]["changed_fields"] == "job_title,phone"
    assert lines[2]["changes"].splitlines()[1] == "phone: (nothing) → +49 30 1"
    assert (lines[6]["status"], lines[6]["changes"]) == ("update", "phone: 1 → 2")


def test_no_cell_of_the_csv_is_a_formula() -> None:
    cells = [cell for line in table(**ROWS) for cell in line.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert "'=cmd|'/c calc'!A0" in cells
    assert "'@SUM(A1)" in cells


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_cell_that_a_spreadsheet_would_compute_begins_with_an_apostrophe(start: str) -> None:
    assert harmless_cell(f"{start}1").startswith("'")
    assert harmless_cell(f"a{start}1").startswith("a")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ann\u202egnp", "Ann⟨U+202E⟩gnp"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\x1b[31m", "␛[31m"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("Jörg 中\u200d文", "Jörg 中\u200d文"),
    ],
)
def test_hidden_characters_are_shown_by_their_number(text: str, shown: str) -> None:
    assert make_visible(text) == shown
    assert harmless_cell(text) == shown
    assert shown in page(updated=[{**CHANGED, "display_name": text}])


class Tags(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.parts: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in self.parts:
            self.parts[self.found[-1][0]].append(data)


def test_page_runs_its_own_script_only_and_loads_nothing() -> None:
    text = page(**ROWS)
    tags = Tags(text)
    names = [name for name, _ in tags.found]
    assert names.count("script") == 1
    assert not {"img", "link", "iframe", "object", "embed", "base", "form"} & set(names)
    assert not [attrs for _, attrs in tags.found if {"src", "onclick", "onload", "style"} & set(attrs)]
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in tags.found)
    (policy,) = [attrs["content"] for _, attrs in tags.found if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for name in ("script", "style"):
        found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        assert found is not None
        digest = b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_display_name_and_values_are_text_and_nothing_else() -> None:
    text = page(**ROWS)
    assert SCRIPT not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<img" not in text


def test_page_shows_errors_first_and_each_change() -> None:
    text = page(**ROWS)
    places = [text.index(f'id="{name}"') for name in ("errors", "held", "deactivated", "updated", "excluded")]
    assert places == sorted(places)
    assert "The whole run" in text
    assert "<del>true</del>" in text
    assert "<ins>false</ins>" in text
    assert "not a success" in text


def test_page_of_a_run_that_changed_nothing_says_so() -> None:
    text = page({**HEAD, "success": True, "errors": []})
    assert "nothing failed, nothing changes" in text
    assert "<details" not in text


def test_dry_run_and_the_run_after_it_tell_the_same_changes(engine: Engine) -> None:
    ann = engine.directory.add_user("ann", business_phones=("1",))
    bob = engine.directory.add_user("bob", business_phones=("1",))
    engine.configure(on_leaver="deactivate")
    made = engine.run(sync_mode="full")
    assert {row["changes"]["phone"][0] for row in made["created_contacts"]} == {None}
    engine.run()
    engine.directory.change_user(ann.id, business_phones=("2",))
    engine.directory.change_user(bob.id, account_enabled=False)
    foreseen, done = engine.run(dry_run=True), engine.run()
    for report in (foreseen, done):
        changes = {row["user_principal_name"]: row["changes"] for row in report["updated_contacts"]}
        assert changes == {"ann@contoso.com": {"phone": ["1", "2"]}, "bob@contoso.com": {"active": ["true", "false"]}}
