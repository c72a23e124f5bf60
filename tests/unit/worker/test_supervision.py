"""Real child processes: small Python and shell commands stand for the services."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker import supervision
from worker.supervision import FIRST_DELAY_S, LONGEST_DELAY_S, STEADY_S, Child, Supervisor, next_delay_s

ROOT = Path(__file__).parents[3]
WAITS = [sys.executable, "-u", "-c", "import time; print('ready', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-u",
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked')); print('ready'); time.sleep(60)",
]


def ends_after(seconds: float) -> list[str]:
    """Return a command that takes so long to end when it is asked to."""
    script = f"""
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep({seconds}), print("saved"), sys.exit()))
        print("ready")
        time.sleep(60)
    """
    return [sys.executable, "-u", "-c", textwrap.dedent(script)]


class Watched:
    """A supervisor, and what it told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.changes: list[tuple[str, str]] = []
        self.supervisor = Supervisor(
            on_line=lambda *line: self.lines.append(line), on_change=lambda *change: self.changes.append(change)
        )

    def start(self, name: str, command: list[str], **how: object) -> int:
        """Start a child, and return its process id once it said that it is ready."""
        before = self.lines.count((name, "ready"))
        self.supervisor.start(Child(name=name, command=command, **how))  # type: ignore[arg-type]  # spread
        until(lambda: self.lines.count((name, "ready")) > before)
        return self.pid(name)

    def pid(self, name: str) -> int:
        until(lambda: self.supervisor.pid(name) is not None)
        pid = self.supervisor.pid(name)
        assert pid is not None
        return pid


def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not (path := Path(f"/proc/{pid}/stat")).exists() or path.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(supervision, "FIRST_DELAY_S", 0.1)
    watched = Watched()
    yield watched
    hurry = threading.Event()
    hurry.set()
    watched.supervisor.stop(hurry)


def test_delay_doubles_up_to_a_limit_and_starts_over_after_a_steady_life() -> None:
    delays = [next_delay_s(None, lived_s=0)]
    for _ in range(7):
        delays.append(next_delay_s(delays[-1], lived_s=1))
    assert delays == [FIRST_DELAY_S, 2, 4, 8, 16, LONGEST_DELAY_S, LONGEST_DELAY_S, LONGEST_DELAY_S]
    assert next_delay_s(16, lived_s=STEADY_S) == FIRST_DELAY_S


def test_killed_child_is_started_again_and_its_end_is_told(watched: Watched) -> None:
    pid = watched.start("one", WAITS)
    os.kill(pid, signal.SIGKILL)
    until(lambda: watched.lines.count(("one", "ready")) == 2)
    assert watched.pid("one") != pid
    assert watched.changes == [("one", "was ended by SIGKILL; starts again in 0.1 s")]


def test_child_that_fails_at_once_comes_back_ever_later(watched: Watched) -> None:
    watched.supervisor.start(Child(name="one", command=["/bin/sh", "-c", "exit 3"]))
    until(lambda: len(watched.changes) == 3)
    assert [what for _, what in watched.changes] == [
        f"ended with exit code 3; starts again in {delay_s:g} s" for delay_s in (0.1, 0.2, 0.4)
    ]


def ends_together(name: str, folder: Path, *, partners: tuple[str, ...]) -> list[str]:
    """Return a command that ends when it and its partners were all asked to, and tells when it was asked and ended."""
    script = f"""
        import pathlib, signal, sys, time
        folder = pathlib.Path({str(folder)!r})
        def end(*_):
            print("asked", time.monotonic())
            (folder / {name!r}).touch()
            while not all((folder / partner).exists() for partner in {partners!r}):
                time.sleep(0.01)
            print("ended", time.monotonic())
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("ready")
        time.sleep(60)
    """
    return [sys.executable, "-u", "-c", textwrap.dedent(script)]


