"""Processes that stand still and come back: the store that nobody can reach, a worker that others took for dead."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact
from tests.integration.processes import Process
from tests.integration.stack import SMALL_TIMES, Stack, running_stack, wait_for

WRITES = {"vendor": "connectwise", "path": "/company/contacts"}
DEAD_S = SMALL_TIMES["dead_s"]
AWAKE_S = 3.0  # longer than a call waits for the budget
STORE_AWAY_S = 5.0  # longer than a heartbeat's age may be, and than a connection waits


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, users=120, requests_per_minute=1200) as running:
        yield running


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_store_out_of_reach_for_seconds_in_mid_run(stack: Stack, pool: str) -> None:
    stack.start_worker(pool=pool, concurrency=4)
    run_id = start_run(stack)
    with standing_still(store_pid(stack)):
        time.sleep(STORE_AWAY_S)
    assert_exact(stack, stack.wait(run_id, timeout_s=60))


def test_worker_taken_for_dead_writes_nothing_when_it_wakes(stack: Stack) -> None:
    sleeper, other = start_worker(stack), start_worker(stack)
    run_id = start_run(stack)
    with standing_still(sleeper.pid):
        report = stack.wait(run_id, timeout_s=60)
        last = stack.last_write()
    time.sleep(AWAKE_S)
    assert stack.last_write() == last, "it wrote what another worker had taken over"
    assert_exact(stack, report)
    assert (sleeper.poll(), other.poll()) == (None, None)


def test_worker_that_falls_asleep_again_and_again(stack: Stack) -> None:
    workers = [start_worker(stack), start_worker(stack)]
    run_id = start_run(stack)
    for worker in (*workers, *workers):
        with standing_still(worker.pid):
            time.sleep(2 * DEAD_S)
        time.sleep(0.3)
    assert_exact(stack, stack.wait(run_id, timeout_s=60))


def start_worker(stack: Stack) -> Process:
    before = stack.store.presence.living()
    worker = stack.start_worker(concurrency=8)
    wait_for(lambda: bool(set(stack.store.presence.living()) - set(before)), timeout_s=30, what=stack.log)
    return worker


def start_run(stack: Stack) -> str:
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: len(stack.writes()) > 10, timeout_s=40, what=lambda: stack.state(run_id))
    return run_id


def store_pid(stack: Stack) -> int:
    return int(stack.store.connection.client.info("server")["process_id"])


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
