"""Start a command that does not outlive the process that asked for it.

    python -I -S attached.py PARENT_PID DEATH_SIGNAL LOCK_FILE COMMAND…

The parent must have started this very process. If it ends, however it ends, the command gets the signal: on Linux from
the kernel, elsewhere from a watcher. A LOCK_FILE other than "-" is locked first, and for as long as the command runs.
Stands alone, without any package: it runs before anything else is loaded, and then becomes the command.
"""

import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LOOK_EVERY_S = 0.3
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def main(arguments: list[str]) -> None:
    """Become the command, or watch over it."""
    parent_pid, number, lock_file, *command = arguments
    death_signal = signal.Signals(int(number))
    if lock_file != "-":
        _lock(lock_file)
    if sys.platform == "linux":
        _ask_kernel(death_signal)
        if os.getppid() != int(parent_pid):
            raise SystemExit(1)
        os.execv(command[0], command)  # noqa: S606 - there is no shell to start it with
    raise SystemExit(_watch(command, parent_pid=int(parent_pid), death_signal=death_signal))


def _lock(path: str) -> None:
    import fcntl  # noqa: PLC0415 - few commands need it, and each start counts

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - the signature is Python's


def _ask_kernel(death_signal: signal.Signals) -> None:
    import ctypes  # noqa: PLC0415 - as above

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _watch(command: list[str], *, parent_pid: int, death_signal: signal.Signals) -> int:
    import subprocess  # noqa: PLC0415 - as above

    early: list[int] = []
    pass_on: Callable[[int], None] = early.append  # what comes before there is a command must not end us without it
    for each in FORWARDED:
        signal.signal(each, lambda number, _: pass_on(number))
    child = subprocess.Popen(command, close_fds=False)  # noqa: S603 - our own command
    pass_on = child.send_signal
    for number in early:
        child.send_signal(number)
    while True:
        try:
            return child.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent_pid:
                child.send_signal(death_signal)
                return child.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
