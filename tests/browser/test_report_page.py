"""A report's page as its reader has it: foreign text does nothing, and the filter finds a change."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tasks.report_page import write_report_page

pytestmark = pytest.mark.browser

HOSTILE = '<script>document.title = "taken"</script><img src="https://evil.example/x" onerror="document.title=1">'
HEAD = {"success": True, "connector": "contoso", "run_id": "r1", "sync_mode": "full", "statistics": {"errors": 0}}
ROWS = {
    "updated": [
        {
            "user_principal_name": f"{name}@contoso.com",
            "display_name": HOSTILE,
            "status": "updated",
            "changes": {"phone": ["1", HOSTILE]},
        }
        for name in ("ann", "bob")
    ]
}


def test_foreign_text_does_nothing_and_the_filter_finds_a_change(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with path.open("w", encoding="utf-8") as out:
        write_report_page(HEAD, lambda kind: ROWS.get(kind, ()), out)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    expect(page.locator("li")).to_have_count(2)
    page.locator("#filter").fill("bob@contoso.com")
    expect(page.locator("#found")).to_have_text("1 shown")
    expect(page.locator("li:visible")).to_have_count(1)
    expect(page.locator("li:visible")).to_contain_text("bob@contoso.com")
    expect(page.locator("li:visible ins")).to_have_text(HOSTILE)
    expect(page).to_have_title("contoso")
    assert asked == [path.as_uri()]
    page.close()
