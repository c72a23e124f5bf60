"""Flower as an operator sees it: behind a password, with the users' tasks under their user principal names."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from celery import Celery
from playwright.sync_api import Browser, Page, expect

from tests.fakes.valkey import running_valkey

pytestmark = pytest.mark.browser

USER, PASSWORD = "operator", "open sesame"
NAME = "zoë.o'hara@contoso.example"
PATIENCE_S = 20


class Stage:
    """Where Flower listens, and how a task gets into its table."""

    def __init__(self, url: str, open_url: str, redis_url: str) -> None:
        self.url = url
        self.open_url = open_url
        self._app = Celery(broker=redis_url, set_as_current=False)

    def start_task(self, name: str) -> None:
        """Publish a user's task with what the product shows of it."""
        with self._app.connection_for_write() as connection:
            self._app.send_task(
                "sync.upsert_contact",
                ("run-1", "3f2a"),
                queue="upsert",
                connection=connection,
                argsrepr=f"({name}, run-1)",
                kwargsrepr="{}",
                ignore_result=True,
            )


@contextmanager
def running(part: str, *arguments: str, environment: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.browser.stage", part, *arguments]
    process = subprocess.Popen(command, env=os.environ | environment, cwd=Path(__file__).parents[2])
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM if part == "flower" else signal.SIGKILL)
        process.wait(PATIENCE_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(f"{url}/healthcheck").is_success:
                return
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    listen, open_listen = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with running_valkey() as valkey:
        environment = {"STAGE_REDIS_URL": valkey.url, "STAGE_AUTH": f"{USER}:{PASSWORD}"}
        with (
            running("worker", environment=environment),
            running("flower", listen, environment=environment),
            running("flower", open_listen, "--operations", environment=environment),
        ):
            stage = Stage(f"http://{listen}", f"http://{open_listen}", valkey.url)
            wait_until_healthy(stage.url)
            wait_until_healthy(stage.open_url)
            yield stage


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        http_credentials={"username": USER, "password": PASSWORD}, viewport={"width": 1400, "height": 800}
    )
    yield context.new_page()
    context.close()


def test_a_running_upsert_is_found_by_user_principal_name(stage: Stage, page: Page, tmp_path: Path) -> None:
    stage.start_task("somebody.else@contoso.example")
    stage.start_task(NAME)
    page.goto(f"{stage.url}/tasks")
    page.get_by_role("searchbox").fill(NAME)
    row = page.locator("#tasks-table tbody tr", has_text=NAME)
    until = time.monotonic() + PATIENCE_S
    while not (row.is_visible() and "STARTED" in row.inner_text()) and time.monotonic() < until:
        page.wait_for_timeout(500)
        page.reload()
        page.get_by_role("searchbox").fill(NAME)
    page.screenshot(path=tmp_path / "tasks.png")
    expect(row).to_contain_text("sync.upsert_contact")
    expect(row).to_contain_text("STARTED")
    expect(page.locator("#tasks-table tbody tr")).to_have_count(1)


def test_nobody_gets_in_without_the_password(stage: Stage) -> None:
    for path in ("/", "/tasks", "/workers", "/broker", "/api/tasks"):
        assert httpx.get(f"{stage.url}{path}").status_code == 401
        assert httpx.get(f"{stage.url}{path}", auth=(USER, "wrong")).status_code == 401


def test_flower_only_shows_unless_it_is_opened(stage: Stage) -> None:
    path = "/api/task/async-apply/sync.upsert_contact"
    inputs = {"kwargs": {"run_id": "run-2", "user_id": "77aa"}}
    assert httpx.post(f"{stage.url}{path}", json=inputs, auth=(USER, PASSWORD)).status_code == 403
    assert httpx.post(f"{stage.open_url}{path}", json=inputs).status_code == 401
    task_id = httpx.post(f"{stage.open_url}{path}", json=inputs, auth=(USER, PASSWORD)).json()["task-id"]
    wait_until_started(stage, task_id)


def wait_until_started(stage: Stage, task_id: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        answer = httpx.get(f"{stage.url}/api/task/info/{task_id}", auth=(USER, PASSWORD))
        if answer.is_success and answer.json()["state"] == "STARTED":
            return
        time.sleep(0.2)
    pytest.fail(f"{task_id} was not started")
