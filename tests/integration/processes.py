"""How the processes of a stack are started: each by itself, or forked by a nursery that has imported the product."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from worker.services import FEW_ARENAS, UNWARNED

ROOT = Path(__file__).parents[2]
FORKED = ("worker.start", "worker.cli", "ops.sandbox")
LOOK_S = 0.02


class Process(Protocol):
    """What tests do with a process, and `subprocess.Popen` can; it leads a process group."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | Any: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def terminate(self) -> None: ...


class Starter(Protocol):
    """Starts a command with its whole environment; what it prints goes to a file."""

    def __call__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Process: ...


def start_alone(command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Process:
    """Start a process as a terminal would."""
    with log.open("wb") as out:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )


class Nursery:
    """Starts the product's own modules without their imports, and everything else alone. Safe among threads."""

    def __init__(self) -> None:
        """Start nothing: the first process that is asked for does."""
        self._turn = threading.Lock()
        self._parent: subprocess.Popen[str] | None = None

    def __call__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Process:
        """Fork a process of this command."""
        module = command[command.index("-m") + 1] if "-m" in command else ""
        if module not in FORKED:
            return start_alone(command, log=log, environment=environment)
        arguments = command[command.index(module) + 1 :]
        order = {"module": module, "arguments": arguments, "log": str(log), "environment": dict(environment)}
        return Forked(self, pid=self.ask(order))

    def ask(self, order: Any) -> Any:
        """Give an order and return its answer."""
        with self._turn:
            parent = self._parent = self._parent or _start_parent()
            orders, answers = _pipes(parent)
            orders.write(json.dumps(order) + "\n")
            orders.flush()
            return json.loads(answers.readline())

    def close(self) -> None:
        """End it with all that it started."""
        if self._parent is not None:
            self._parent.communicate(timeout=30)


class Forked:
    """A child of the nursery."""

    def __init__(self, nursery: Nursery, *, pid: int) -> None:
        """Take its id."""
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """Return its exit code; None while it lives."""
        if self.returncode is None:
            self.returncode = self._nursery.ask(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code; raises as `subprocess.Popen` does."""
        end_s = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end_s is not None and time.monotonic() > end_s:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(LOOK_S)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _start_parent() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", UNWARNED, "-m", "tests.integration.nursery"],
        cwd=ROOT,
        env=os.environ | FEW_ARENAS,  # the C library reads them once
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _pipes(parent: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert parent.stdin is not None
    assert parent.stdout is not None
    return parent.stdin, parent.stdout
