"""Workers asked to end in the middle of a run: soon, without losing an answer, and the run goes on at once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact
from tests.integration.processes import Process
from tests.integration.stack import Stack, running_stack, wait_for

WRITES = {"vendor": "connectwise", "path": "/company/contacts"}
WRITE_DEADLINE_S = 2.0  # of the stack's small times
SOFT_SHUTDOWN_S = 1.5 * WRITE_DEADLINE_S
ENDING_S = 15.0  # what Celery takes to end, on a busy machine
SOON_S = 60.0  # below the visibility time-out of 90 s


@pytest.fixture
def users() -> int:
    return 120


@pytest.fixture
def stack(tmp_path: Path, users: int) -> Iterator[Stack]:
    with running_stack(tmp_path, users=users, requests_per_minute=1200) as running:  # the writes take some seconds
        yield running


def test_worker_asked_to_end_hears_the_answers_of_its_writes_first(stack: Stack) -> None:
    worker = stack.start_service_worker()
    stack.fault("slow", match={**WRITES, "method": "POST"}, times=4, after=5, seconds=1)
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() >= 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    assert seconds_to_end(worker) < WRITE_DEADLINE_S + ENDING_S
    done = stack.ports.plan.counts(run_id)
    assert done.get("created", 0) + done.get("updated", 0) == len(written(stack)), "an answer was lost"
    stack.start_service_worker()
    assert_exact(stack, stack.wait(run_id, timeout_s=SOON_S))


@pytest.mark.parametrize("users", [250])
def test_workers_replaced_one_by_one_keep_the_run_going(stack: Stack) -> None:
    workers = [stack.start_service_worker(), stack.start_service_worker()]
    wait_for(lambda: len(stack.store.presence.living()) == 2, timeout_s=30, what=stack.log)
    run_id = stack.request(sync_mode="full")
    for worker in workers:
        wait_for_writes(stack, 15, run_id=run_id)
        stack.start_service_worker()
        assert seconds_to_end(worker) < WRITE_DEADLINE_S + ENDING_S
    assert_exact(stack, stack.wait(run_id, timeout_s=SOON_S))


def test_idle_worker_ends_at_once(stack: Stack) -> None:
    worker = stack.start_service_worker()
    wait_for(lambda: len(stack.store.presence.living()) == 1, timeout_s=30, what=stack.log)
    assert seconds_to_end(worker) < ENDING_S
    assert worker.returncode == 0
    assert stack.store.presence.living() == []


def test_celerys_own_soft_shutdown_loses_nothing_either(stack: Stack) -> None:
    workers = [stack.start_celery_worker(REMAP_SIGTERM="SIGQUIT") for _ in range(2)]
    wait_for(lambda: len(stack.store.presence.living()) == 2, timeout_s=30, what=stack.log)
    run_id = stack.request(sync_mode="full")
    wait_for_writes(stack, 15, run_id=run_id)
    assert seconds_to_end(workers[0]) < SOFT_SHUTDOWN_S + ENDING_S
    assert_exact(stack, stack.wait(run_id, timeout_s=SOON_S))


def wait_for_writes(stack: Stack, number: int, *, run_id: str) -> None:
    before = stack.last_write()
    wait_for(lambda: len(stack.writes(before)) >= number, timeout_s=40, what=lambda: stack.state(run_id))


def written(stack: Stack) -> set[str]:
    return {str(write["contact_id"]) for write in stack.writes()}


def seconds_to_end(worker: Process) -> float:
    asked_s = time.monotonic()
    worker.terminate()
    worker.wait(60)
    return time.monotonic() - asked_s
