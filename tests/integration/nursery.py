"""`python -m tests.integration.nursery`: imports the product once, then forks a process of it for each order.

Real processes, as `python -m MODULE ARGUMENTS` starts them, without the second that their imports take. Orders and
answers are lines of JSON: the module, its arguments, environment and log, answered by the process id; or a process id,
answered by its exit code, null while it lives. The children lead process groups, and end with the nursery.
"""

import gc
import json
import os
import runpy
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

IMPORTED = (
    *("celery.apps.beat", "celery.apps.worker", "celery.backends.base", "celery.concurrency.thread"),
    *("celery.worker.consumer", "celery.worker.request", "billiard.pool", "kombu.transport.redis", "kombu.matcher"),
    *("httpcore._sync.http2", "msal", "requests", "msal_extensions"),
    *("adapters.autotask", "adapters.connectwise", "adapters.graph", "adapters.halo"),
    *("worker.api.serving", "worker.celery_app", "worker.cli", "worker.compose", "worker.process", "worker.start"),
    *("worker.psas.autotask", "worker.psas.connectwise", "worker.psas.halo", "ops.sandbox.__main__"),
)
"""What the product imports as it starts and later; not worker.app, which reads its configuration as it is imported."""


def main() -> None:
    """Serve until the input ends; in each child, be what was ordered."""
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()  # what was imported stays shared with the children
    living: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if isinstance(order, int):
            answer = ended(order)
            living -= {order} if answer is not None else set()
        else:
            answer = os.fork()
            if answer == 0:
                become(order)
                return
            living.add(answer)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for child in living:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)


def ended(pid: int) -> int | None:
    """Return the exit code of a child that has ended, negative after a signal."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def become(order: dict[str, Any]) -> None:
    """Run a module as a process of its own would; its end is this process's."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [order["module"], *order["arguments"]]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
