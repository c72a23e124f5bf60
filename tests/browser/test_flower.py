"""Flower as an operator sees it during a run: who is being written, and nothing else about anybody."""

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flower.urls import handlers
from playwright.sync_api import Browser, Page, expect

from tests.integration.exact import assert_exact
from tests.integration.stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.browser

Json = dict[str, Any]

LOGIN = ("operator", "open sesame")
PATIENCE_S = 20
WRITE_S = 12  # less than a write's deadline, and long enough to look at it
PERSONAL = ("displayName", "mail", "mobilePhone", "department", "jobTitle", "officeLocation", "streetAddress")

OPERATIONS = [
    pattern
    for pattern, handler in (each[:2] for each in handlers if isinstance(each, tuple))
    if pattern.startswith("/api/") and handler.post.__module__.startswith("flower.")
]
"""Everything in Flower that does something."""


class Watched:
    """An installation with Flower, and what its tenant's users are called."""

    def __init__(self, stack: Stack, url: str) -> None:
        self.stack = stack
        self.url = url
        self.users: list[Json] = stack.control.get("users").json()["users"]

    def api(self, path: str) -> httpx.Response:
        """Ask Flower as who knows the password."""
        return httpx.get(f"{self.url}{path}", auth=LOGIN).raise_for_status()

    def sees_worker(self) -> bool:
        """Tell whether Flower has heard of the worker, so that no event of a run is missed."""
        try:
            rows: list[Json] = self.api("/workers?json=1").json()["data"]
        except httpx.TransportError:
            return False
        return any(row.get("status") for row in rows)

    def new_user(self) -> Json:
        """Return a user who gets a new contact, the one with the most unusual user principal name."""
        truth = self.stack.control.get("truth").json()["users"]
        created = {user["id"] for user in truth if user["outcome"] == "created"}
        plain = re.compile(r"[a-z0-9.@-]")
        return max(
            (user for user in self.users if user["id"] in created),
            key=lambda user: len(plain.sub("", user["userPrincipalName"])),
        )

    def personal_data_in(self, text: str) -> set[str]:
        """Return what a text says of the tenant's users beside their user principal names."""
        for name in sorted((user["userPrincipalName"] for user in self.users), key=len, reverse=True):
            text = text.replace(name, "")
        values = {str(user[key]) for user in self.users for key in PERSONAL if user.get(key)}
        values |= {phone for user in self.users for phone in user.get("businessPhones", ())}
        return {value for value in values if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    service = f'flower_listen = "{listen}"\nflower_basic_auth = "{":".join(LOGIN)}"'
    folder = tmp_path_factory.mktemp("watched")
    with running_stack(folder, users=200, timing={}, service=service) as stack:
        stack.start_flower()
        stack.start_service_worker()
        watched = Watched(stack, f"http://{listen}")
        wait_for(watched.sees_worker, timeout_s=40, what=(folder / "flower.log").read_text)
        yield watched


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    user, password = LOGIN
    context = browser.new_context(
        http_credentials={"username": user, "password": password}, viewport={"width": 1400, "height": 800}
    )
    yield context.new_page()
    context.close()


def test_a_running_upsert_is_found_by_user_principal_name(watched: Watched, page: Page) -> None:
    stack, user = watched.stack, watched.new_user()
    name = user["userPrincipalName"]
    match = {"vendor": "connectwise", "method": "POST", "path": "/company/contacts$", "body": user["mail"]}
    stack.fault("slow", match=match, seconds=WRITE_S)
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: stack.state(run_id))

    page.goto(f"{watched.url}/")
    page.get_by_role("link", name="Tasks").click()
    row = search(page, name)
    expect(row).to_contain_text("sync.upsert_contact")
    expect(row).to_contain_text(run_id)
    expect(row).to_contain_text("STARTED")
    expect(page.locator("#tasks-table tbody tr")).to_have_count(1)
    page.screenshot(path=stack.folder / "tasks.png")
    assert not watched.personal_data_in(page.content())

    row.get_by_role("link").last.click()  # the task's own page
    expect(page.locator("body")).to_contain_text(name)
    assert not watched.personal_data_in(page.content())

    assert_exact(stack, stack.wait(run_id))
    tasks = watched.api("/api/tasks").text
    assert "SUCCESS" in tasks
    assert not watched.personal_data_in(tasks)


def search(page: Page, name: str) -> Any:
    """Type a name into the search field until Flower has drawn its row."""
    row = page.locator("#tasks-table tbody tr", has_text=name)
    for _ in range(PATIENCE_S):
        page.get_by_role("searchbox").fill(name)
        page.wait_for_timeout(500)
        if row.count():
            break
        page.reload()
    return row


def test_personal_data_would_be_noticed(watched: Watched) -> None:
    user = next(user for user in watched.users if user.get("mobilePhone"))
    text = f"({user['userPrincipalName']}, {user['displayName']}, {user['mobilePhone']})"
    assert watched.personal_data_in(text) >= {user["displayName"], user["mobilePhone"]}
    assert not watched.personal_data_in(f"({user['userPrincipalName']}, run-1)")


def test_nobody_gets_in_without_the_password(watched: Watched) -> None:
    for path in ("/", "/tasks", "/workers", "/broker", "/api/tasks"):
        assert httpx.get(f"{watched.url}{path}").status_code == 401
        assert httpx.get(f"{watched.url}{path}", auth=(LOGIN[0], "wrong")).status_code == 401


def test_flower_only_shows(watched: Watched) -> None:
    inputs = {"kwargs": {"connector": "demo", "request": {}}}
    before = watched.stack.store.connection.client.llen("control")
    assert len(OPERATIONS) >= 14
    for path in OPERATIONS:
        name = "sync.start_run" if "/task/" in path else "celery@here"
        address = f"{watched.url}{path.replace('(.+)', name)}"
        assert httpx.post(address, json=inputs, auth=LOGIN).status_code == 403, path
        assert httpx.post(address, json=inputs).status_code == 401, path
    assert watched.stack.store.connection.client.llen("control") == before == 0
