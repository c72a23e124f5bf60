"""Alerts and the heartbeat with a real beat, real workers and a web hook: told once, whoever is killed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.webhook import Webhook, running_webhook
from tests.integration.stack import Stack, running_stack, wait_for

ALERTS = "[service.alerts]\ngather = 1\nover_after = 1"
DEAD_KEY = {"vendor": "connectwise"}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as webhook:
        yield webhook


@pytest.fixture
def stack(tmp_path: Path, webhook: Webhook) -> Iterator[Stack]:
    service = f"""
notify = ["json://{webhook.address}/alerts"]
heartbeat_url = "http://{webhook.address}/alive"
{ALERTS}"""
    with running_stack(tmp_path, users=20, service=service) as running:
        yield running


def test_one_message_when_it_breaks_and_one_when_it_is_over_though_beat_and_worker_are_killed(
    stack: Stack, webhook: Webhook
) -> None:
    stack.fault("status", match=DEAD_KEY, status=401, times=1000)
    worker, beat = stack.start_worker(), stack.start_beat()
    report = stack.run(sync_mode="full")
    assert not report["success"]
    stack.kill(worker)
    stack.kill(beat)
    stack.start_worker()
    stack.start_beat()
    wait_for(lambda: len(titles(webhook)) >= 1, timeout_s=60, what=stack.log)
    assert titles(webhook) == ["contact-sync: main: runs fail (connectwise credentials_refused)"]
    assert f"contact-sync report {report['run_id']} --errors" in bodies(webhook)[0]
    stack.control.delete("faults")
    assert stack.run(sync_mode="full")["success"]
    wait_for(lambda: len(titles(webhook)) >= 2, timeout_s=60, what=stack.log)
    assert titles(webhook)[1].startswith("contact-sync: over: main")


def test_heartbeat_needs_beat_and_worker(stack: Stack, webhook: Webhook) -> None:
    beat = stack.start_beat()
    wait_for(lambda: stack.store.connection.client.llen("control") >= 6, timeout_s=30, what=stack.log)
    assert webhook.paths("GET") == [], "beat alone is not enough"
    worker = stack.start_worker()
    wait_for(lambda: len(webhook.paths("GET")) >= 2, timeout_s=30, what=stack.log)
    assert set(webhook.paths("GET")) == {"/alive"}
    stack.kill(beat)
    wait_for(lambda: stack.store.connection.client.llen("control") == 0, timeout_s=30, what=stack.log)
    wait_for(lambda: is_quiet(webhook), timeout_s=30, what=stack.log)
    assert worker.poll() is None, "the worker alone is not enough"


def is_quiet(webhook: Webhook, *, seconds: float = 3) -> bool:
    """Tell that nothing comes any more; beat went round each second."""
    before = len(webhook.paths("GET"))
    time.sleep(seconds)
    return len(webhook.paths("GET")) == before


def titles(webhook: Webhook) -> list[str]:
    return [body["title"] for method, _, body in webhook.got if method == "POST"]


def bodies(webhook: Webhook) -> list[str]:
    return [body["message"] for method, _, body in webhook.got if method == "POST"]
