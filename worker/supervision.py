"""Child processes of one foreground command: started, started again with back-off, stopped in order. Knows no Celery.

Each child leads a process group of its own, so that a Ctrl-C in the terminal reaches the parent alone, which then stops
them in order; and none outlives the parent (attached.py).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Child", "Supervisor", "next_delay_s"]

FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
STEADY_S = 30.0  # who lived so long starts over with the first delay
KILL_WAIT_S = 5.0

Tell = Callable[[str, str], None]
"""Called with a child's name and what is to be said about it, from any thread."""


@dataclass(frozen=True)
class Child:
    """A command to keep running, and how it is ended."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None  # None: the parent's
    stage: int = 0  # children of a later stage are stopped before those of an earlier one
    grace_s: float = 5.0  # between asking it to stop and ending it
    death_signal: signal.Signals = signal.SIGKILL  # what it gets if the parent dies
    lock_file: Path | None = None  # held while it runs, so that a late predecessor and it never overlap
    kill_in_a_hurry: bool = True  # False: even a hurried stop lets it end by itself


def next_delay_s(last_s: float | None, *, lived_s: float) -> float:
    """Return how long to wait before a child that ended is started again: doubling, unless it had been steady."""
    if last_s is None or lived_s >= STEADY_S:
        return FIRST_DELAY_S
    return min(2 * last_s, LONGEST_DELAY_S)


class Supervisor:
    """Keeps children running from `start` to `stop`. Thread-safe."""

    def __init__(self, *, on_line: Tell, on_change: Tell) -> None:
        """Take where a child's output goes, line by line, and where to tell that it ended or comes again."""
        self._on_line = on_line
        self._on_change = on_change
        self._keepers: list[_Keeper] = []

    def start(self, child: Child) -> None:
        """Start a child and keep it running."""
        keeper = _Keeper(child, on_line=self._on_line, on_change=self._on_change)
        self._keepers.append(keeper)
        keeper.start()

    def pid(self, name: str) -> int | None:
        """Return the process id of a child; None while it is down."""
        return next((keeper.pid for keeper in self._keepers if keeper.child.name == name), None)

    def stop(self, hurry: threading.Event | None = None) -> None:
        """Stop all children, the latest stage first; a repeat does nothing.

        Each gets its grace to end by itself, unless `hurry` is set before or meanwhile."""
        hurry = hurry or threading.Event()
        for stage in sorted({keeper.child.stage for keeper in self._keepers}, reverse=True):
            _end([keeper for keeper in self._keepers if keeper.child.stage == stage], hurry)
        self._keepers.clear()


class _Keeper(threading.Thread):
    """One child, over all its lives.

    This thread must live as long as the process: the kernel takes the forking thread's death for the parent's."""

    def __init__(self, child: Child, *, on_line: Tell, on_change: Tell) -> None:
        super().__init__(name=f"keeper of {child.name}", daemon=True)
        self.child = child
        self._on_line = on_line
        self._on_change = on_change
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """The running process's id."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def run(self) -> None:
        """Start it, wait for its end, start it again."""
        delay_s: float | None = None
        while (process := self._begin()) is not None:
            began_s = time.monotonic()
            reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            reader.start()
            status = process.wait()
            self.signal(signal.SIGKILL, group=True)  # what it left behind; the next life brings its own
            reader.join()
            if self._stopping.is_set():
                return
            delay_s = next_delay_s(delay_s, lived_s=time.monotonic() - began_s)
            self._on_change(self.child.name, f"{_say_status(status)}; starts again in {delay_s:g} s")
            self._stopping.wait(delay_s)

    def ask(self) -> None:
        """Ask it to end, for good."""
        with self._lock:
            self._stopping.set()
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or to all that it started too; none if it has not started yet."""
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses a group of which only zombies are left
            if group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    def _begin(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                _attached(self.child),
                env=None if self.child.environment is None else dict(self.child.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            return self._process

    def _read(self, process: subprocess.Popen[str]) -> None:
        with process:
            for line in process.stdout or ():
                if text := line.rstrip():
                    self._on_line(self.child.name, text)


def _attached(child: Child) -> list[str]:
    script = Path(__file__).with_name("attached.py")
    lock = "-" if child.lock_file is None else str(child.lock_file)
    prefix = [sys.executable, "-I", "-S", str(script), str(os.getpid()), str(int(child.death_signal)), lock]
    return [*prefix, *child.command]


def _end(keepers: Iterable[_Keeper], hurry: threading.Event) -> None:
    """End children side by side."""
    asked_s = time.monotonic()
    for keeper in keepers:
        keeper.ask()
    for keeper in keepers:
        while keeper.is_alive():
            late = time.monotonic() - asked_s > keeper.child.grace_s
            if late or (hurry.is_set() and keeper.child.kill_in_a_hurry):
                keeper.signal(signal.SIGKILL, group=True)
                keeper.join(KILL_WAIT_S)
                break
            keeper.join(0.05)


def _say_status(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return "ended" if status == 0 else f"ended with exit code {status}"
