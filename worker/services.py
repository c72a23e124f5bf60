"""The commands of the services: a Celery worker, beat, Flower. Settings become arguments here; nothing is started."""

import sys
from dataclasses import dataclass

from worker.settings import Settings, child_environment

__all__ = [
    "ALL_QUEUES",
    "CONTROL_QUEUES",
    "Service",
    "api_service",
    "beat_service",
    "flower_service",
    "worker_service",
]

CONTROL_QUEUES = ("targeted", "control")
ALL_QUEUES = (*CONTROL_QUEUES, "upsert")
CONTROL_THREADS = 8  # steps of runs, and users asked for by name: none of them waits behind a nightly run

# Celery warns root of pickled messages; none is accepted here
UNWARNED = "ignore:You're running the worker with superuser privileges"
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""For the GNU C library: a page's megabytes go back to the system, and not into an arena of each thread's own."""
START = (sys.executable, "-W", UNWARNED, "-m", "worker.start")


@dataclass(frozen=True)
class Service:
    """A command with its whole environment."""

    command: tuple[str, ...]
    environment: dict[str, str]


def worker_service(
    settings: Settings,
    *,
    name: str = "celery",
    queues: tuple[str, ...] = ALL_QUEUES,
    pool: str | None = None,
    slots: int | None = None,
) -> Service:
    """Return the command of one worker process; `pool` and `slots` replace what is configured.

    A SIGTERM stops it as soon as the users being written have their outcome, which their deadlines bound. Celery's
    soft shutdown (REMAP_SIGTERM) would sleep its whole time-out, however soon the last write ends."""
    workers = settings.service.workers
    options = {
        "--name": f"{name}@%h",
        "--queues": ",".join(queues),
        "--pool": pool or workers.pool,
        "--slots": str(slots or workers.threads),
    }
    arguments = [part for option in options.items() for part in option]
    return Service((*START, "worker", *arguments), FEW_ARENAS | child_environment(settings))


def beat_service(settings: Settings) -> Service:
    """Return the command of beat; what it has done stands in the ledger, so it needs no file."""
    return Service((*START, "beat"), child_environment(settings))


def api_service(settings: Settings) -> Service:
    """Return the command of the HTTP API."""
    return Service((sys.executable, "-m", "worker.cli", "api"), child_environment(settings))


def flower_service(settings: Settings) -> Service:
    """Return the command of Flower."""
    return Service((sys.executable, "-m", "worker.cli", "flower"), child_environment(settings))
