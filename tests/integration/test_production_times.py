"""Recovery with the times that production has: a kill costs less than a minute, and nothing is lost or doubled."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact
from tests.integration.processes import Process
from tests.integration.stack import Stack, running_stack, wait_for

RECOVERY_S = 60.0
COMPLETE_S = 90.0  # a write that may be under way is waited for, two deadlines of 20 s and a margin, then looked up
LAST_ANSWERS_S = 0.5  # what the killed ones had sent is written by then
WORKERS = 2

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, users=600, timing={}) as running:
        running.control.post("limits", json={"latency_ms": 100})
        yield running


def test_one_of_two_workers_killed(stack: Stack) -> None:
    workers = start_workers(stack)
    run_id = start_run(stack)
    killed_s = time.monotonic()
    stack.kill(workers[0])
    wait_for_recovery(stack, run_id, killed_s=killed_s)


def test_all_workers_and_beat_killed_and_one_started(stack: Stack) -> None:
    workers = start_workers(stack)
    beat = stack.start_beat()
    run_id = start_run(stack)
    killed_s = time.monotonic()
    for process in (*workers, beat):
        stack.kill(process)
    stack.start_worker()
    wait_for_recovery(stack, run_id, killed_s=killed_s)


def start_workers(stack: Stack) -> list[Process]:
    workers = [stack.start_worker(concurrency=32) for _ in range(WORKERS)]
    wait_for(lambda: len(stack.store.presence.living()) == WORKERS, timeout_s=40, what=stack.log)
    return workers


def start_run(stack: Stack) -> str:
    """Start a full run, and wait until it is well under way."""
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.last_write() > 60, timeout_s=60, what=lambda: stack.state(run_id))
    return run_id


def wait_for_recovery(stack: Stack, run_id: str, *, killed_s: float) -> None:
    """Wait until somebody writes again, and until the run is closed: both in time, and exact."""
    time.sleep(LAST_ANSWERS_S)
    last = stack.last_write()
    wait_for(lambda: stack.last_write() > last, timeout_s=RECOVERY_S, what=lambda: stack.state(run_id))
    log.info("it writes again after %.1f s", time.monotonic() - killed_s)
    report = stack.wait(run_id, timeout_s=COMPLETE_S)
    log.info("it is complete after %.1f s", time.monotonic() - killed_s)
    assert_exact(stack, report)