def test_stages_are_stopped_in_order_and_each_stage_side_by_side(watched: Watched, tmp_path: Path) -> None:
    workers = ("worker-1", "worker-2")
    for name, stage in {"store": 0, "worker-1": 1, "worker-2": 1, "beat": 2}.items():
        partners = workers if name in workers else ()
        watched.start(name, ends_together(name, tmp_path, partners=partners), stage=stage)
    watched.supervisor.stop()
    told = {(name, *line.split()[:1]): float(line.split()[1]) for name, line in watched.lines if line != "ready"}
    assert told["beat", "ended"] < min(told[worker, "asked"] for worker in workers)
    assert max(told[worker, "ended"] for worker in workers) < told["store", "asked"]
    assert watched.changes == []


def test_child_beyond_its_grace_is_killed(watched: Watched) -> None:
    pid = watched.start("one", STUBBORN, grace_s=0.3)
    watched.supervisor.stop()
    assert not is_alive(pid)
    assert ("one", "asked") in watched.lines


def test_hurry_does_not_wait_for_the_grace_but_spares_who_must_end_by_itself(watched: Watched) -> None:
    watched.start("store", ends_after(0.3), kill_in_a_hurry=False)
    watched.start("worker", STUBBORN, stage=1, grace_s=60)
    hurry = threading.Event()
    threading.Timer(0.2, hurry.set).start()
    began_s = time.monotonic()
    watched.supervisor.stop(hurry)
    assert time.monotonic() - began_s < 30
    assert ("store", "saved") in watched.lines


def test_stop_while_a_child_waits_for_its_next_start_does_not_start_it(watched: Watched) -> None:
    watched.supervisor.start(Child(name="one", command=["/bin/sh", "-c", "echo run; exit 1"]))
    until(lambda: len(watched.changes) == 1)
    watched.supervisor.stop()
    runs = watched.lines.count(("one", "run"))
    time.sleep(0.3)
    assert watched.lines.count(("one", "run")) == runs


def test_what_a_dead_child_left_behind_is_ended_before_it_starts_again(watched: Watched) -> None:
    pid = watched.start("one", ["/bin/sh", "-c", "sleep 60 & echo $!; echo ready; wait"])
    grandchild = int(next(line for _, line in watched.lines if line.isdigit()))
    os.kill(pid, signal.SIGKILL)
    until(lambda: watched.lines.count(("one", "ready")) == 2)
    assert not is_alive(grandchild)


def test_output_that_is_no_text_is_shown_all_the_same(watched: Watched) -> None:
    watched.supervisor.start(Child(name="one", command=["/bin/sh", "-c", r"printf '\377ok\n\n'; sleep 60"]))
    until(lambda: bool(watched.lines))
    assert watched.lines == [("one", "�ok")]


def test_second_child_of_a_lock_waits_until_the_first_has_ended(watched: Watched, tmp_path: Path) -> None:
    first = watched.start("first", WAITS, lock_file=tmp_path / "lock")
    watched.supervisor.start(Child(name="second", command=WAITS, lock_file=tmp_path / "lock"))
    time.sleep(0.3)
    assert ("second", "ready") not in watched.lines
    os.kill(first, signal.SIGKILL)
    until(lambda: ("second", "ready") in watched.lines)


def parent_of_one(tmp_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a process that supervises one child; return it and the child's id."""
    script = f"""
        import time
        from worker.supervision import Child, Supervisor
        supervisor = Supervisor(on_line=lambda *_: None, on_change=lambda *_: None)
        supervisor.start(Child(name="one", command=["/bin/sleep", "60"]))
        while (pid := supervisor.pid("one")) is None: time.sleep(0.01)
        time.sleep(0.5)
        open({str(tmp_path / "pid")!r}, "w").write(str(pid))
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, start_new_session=True)
    until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text()))
    return parent, int((tmp_path / "pid").read_text())


def test_child_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent, pid = parent_of_one(tmp_path)
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    until(lambda: not is_alive(pid), timeout_s=2)


def test_ctrl_c_in_the_terminal_reaches_the_parent_alone(tmp_path: Path) -> None:
    parent, pid = parent_of_one(tmp_path)
    os.killpg(parent.pid, signal.SIGSTOP)
    assert os.getpgid(pid) != os.getpgid(parent.pid)
    parent.kill()
    parent.wait()
