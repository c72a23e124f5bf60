"""A whole installation in one process's care: embedded Valkey, workers, beat, Flower. `up` and `demo` use it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.store import Store
from worker import embedded
from worker.compose import open_store, publish_configuration
from worker.services import (
    CONTROL_QUEUES,
    CONTROL_THREADS,
    Service,
    api_service,
    beat_service,
    flower_service,
    worker_service,
)
from worker.settings import Settings
from worker.supervision import Child, Supervisor, Tell

__all__ = ["Installation", "running"]

STORE, WORKERS, FRONT = range(3)  # stages: the front is stopped first, the store last
WORKER_GRACE_S = 45.0  # two write deadlines, and what its end takes; a kill after that loses nothing either
FRONT_GRACE_S = 5.0


@dataclass(frozen=True)
class Installation:
    """What is running."""

    settings: Settings
    store: Store
    config_version: int
    supervisor: Supervisor


@contextmanager
def running(settings: Settings, *, on_line: Tell, on_change: Tell, hurry: threading.Event) -> Iterator[Installation]:
    """Run everything as long as the block lasts, then stop it: warmly, or at once when `hurry` is set.

    Raises AlreadyUpError, EmbeddedValkeyError, and SyncError if the store cannot be used."""
    state_dir = settings.service.state_dir
    supervisor = Supervisor(on_line=on_line, on_change=on_change)
    with embedded.take_state_dir(state_dir):
        try:
            if settings.service.redis_url is None:
                supervisor.start(embedded.prepare(state_dir, stage=STORE))
                embedded.wait_ready(state_dir)
            store = open_store(settings)
            try:
                store.connection.check_server()
                version = publish_configuration(settings, store)
                for child in _children(settings):
                    supervisor.start(child)
                yield Installation(settings, store, version, supervisor)
            finally:
                store.close()
        finally:
            supervisor.stop(hurry)
            embedded.tidy(state_dir)


def _children(settings: Settings) -> Iterator[Child]:
    for number in range(1, settings.service.workers.processes + 1):
        yield _worker(f"worker-{number}", worker_service(settings, name=f"worker-{number}"))
    control = worker_service(settings, name="control", queues=CONTROL_QUEUES, pool="threads", slots=CONTROL_THREADS)
    yield _worker("control", control)
    yield _front("beat", beat_service(settings))
    yield _front("flower", flower_service(settings))
    if settings.service.public_url is not None or settings.api.tokens:  # else nobody would be answered
        yield _front("api", api_service(settings))


def _worker(name: str, service: Service) -> Child:
    return Child(
        name=name,
        command=service.command,
        environment=service.environment,
        stage=WORKERS,
        grace_s=WORKER_GRACE_S,
    )


def _front(name: str, service: Service) -> Child:
    return Child(
        name=name, command=service.command, environment=service.environment, stage=FRONT, grace_s=FRONT_GRACE_S
    )
