"""The watcher of systems whose kernel does not tell a child of its parent's death, run here whatever the system."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.unit.worker.test_supervision import ROOT, is_alive, until

WATCHER = """
    import os, signal, sys
    sys.path.insert(0, {root!r})
    from worker.attached import _watch
    sys.exit(_watch({command!r}, parent_pid=os.getppid(), death_signal=signal.SIGKILL))
"""


def watcher(command: list[str]) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(WATCHER.format(root=str(ROOT), command=command))]


def test_watcher_answers_with_the_commands_exit_code() -> None:
    assert subprocess.run(watcher(["/bin/sh", "-c", "exit 7"]), check=False).returncode == 7


def test_watcher_passes_signals_on() -> None:
    command = ["/bin/sh", "-c", "trap 'echo heard; exit 5' TERM; echo ready; while :; do sleep 0.05; done"]
    with subprocess.Popen(watcher(command), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "heard\n"
        assert process.wait() == 5


def test_a_signal_that_comes_before_the_command_reaches_it() -> None:
    early = """
        import subprocess
        popen = subprocess.Popen
        def late(*arguments, **options):
            os.kill(os.getpid(), signal.SIGTERM)
            return popen(*arguments, **options)
        subprocess.Popen = late
    """
    program, option, script = watcher(["/bin/sleep", "60"])
    script = script.replace("from worker", f"{textwrap.dedent(early)}\nfrom worker")
    done = subprocess.run([program, option, script], check=False, timeout=20)
    assert done.returncode == 256 - signal.SIGTERM, "the command's end, not the watcher's own"


def test_watcher_ends_the_command_when_its_parent_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    command = ["/bin/sh", "-c", f"echo $$ > {file}; exec sleep 60"]
    script = f"import subprocess, time; subprocess.Popen({watcher(command)!r}); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", script])
    until(lambda: file.exists() and bool(file.read_text()))
    pid = int(file.read_text())
    time.sleep(0.2)
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    until(lambda: not is_alive(pid), timeout_s=3)


def test_command_is_not_started_for_a_parent_that_is_gone_already(tmp_path: Path) -> None:
    script = ROOT / "worker" / "attached.py"
    somebody_else = str(os.getppid())
    arguments = [somebody_else, str(int(signal.SIGKILL)), "-", "/bin/sh", "-c", f"touch {tmp_path / 'started'}"]
    done = subprocess.run([sys.executable, "-I", "-S", str(script), *arguments], check=False, timeout=10)
    assert done.returncode != 0 or sys.platform != "linux"
    assert sys.platform != "linux" or not (tmp_path / "started").exists()
