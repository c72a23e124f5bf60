"""Workers on several hosts share the store and nothing else: each has files of its own."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.exact import assert_exact
from tests.integration.processes import Process
from tests.integration.stack import Stack, running_stack, wait_for

PER_MINUTE = 1200


class Host:
    """What one machine has: files that it got from its administrator, and a worker."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        folder.mkdir()
        text = stack.config.read_text(encoding="utf-8")
        for number, ca_file in enumerate(sorted(set(re.findall(r'ca_file = "(.+)"', text)))):
            own = folder / f"ca-{number}.pem"
            shutil.copy(ca_file, own)
            text = text.replace(ca_file, str(own))
        self.folder = folder
        self._stack = stack
        self._config = folder / "contact-sync.toml"
        self._config.write_text(text.replace(str(stack.folder), str(folder)), encoding="utf-8")

    def start(self) -> Process:
        return self._stack.start_worker(concurrency=4, CONTACT_SYNC_CONFIG=str(self._config))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    (tmp_path / "stack").mkdir()
    with running_stack(tmp_path / "stack", users=120, requests_per_minute=PER_MINUTE) as running:
        running.control.post("limits", json={"connectwise": {"per_minute": PER_MINUTE}}).raise_for_status()
        yield running


def test_hosts_share_runs_and_budgets_and_no_file_and_one_of_them_may_die(stack: Stack, tmp_path: Path) -> None:
    hosts = [Host(tmp_path / name, stack) for name in ("first", "second")]
    workers = [host.start() for host in hosts]
    wait_for(lambda: len(stack.store.presence.living()) == len(hosts), timeout_s=60, what=stack.log)
    run_id = stack.request(sync_mode="full")
    pending = {worker.pid for worker in workers}

    def have_all_written() -> bool:
        pending.difference_update(busy_pids(stack))
        return not pending

    wait_for(have_all_written, timeout_s=60, what=lambda: f"{pending} did nothing: {stack.state(run_id)}")
    for worker, host in zip(workers, hosts, strict=True):
        opened = {file.path for file in psutil.Process(worker.pid).open_files()}
        shared = {path for path in opened if path.startswith(str(tmp_path)) and not path.startswith(str(host.folder))}
        assert all(path.endswith(".log") for path in shared), "only what the test itself gave it as its output"
    stack.kill(workers[1])
    assert_exact(stack, stack.wait(run_id, timeout_s=90))
    calls = stack.control.get("counters").json()["calls"]
    assert sum(row["count"] for row in calls if row["status"] == 429) == 0, "the hosts together went over the budget"


def busy_pids(stack: Stack) -> list[int]:
    client, keys = stack.store.connection.client, stack.store.connection.keys
    return [int(name.rsplit(".", 2)[1]) for name in stack.store.presence.living() if client.exists(keys.working(name))]
