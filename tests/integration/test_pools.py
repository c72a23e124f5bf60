"""The same exactness from every pool: children that live and die on their own, and a worker without any."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact
from tests.integration.processes import Process
from tests.integration.stack import Stack, running_stack, wait_for

WRITES = {"vendor": "connectwise", "path": "/company/contacts"}
CHILDREN = 4


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, users=120) as running:
        yield running


def test_prefork_children_live_by_themselves_and_write_exactly(stack: Stack) -> None:
    worker = start_prefork(stack)
    assert set(living_pids(stack)) == children_of(worker.pid), "the parent has ports, or a child has none"
    assert_exact(stack, stack.run(sync_mode="full", timeout_s=60))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_prefork_child_killed_while_it_writes(stack: Stack, method: str) -> None:
    stack.fault("lost_answer", match={**WRITES, "method": method}, times=1, after=3, seconds=30)
    worker = start_prefork(stack)
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    hanging = set(busy_pids(stack))

    def is_alone() -> bool:
        hanging.intersection_update(busy_pids(stack))
        return len(hanging) == 1

    wait_for(is_alone, timeout_s=25, what=lambda: stack.state(run_id))
    (victim,) = hanging
    os.kill(victim, signal.SIGKILL)
    assert_exact(stack, stack.wait(run_id, timeout_s=60))
    assert worker.poll() is None
    wait_for(lambda: len(living_pids(stack)) == CHILDREN, timeout_s=20, what=stack.log)
    assert victim not in living_pids(stack)


def test_prefork_worker_killed_with_its_children(stack: Stack) -> None:
    stack.fault("lost_answer", match={**WRITES, "method": "POST"}, times=1, after=10, seconds=30)
    worker = start_prefork(stack)
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: stack.fired() == 1, timeout_s=40, what=lambda: f"the fault: {stack.state(run_id)}")
    stack.kill(worker)
    start_prefork(stack)
    assert_exact(stack, stack.wait(run_id, timeout_s=60))


def test_solo_worker_writes_exactly(stack: Stack) -> None:
    stack.start_worker(pool="solo", concurrency=1)
    assert_exact(stack, stack.run(sync_mode="full", timeout_s=60))


def start_prefork(stack: Stack) -> Process:
    before = set(living_pids(stack))
    worker = stack.start_worker(pool="prefork", concurrency=CHILDREN)
    wait_for(lambda: len(set(living_pids(stack)) - before) == CHILDREN, timeout_s=40, what=stack.log)
    return worker


def living_pids(stack: Stack) -> list[int]:
    return [pid_of(incarnation) for incarnation in stack.store.presence.living()]


def busy_pids(stack: Stack) -> list[int]:
    client, keys = stack.store.connection.client, stack.store.connection.keys
    return [pid_of(name) for name in stack.store.presence.living() if client.exists(keys.working(name))]


def pid_of(incarnation: str) -> int:
    return int(incarnation.rsplit(".", 2)[1])


def children_of(pid: int) -> set[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout
    return {int(child) for child in listed.split()}
