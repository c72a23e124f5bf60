"""An audit's page as its reader has it: foreign text does nothing, and the filter finds a duplicate."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tasks.auditing.audit_page import write_audit_page
from tests.unit.tasks.auditing.crowd import a_contact, a_user
from tests.unit.tasks.auditing.test_audit_exports import an_audit

pytestmark = pytest.mark.browser

HOSTILE = '<img src="https://evil.example/x" onerror="document.title=1">'


def test_foreign_text_does_nothing_and_the_filter_finds_a_duplicate(browser: Browser, tmp_path: Path) -> None:
    users = [
        a_user(n, f"{name} Lee", f"{name}@x.example", f"{name}2@x.example") for n, name in enumerate(("ann", "bob"))
    ]
    contacts = [
        a_contact(f"{name}{mail}", "", f"{mail}@x.example", fields={"first_name": name, "last_name": last})
        for name, last in (("ann", "Lee"), ("bob", HOSTILE))
        for mail in (name, f"{name.upper()}")
    ]
    path = tmp_path / "audit.html"
    with path.open("w", encoding="utf-8") as out:
        write_audit_page([an_audit(contacts, tuple(users))], out)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    duplicates = page.locator("#duplicates-0 > ol > li")
    expect(duplicates).to_have_count(2)
    page.locator("#filter").fill("bob@x.example")
    expect(page.locator("#found")).to_have_text("1 shown")
    expect(page.locator("#duplicates-0 > ol > li:visible")).to_have_count(1)
    expect(page.locator("#duplicates-0 > ol > li:visible")).to_contain_text(HOSTILE)
    page.locator("#filter").fill("lacking department")
    expect(page.locator("tbody > tr:visible")).to_have_count(1)
    expect(page).to_have_title("Audit of contoso")
    assert asked == [path.as_uri()]
    page.close()
