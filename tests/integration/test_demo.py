"""`contact-sync demo` as somebody meets it who sees the product for the first time, and when it goes wrong."""

import re
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from tests.integration.installed import call, start, wait_for
from worker.cli.exits import Exit, Refusal
from worker.cli.sandbox import Sandbox


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the commands of a test put their temporary files; short, for a socket's path."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def read_until(process: Popen[str], word: str) -> str:
    """Read what a command says until it says this."""
    assert process.stderr is not None
    seen = ""
    while word not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    return seen


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of what runs for a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        command = " ".join(process.info["cmdline"] or ())
        if process.info["status"] != psutil.STATUS_ZOMBIE and (
            str(folder) in command or (process.info["environ"] or {}).get("TMPDIR") == str(folder)
        ):
            found.append(command)
    return found


def test_demo_once_compares_with_the_truth_and_leaves_nothing(tmp_path: Path) -> None:
    called = call("demo", "--once", "--users", "80", "--seed", "3", "--keep", str(tmp_path / "demo"))
    assert "the PSA is as it should be" in called.err
    assert "second run: 0 writes reached the PSA" in called.err
    assert "users_processed" in called.out
    assert (tmp_path / "demo" / "contact-sync.toml").exists()


def test_demo_stays_until_ctrl_c_and_its_suggestions_work() -> None:
    with start("demo", "--users", "30", "--psa", "halo") as process:
        seen = read_until(process, "Logs: ")
        assert "the PSA is as it should be" in seen
        assert "second run: 0 writes reached the PSA" in seen
        config = Path(re.search(r"contact-sync --config (\S+) status", seen)[1])  # type: ignore[index]
        assert "demo" in call("--config", str(config), "status").out
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert not config.parent.exists()


@pytest.mark.parametrize("stage", ["starting the sandbox", "starting everything", "writing"])
def test_an_interrupted_demo_leaves_nothing_wherever_it_stands(temporary: Path, stage: str) -> None:
    with start("demo", "--once", "--users", "300") as process:
        read_until(process, stage)
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=40)
    assert process.returncode == Exit.INTERRUPTED
    assert time.monotonic() - began_s < 40
    assert err.endswith("stopped\n")
    assert "Traceback" not in err
    assert not processes_of(temporary)
    assert not list(temporary.iterdir())


def test_a_demo_whose_sandbox_ends_ends_at_once_and_keeps_its_log(temporary: Path) -> None:
    with start("demo", "--users", "2000") as process:
        read_until(process, "full run")
        (sandbox,) = [
            child for child in psutil.Process(process.pid).children() if "ops.sandbox" in " ".join(child.cmdline())
        ]
        sandbox.kill()
        _, err = process.communicate(timeout=60)
    assert process.returncode == Exit.NOT_RUN
    assert "Traceback" not in err
    assert "the sandbox has ended" in err
    assert "sandbox ready" in err, "its last words"
    found = re.search(r"what the parts printed is in (\S+)", err)
    assert found
    assert "was ended by SIGKILL" in Path(found[1]).read_text()
    wait_for(lambda: not processes_of(temporary), what=lambda: str(processes_of(temporary)))


def test_a_sandbox_that_cannot_start_says_why_at_once(tmp_path: Path) -> None:
    in_the_way = tmp_path / "sandbox"
    in_the_way.touch()
    began_s = time.monotonic()
    with (
        pytest.raises(Refusal) as refused,
        Sandbox(in_the_way, users=10, seed=7, on_line=lambda *_: None),
    ):
        pass
    assert time.monotonic() - began_s < 30
    assert "Error" in str(refused.value.hint)
