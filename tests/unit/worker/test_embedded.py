"""The embedded Valkey: a real server in a folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.unit.worker.test_supervision import ROOT, until
from worker import embedded, supervision
from worker.embedded import AlreadyUpError, EmbeddedValkeyError
from worker.supervision import Supervisor


@contextmanager
def running(state_dir: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(on_line=lambda *_: None, on_change=lambda *_: None)
    with embedded.take_state_dir(state_dir):
        try:
            supervisor.start(embedded.prepare(state_dir))
            embedded.wait_ready(state_dir, timeout_s=10)
            yield supervisor
        finally:
            supervisor.stop()
            embedded.tidy(state_dir)


@contextmanager
def client(state_dir: Path) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded.url_of(state_dir)) as connected:
        yield connected


def test_server_keeps_everything_and_listens_for_its_owner_alone(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    with running(state_dir), client(state_dir) as store:
        settings = store.config_get("*")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "everysec"
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["port"] == "0"
        for private in (state_dir, state_dir / "valkey", state_dir / "valkey" / "valkey.sock"):
            assert private.stat().st_mode & 0o777 == 0o700, private


def test_data_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    with running(tmp_path), client(tmp_path) as store:
        store.set("kept", "yes")
    with running(tmp_path), client(tmp_path) as store:
        assert store.get("kept") == b"yes"


def test_killed_server_comes_back_at_the_same_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_DELAY_S", 0.1)
    with running(tmp_path) as supervisor:
        with client(tmp_path) as store:
            store.set("kept", "yes")
            store.waitaof(1, 0, 5000)
        pid = supervisor.pid("valkey")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: supervisor.pid("valkey") not in (None, pid))
        embedded.wait_ready(tmp_path, timeout_s=10)
        with client(tmp_path) as store:
            assert store.get("kept") == b"yes"


@pytest.mark.parametrize("name", ["a folder/50% ü", "x" * 120])
def test_server_is_found_wherever_its_folder_is(tmp_path: Path, name: str) -> None:
    state_dir = tmp_path / name
    with running(state_dir), client(state_dir) as store:
        assert store.ping()


def test_socket_outside_of_a_long_folder_is_its_owners_alone(tmp_path: Path) -> None:
    state_dir = tmp_path / ("x" * 120)
    with running(state_dir):
        folder = Path(embedded.url_of(state_dir).removeprefix("unix://")).parent
        assert tmp_path not in folder.parents
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == os.getuid()
    assert not folder.exists()


def test_second_process_is_told_who_runs_already(tmp_path: Path) -> None:
    script = (
        "import sys; from worker.embedded import Path, take_state_dir; take_state_dir(Path(sys.argv[1])).__enter__()"
    )
    with embedded.take_state_dir(tmp_path):
        second = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
        )
    assert second.returncode == 1
    assert f"contact-sync runs already in {tmp_path} (process {os.getpid()})" in second.stderr


def test_folder_is_free_again_after_its_process(tmp_path: Path) -> None:
    with embedded.take_state_dir(tmp_path):
        assert embedded.is_up(tmp_path)
    assert not embedded.is_up(tmp_path)
    with embedded.take_state_dir(tmp_path):
        pass


def test_nothing_runs_in_a_folder_that_nobody_made(tmp_path: Path) -> None:
    assert not embedded.is_up(tmp_path / "nowhere")


def test_command_that_looks_does_not_keep_up_from_starting(tmp_path: Path) -> None:
    with embedded.take_state_dir(tmp_path):
        pass
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            embedded.is_up(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(20):
            with embedded.take_state_dir(tmp_path):
                pass
    except AlreadyUpError:
        pytest.fail("a look was taken for a running process")
    finally:
        stop.set()
        for looker in lookers:
            looker.join()


def test_server_that_does_not_come_up_is_told_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedValkeyError, match=r"valkey\.log"):
        embedded.wait_ready(tmp_path, timeout_s=0.1)


def test_stale_socket_of_a_dead_server_is_no_answer(tmp_path: Path) -> None:
    embedded.prepare(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "valkey" / "valkey.sock"))
    with pytest.raises(EmbeddedValkeyError):
        embedded.wait_ready(tmp_path, timeout_s=0.2)
    with running(tmp_path), client(tmp_path) as store:
        assert store.ping()


def test_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "valkey").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmbeddedValkeyError, match="belongs to somebody else"):
        embedded.prepare(tmp_path)
