"""`python -m tests.chaos.nursery CLOCK`: imports the product once, then forks a service for each line it is given.

A real process as `python -m worker.start` starts it, without the second that its imports take. A line is JSON: the
arguments, the log, the environment; the answer is the process id. Its children lead process groups, and end with it.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import worker.app  # noqa: F401 - what takes long; reads the configuration, opens no connection
from tests.chaos import boundaries, clock
from worker.start import start


def main() -> None:
    """Serve until the input ends."""
    clock.install(Path(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are gone at once
    children: list[int] = []
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(order)
        children.append(pid)
        print(pid, flush=True)
    for child in children:
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _live(order: dict[str, Any]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(Path(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.update(order["environment"])
    code = 1
    try:
        boundaries.install()
        code = start(order["arguments"])
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
