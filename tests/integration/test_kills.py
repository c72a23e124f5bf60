"""Workers killed at the points that matter: nobody lost, nobody doubled, the count exact."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact
from tests.integration.stack import Stack, running_stack, wait_for

WRITES = {"vendor": "connectwise", "path": "/company/contacts"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, users=120) as running:
        yield running


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_worker_killed_between_the_psas_write_and_our_ledger(stack: Stack, method: str) -> None:
    stack.fault("lost_answer", match={**WRITES, "method": method}, times=1, after=3, seconds=30)
    worker = stack.start_worker()
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    stack.kill(worker)  # the PSA has written, and nobody is left who will hear of it
    stack.start_worker()
    assert_exact(stack, stack.wait(run_id, timeout_s=60))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_lost_answer_is_looked_up_not_repeated(stack: Stack, method: str) -> None:
    stack.fault("lost_answer", match={**WRITES, "method": method}, times=5, after=2)
    stack.start_worker()
    assert_exact(stack, stack.run(sync_mode="full", timeout_s=60))


def test_worker_killed_before_the_psa_writes(stack: Stack) -> None:
    stack.fault("timeout", match={**WRITES, "method": "POST"}, times=1, after=3, seconds=30)
    worker = stack.start_worker()
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    stack.kill(worker)
    stack.start_worker()
    assert_exact(stack, stack.wait(run_id, timeout_s=60))


def test_one_of_two_workers_killed_again_and_again(stack: Stack) -> None:
    stack.control.post("limits", json={"latency_ms": 40})
    workers = [stack.start_worker(concurrency=8), stack.start_worker(concurrency=8)]
    wait_for(lambda: alive(stack) >= 2, timeout_s=30, what=stack.log)
    run_id = stack.request(sync_mode="full")
    for round_ in range(3):
        time.sleep(1.0)
        stack.kill(workers[round_])
        workers.append(stack.start_worker(concurrency=8))
    assert_exact(stack, stack.wait(run_id, timeout_s=90))


@pytest.mark.parametrize("step", ["/users$", "/company/contacts$", "/company/companies"])
def test_worker_killed_while_it_reads(stack: Stack, step: str) -> None:
    stack.fault("slow", match={"method": "GET", "path": step}, times=1, seconds=20)
    worker = stack.start_worker()
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    stack.kill(worker)
    stack.start_worker()
    assert_exact(stack, stack.wait(run_id, timeout_s=60))


def test_store_killed_in_mid_run_comes_back_exact(stack: Stack) -> None:
    stack.control.post("limits", json={"latency_ms": 40})
    stack.start_worker()
    stack.start_worker()
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: len(stack.writes()) > 20, timeout_s=40, what=lambda: stack.state(run_id))
    stack.valkey.kill()
    time.sleep(1)
    stack.valkey.start()

    replaced: set[int] = set()

    def is_closed() -> bool:
        restart_exited_workers(stack, replaced)
        return stack.store.reports.head(run_id) is not None

    wait_for(
        is_closed, timeout_s=90, what=lambda: f"{[worker.poll() for worker in stack.workers]} {stack.state(run_id)}"
    )
    assert_exact(stack, stack.report(run_id))


def restart_exited_workers(stack: Stack, replaced: set[int]) -> None:
    """Do what a supervisor does: a worker that lost its broker at a bad moment ends by itself."""
    for worker in list(stack.workers):
        if worker.poll() is not None and worker.pid not in replaced:
            replaced.add(worker.pid)
            stack.start_worker()


def alive(stack: Stack) -> int:
    return len(stack.store.presence.living())
