"""The schedule with real beats and real workers: each moment gets one run, whatever beats live or die."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.processes import ROOT, Process
from tests.integration.stack import Stack, running_stack, wait_for

NEW_YEAR = 'schedule = "0 0 1 1 *"'  # no moment passes while a test runs
LONG_AGO_MS = 400 * 86_400_000
SEVERAL_ROUNDS_S = 4.0  # of beat, which goes round each second here
CONNECTORS = {"demo": NEW_YEAR, "off": f"{NEW_YEAR}\noffice365_sync_enabled = false"}


@pytest.fixture
def dispatch_s() -> float:
    return 1


@pytest.fixture
def stack(tmp_path: Path, dispatch_s: float) -> Iterator[Stack]:
    with running_stack(tmp_path, users=20, connectors=CONNECTORS, timing={"dispatch_s": dispatch_s}) as running:
        yield running


def test_missed_moment_gets_one_run_from_two_beats_and_none_where_sync_is_off(stack: Stack) -> None:
    for connector in CONNECTORS:
        miss_a_moment(stack, connector)
    first = start_beating(stack)
    first.send_signal(signal.SIGSTOP)
    second = start_beating(stack, by_celery=True)
    first.send_signal(signal.SIGCONT)
    stack.start_worker()
    wait_for(lambda: bool(runs_of(stack, "demo")), timeout_s=30, what=stack.log)
    stack.wait(runs_of(stack, "demo")[0])
    time.sleep(SEVERAL_ROUNDS_S)
    assert (first.poll(), second.poll()) == (None, None), said(stack)
    assert len(runs_of(stack, "demo")) == 1
    assert runs_of(stack, "off") == []


def test_beat_killed_is_followed_by_one_that_catches_up_once(stack: Stack) -> None:
    beat = start_beating(stack)
    stack.start_worker()
    wait_for(lambda: stack.store.memory.last_tick("demo") is not None, timeout_s=30, what=stack.log)
    stack.kill(beat)
    miss_a_moment(stack, "demo")
    stack.start_beat()
    wait_for(lambda: bool(runs_of(stack, "demo")), timeout_s=30, what=lambda: said(stack))
    stack.wait(runs_of(stack, "demo")[0])
    time.sleep(SEVERAL_ROUNDS_S)
    assert len(runs_of(stack, "demo")) == 1


def test_moments_missed_without_any_worker_are_one_run_when_one_comes(stack: Stack) -> None:
    miss_a_moment(stack, "demo")
    stack.start_beat()
    wait_for(lambda: messages(stack) >= 8, timeout_s=30, what=lambda: said(stack))
    assert runs_of(stack, "demo") == []
    stack.start_worker()
    wait_for(lambda: bool(runs_of(stack, "demo")), timeout_s=30, what=stack.log)
    stack.wait(runs_of(stack, "demo")[0])
    wait_for(lambda: messages(stack) == 0, timeout_s=30, what=stack.log)
    assert len(runs_of(stack, "demo")) == 1


@pytest.mark.timeout(180)
def test_new_customer_gets_its_run_at_its_time_without_a_restart(stack: Stack) -> None:
    start_beating(stack)
    stack.start_worker()
    wait_for(lambda: stack.store.memory.last_tick("demo") is not None, timeout_s=30, what=stack.log)
    moment = (datetime.now(UTC) + timedelta(seconds=70)).replace(second=0, microsecond=0)
    stack.publish({**CONNECTORS, "new": f'schedule = "{moment:%M %H} * * *"'})
    wait_for(lambda: stack.store.memory.last_tick("new") is not None, timeout_s=10, what=stack.log)
    assert runs_of(stack, "new") == [], "a new connector's schedule counts from its first sight"
    wait_for(lambda: bool(runs_of(stack, "new")), timeout_s=80, what=stack.log)
    head = stack.wait(runs_of(stack, "new")[0])
    assert [each["kind"] for each in head["held"]] == ["first_run"], head
    assert datetime.fromisoformat(head["sync_timestamp"]) >= moment
    assert stack.store.memory.last_tick("new") == int(moment.timestamp() * 1000)


@pytest.mark.parametrize("dispatch_s", [60])
def test_beat_begins_with_what_was_missed_and_leaves_no_file(stack: Stack) -> None:
    before = set(ROOT.iterdir())
    beat = start_beating(stack)
    beat.terminate()
    assert beat.wait(10) == 0
    assert set(ROOT.iterdir()) == before
    assert not stack.settings.service.state_dir.exists()


def start_beating(stack: Stack, *, by_celery: bool = False) -> Process:
    """Start a beat, and see it send while no worker takes what it sends."""
    before = messages(stack)
    beat = stack.start_celery_beat() if by_celery else stack.start_beat()
    wait_for(lambda: messages(stack) >= before + 2, timeout_s=30, what=lambda: said(stack))
    return beat


def miss_a_moment(stack: Stack, connector: str) -> None:
    last_ms = stack.ports.runs.now_ms() - LONG_AGO_MS
    stack.store.connection.client.hset(stack.store.connection.keys.ticks, connector, str(last_ms))


def runs_of(stack: Stack, connector: str) -> list[str]:
    open_runs = [run.run_id for run in stack.store.reports.open_runs() if run.connector_id == connector]
    closed = [str(head["run_id"]) for head in stack.store.reports.heads(connector_id=connector)]
    return sorted({*open_runs, *closed})


def messages(stack: Stack) -> int:
    return int(stack.store.connection.client.llen("control"))


def said(stack: Stack) -> str:
    return "\n".join(path.read_text() for path in sorted(stack.folder.glob("beat-*.log")))
