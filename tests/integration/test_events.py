"""What an event receiver, as Flower is one, hears of a run."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack import Json, Stack, running_stack, wait_for

STEPS = {"sync.start_run", "sync.fan_out", "sync.judge", "sync.feed", "sync.summarize_batch", "sync.close_run"}


@pytest.fixture
def workers() -> str:
    return ""


@pytest.fixture
def stack(tmp_path: Path, workers: str) -> Iterator[Stack]:
    with running_stack(tmp_path, users=20, workers=workers) as running:
        yield running


def test_each_step_and_each_user_is_told_with_no_more_than_ids_and_names(stack: Stack) -> None:
    with listening(stack) as events:
        report, told = run_and_listen(stack, events)
    statistics = report["statistics"]
    assert set(told) >= STEPS
    names = {row["user_principal_name"] for row in [*report["created_contacts"], *report["updated_contacts"]]}
    assert len(names) == statistics["contacts_created"] + statistics["contacts_updated"] > 0
    shown = [event for event in received(events) if event["name"] == "sync.upsert_contact"]  # twice, if one was late
    assert {event["args"] for event in shown} == {f"({name}, {report['run_id']})" for name in names}
    assert {event["kwargs"] for event in received(events)} == {"{}"}


@pytest.mark.parametrize("workers", ["user_events = false"])
def test_user_events_switched_off_leave_out_the_users_and_nothing_else(stack: Stack) -> None:
    with listening(stack) as events:
        report, told = run_and_listen(stack, events)
    assert report["statistics"]["contacts_created"] > 0
    assert "sync.upsert_contact" not in told
    assert set(told) >= STEPS
    ids = {str(row["office365_id"]) for row in report["created_contacts"]}
    assert not [event for event in events if ids & set(str(event.get("uuid", "")).split(":"))]


def run_and_listen(stack: Stack, events: list[Json]) -> tuple[Json, Counter[str]]:
    stack.start_worker()
    report = stack.run(sync_mode="full")
    wait_for(lambda: ends_told(events), timeout_s=20, what=lambda: f"{Counter(event['type'] for event in events)}")
    return report, Counter(event["name"] for event in received(events))


def ends_told(events: list[Json]) -> bool:
    """Tell whether the last step has been told as done."""
    closing = {event["uuid"] for event in received(events) if event["name"] == "sync.close_run"}
    return any(event["type"] == "task-succeeded" and event["uuid"] in closing for event in list(events))


def received(events: list[Json]) -> list[Json]:
    return [event for event in list(events) if event["type"] == "task-received"]


@contextmanager
def listening(stack: Stack) -> Iterator[list[Json]]:
    """Collect all task events; yields the growing list."""
    events: list[Json] = []
    ready = threading.Event()
    with stack.app.connection_for_read() as connection:
        receiver: Any = stack.app.events.Receiver(connection, handlers={"*": events.append})
        receiver.on_consume_ready = lambda *_, **__: ready.set()
        thread = threading.Thread(target=receiver.capture, kwargs={"limit": None, "wakeup": False}, daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield events
        finally:
            receiver.should_stop = True
            thread.join(10)
