"""One installation for many trials: Valkey, sandbox and nursery stay; what is in them begins anew with each trial."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.chaos.clock import HostClock
from tests.integration.processes import ROOT
from tests.integration.stack import SMALL_TIMES, Stack, wait_for
from worker.cli.sandbox import NO_LIMITS
from worker.compose import publish_configuration
from worker.services import ALL_QUEUES, beat_service, worker_service

USERS = 40
DELTA_PAGE = 5  # so that changes come on several pages
TIMES = {**SMALL_TIMES, "due_s": 2, "step_due_s": 3, "write_deadline_s": 1.5, "longest_countdown_s": 3}
PRODUCTION_STEP_DUE_S, PRODUCTION_RECOVERY_S = 45, 60
RECOVERY_S = PRODUCTION_RECOVERY_S / PRODUCTION_STEP_DUE_S * TIMES["step_due_s"]
"""How soon a run goes on after a kill at these times, in proportion to the promise at production's."""
CONNECTORS = {"demo": 'schedule = "0 0 1 1 *"'}


class Process:
    """One process of the product, forked by the nursery; leads a process group."""

    def __init__(self, pid: int) -> None:
        """Take its id."""
        self.pid = pid

    @property
    def is_alive(self) -> bool:
        """Tell whether it is still there: the nursery leaves no zombies."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and its children by SIGKILL, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        wait_for(lambda: not self.is_alive, timeout_s=10, what=lambda: f"process {self.pid} does not die")


class Ground:
    """What the trials of one program share."""

    def __init__(self, folder: Path, *, users: int = USERS) -> None:
        """Start everything but workers and beat."""
        self.folder = folder
        self.stack = Stack(folder, users=users, timing=TIMES, connectors=CONNECTORS)
        self.clock = HostClock(folder / "clock")
        self.processes: list[Process] = []
        self._live_with_full_disks()
        self._nursery = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.chaos.nursery", str(self.clock.path)],
            cwd=ROOT,
            env={**os.environ, "CONTACT_SYNC_CONFIG": str(self.stack.config)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self) -> None:
        """Put everything back to where the first trial found it."""
        self.end_processes()
        self.clock.step(0)
        for log in self.folder.glob("worker-*.log"):
            log.unlink()
        self.stack.control.post("reset")
        self.stack.control.post("limits", json=NO_LIMITS)
        self.stack.control.post("settings", json={"graph.delta_page_size": DELTA_PAGE})
        self.stack.store.connection.client.flushall()
        self.stack.store.connection.client.script_flush()
        self.stack.store.close()
        publish_configuration(self.stack.settings, self.stack.store)

    def _live_with_full_disks(self) -> None:
        """Start Valkey again so that a file that may not grow is an error, as on a full disk, and no death."""
        server = self.stack.valkey._server
        program = self.folder / "valkey-server"
        program.write_text(f"#!/bin/sh\ntrap '' XFSZ\nexec '{server._binary_path}' \"$@\"\n")
        program.chmod(0o700)
        server._binary_path = program
        self.stack.valkey.restart()

    def start_worker(
        self, *, pool: str = "threads", slots: int = 8, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start one worker for all queues; it is there a moment later."""
        name = f"w{len(self.processes)}"
        service = worker_service(self.stack.settings, name=name, queues=ALL_QUEUES, pool=pool, slots=slots)
        return self._start(service.command, f"worker-{name}", environment or {})

    def start_beat(self) -> Process:
        """Start a beat."""
        return self._start(beat_service(self.stack.settings).command, f"beat-{len(self.processes)}", {})

    def _start(self, command: tuple[str, ...], log: str, environment: Mapping[str, str]) -> Process:
        arguments = list(command[command.index("worker.start") + 1 :])
        order = {"arguments": arguments, "log": str(self.folder / f"{log}.log"), "environment": dict(environment)}
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(order) + "\n")
        self._nursery.stdin.flush()
        process = Process(int(self._nursery.stdout.readline()))
        self.processes.append(process)
        return process

    def end_processes(self) -> None:
        """End all workers and beats."""
        for process in self.processes:
            process.kill()
        self.processes.clear()

    def close(self) -> None:
        """End everything."""
        self.end_processes()
        self._nursery.communicate(timeout=10)
        self.stack.close()


@contextmanager
def standing_ground(folder: Path, **options: Any) -> Iterator[Ground]:
    """Have a ground for as long as the block lasts."""
    ground = Ground(folder, **options)
    try:
        yield ground
    finally:
        ground.close()
