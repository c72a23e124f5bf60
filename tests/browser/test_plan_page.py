"""A plan's page as its reviewer has it: five hundred changes, picked by what is done and by field."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from adapters.records import KeptPlan
from tasks.plans.exports import write_plan_page

pytestmark = pytest.mark.browser

STEPS, STEP_MS = 20, 500
HOSTILE = '<script>document.title = "taken"</script><img src="https://evil.example/x" onerror="document.title=1">'
PLAN = KeptPlan(
    number=7,
    run_id="r1",
    connector_id="contoso",
    trigger="cli",
    kept_at_ms=0,
    lines=500,
    digest="3fa9c1d07be2c9a6" * 4,
    is_held=False,
    home="tenant@main",
    config_version=2,
    fingerprint="f1",
    request={},
)
LINES = [
    {
        "office365_id": f"id-{number}",
        "user_principal_name": f"user{number}@contoso.com",
        "display_name": HOSTILE,
        "psa_contact_id": str(number),
        "psa_company_id": "250",
        "operation": "deactivate" if number < 10 else "update",
        "fingerprint": "abc",
        "changes": {"active": ["true", "false"]}
        if number < 10
        else {("phone" if number % 2 else "job_title"): ["old", f"new {number}"]},
    }
    for number in range(500)
]


def test_five_hundred_changes_are_picked_by_kind_and_by_field(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    with path.open("w", encoding="utf-8") as out:
        write_plan_page(PLAN, lambda: LINES, out)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    expect(page).to_have_title("Plan 7: contoso")
    expect(page.locator("li")).to_have_count(500)
    expect(page.locator("#deactivated li")).to_have_count(10)
    page.locator("#updated button", has_text="phone").click()
    expect(page.locator("#found")).to_have_text("245 shown")
    page.locator("#filter").fill("user499@contoso.com")
    expect(page.locator("li:visible")).to_have_count(1)
    expect(page.locator("li:visible del")).to_have_text("old")
    expect(page.locator("li:visible ins")).to_have_text("new 499")
    expect(page).to_have_title("Plan 7: contoso")
    assert asked == [path.as_uri()]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("[...document.querySelectorAll('nav')].every((nav) => nav.scrollWidth <= nav.clientWidth)")
    page.close()


def test_without_scripts_everything_can_be_read(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "plan.html"
    with path.open("w", encoding="utf-8") as out:
        write_plan_page(PLAN, lambda: LINES, out)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    expect(page.locator("li")).to_have_count(500)
    for group, number, new in (("deactivated", 9, "false"), ("updated", 489, "new 499")):
        line = page.locator(f"#{group} li").nth(number)
        bring_into_view(line)
        expect(line.locator("ins")).to_be_visible()
        expect(line.locator("ins")).to_have_text(new)
    expect(page.locator("#filter")).to_be_hidden()  # it would do nothing
    context.close()


def bring_into_view(line: Locator) -> None:
    """Scroll to it: the height of lines that were never drawn is a guess, so that one step may miss."""
    for _ in range(STEPS):
        line.scroll_into_view_if_needed()
        with suppress(AssertionError):
            expect(line).to_be_in_viewport(timeout=STEP_MS)
            return
    expect(line).to_be_in_viewport()
