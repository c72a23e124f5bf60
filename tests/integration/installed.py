"""contact-sync as its users meet it: commands in processes of their own, on a sandbox, with the embedded store."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from adapters.errors import SyncError
from adapters.store import Store
from worker import embedded
from worker.cli import main
from worker.cli.sandbox import Sandbox, write_configuration
from worker.compose import open_store
from worker.settings import load_settings

Json = dict[str, Any]

COMMAND = (sys.executable, "-m", "worker.cli")
SMALL = "\n[service.workers]\nprocesses = 1\nthreads = 16\n"
ENDS_S = 60.0


class Installed:
    """A configuration file for a sandbox, and commands that use it."""

    def __init__(self, folder: Path, sandbox: Sandbox, *, port: int, service: str = "") -> None:
        """Write the configuration; nothing runs yet."""
        self.folder = folder
        self.sandbox = sandbox
        self.config = folder / "contact-sync.toml"
        write_configuration(
            self.config, sandbox.facts, flower_listen=f"127.0.0.1:{port}", flower_basic_auth="demo:secret"
        )
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(text.replace("[service]\n", f"[service]\n{service}", 1) + SMALL, encoding="utf-8")

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        """Start a command on this configuration."""
        return start("--config", str(self.config), *arguments, cwd=self.folder, **streams)

    def call(self, *arguments: str, code: int | None = 0) -> "Called":
        """Run a command on this configuration to its end, and check its exit code.

        In this process: a process of its own takes a second to start, and `start` and the demos have one."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main(["--config", str(self.config), *arguments])
        called = Called(out.getvalue(), err.getvalue())
        assert code in (None, end.value.code), f"exit {end.value.code}\n{called.out}\n{called.err}"
        return called

    def rows(self, *arguments: str, code: int | None = 0) -> list[Json]:
        """Run a command with --json, and return what it printed, a row a line."""
        return [json.loads(line) for line in self.call(*arguments, "--json", code=code).out.splitlines()]

    def report(self, *arguments: str, code: int | None = 0) -> Json:
        """Run a command that prints one report."""
        report: Json = json.loads(self.call(*arguments, "--json", code=code).out)
        return report

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store beside the commands, to wait for what they ask for."""
        with closing(open_store(load_settings(self.config))) as store:
            yield store

    def state(self, run_id: str) -> str:
        """Return an open run's state; empty if it is not open."""
        with self.store() as store:
            progress = store.reports.progress(run_id)
        return str(progress["state"]) if progress else ""

    def closed(self, run_id: str) -> Json:
        """Wait until a run is closed, and return its report's head."""
        with self.store() as store:
            wait_for(lambda: store.reports.head(run_id) is not None, what=lambda: str(store.runs.load_run(run_id)))
            head = store.reports.head(run_id)
        assert head is not None
        return head

    @contextmanager
    def replaced(self, name: str, text: str) -> Iterator[None]:
        """Publish a configuration with this text in the place of a connector, for as long as the block lasts."""
        before = self.config.read_text(encoding="utf-8")
        file = self.folder / "connectors.d" / "other.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        self.config.write_text(re.sub(rf"\n\[connectors\.{name}\]\n([^\[].*\n)*", "\n", before), encoding="utf-8")
        try:
            yield
        finally:
            file.unlink()
            self.config.write_text(before, encoding="utf-8")
            self.call("config", "apply")

    def processes(self) -> list[psutil.Process]:
        """Return what runs for this installation."""
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "environ"]):
            command = " ".join(process.info["cmdline"] or ())
            environment = process.info["environ"] or {}
            is_ours = environment.get("CONTACT_SYNC_CONFIG") == str(self.config) or str(self.folder / "var") in command
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found


def start(*arguments: str, **streams: Any) -> subprocess.Popen[str]:
    """Start a command in a session of its own, as another terminal would."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen(
        [*COMMAND, *arguments], text=True, env=without_configuration(), start_new_session=True, **piped
    )


def call(*arguments: str, code: int | None = 0) -> "Called":
    """Run a command to its end, and check its exit code."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=ENDS_S)
    assert code in (None, process.returncode), f"exit {process.returncode}\n{out}\n{err}"
    return Called(out, err)


class Called:
    """What a command printed."""

    def __init__(self, out: str, err: str) -> None:
        """Keep both streams."""
        self.out = out
        self.err = err


class Up:
    """`contact-sync up`, running."""

    def __init__(self, installed: Installed) -> None:
        """Start it, and wait until a worker takes work."""
        self._installed = installed
        self.log = installed.folder / "up.log"
        with self.log.open("w") as log:
            self.process = installed.start("up", stderr=log)
        try:
            wait_for(self.works, what=self.said)
        except BaseException:  # an interrupt, too, must not leave it behind
            self.stop()
            raise

    def __enter__(self) -> Self:
        """Be stopped at the end of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop it."""
        self.stop()

    def said(self) -> str:
        """Return what it printed."""
        return self.log.read_text()

    def child(self, name: str) -> psutil.Process:
        """Return a child by a part of its command line."""
        for process in psutil.Process(self.process.pid).children():
            if re.search(name, " ".join(process.cmdline())):
                return process
        raise AssertionError(f"no child {name}: {self.said()}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=ENDS_S)
        assert out == ""
        return self.process.returncode

    def works(self) -> bool:
        assert self.process.poll() is None, self.said()
        settings = load_settings(self._installed.config)
        if settings.service.redis_url is None and not embedded.is_up(settings.service.state_dir):
            return False
        with self._installed.store() as store:
            try:
                return len(store.presence.living()) > settings.service.workers.processes
            except SyncError:
                return False


@contextmanager
def running_sandbox(folder: Path, *, users: int = 200) -> Iterator[Sandbox]:
    """Run a sandbox for as long as the block lasts."""
    with Sandbox(folder, users=users, seed=7, on_line=lambda *_: None) as sandbox:
        yield sandbox


def listening(pids: Iterable[int]) -> set[str]:
    """Return the addresses at which these processes and their children listen."""
    found: set[str] = set()
    roots = [psutil.Process(pid) for pid in pids]
    for process in [each for root in roots for each in (root, *root.children(recursive=True))]:
        with suppress(psutil.NoSuchProcess):  # the store has children for a moment
            found |= {each.laddr.ip for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN}
    return found


def free_port() -> int:
    """Let the kernel choose a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_configuration() -> dict[str, str]:
    """Return an environment that names no configuration."""
    return {name: value for name, value in os.environ.items() if name != "CONTACT_SYNC_CONFIG"}


def wait_for(condition: Callable[[], bool], *, what: Callable[[], str], timeout_s: float = 40) -> None:
    """Wait until a condition holds; fail with a word on what was waited for."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {timeout_s} s in vain: {what()}"
        time.sleep(0.1)
