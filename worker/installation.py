"""A whole installation in one process's care: embedded Valkey, workers, beat, Flower, API. `up` and `demo` use it."""

import socket
import threading
import time
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

__all__ = ["Installation", "has_api", "running"]

STORE, WORKERS, FRONT = range(3)  # stages: the front is stopped first, the store last
WORKER_GRACE_S = 45.0  # two write deadlines, and what its end takes; a kill after that loses nothing either
FRONT_GRACE_S = 5.0
API_START_S = 20.0
LOOK_S = 0.05


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
                    if child.name == "beat" and settings.service.public_url is not None:
                        wait_until_listening(settings.service.api_listen, timeout_s=API_START_S)
                    supervisor.start(child)
                yield Installation(settings, store, version, supervisor)
            finally:
                store.close()
        finally:
            supervisor.stop(hurry)
            embedded.tidy(state_dir)


def has_api(settings: Settings) -> bool:
    """Tell whether somebody would be answered by the API."""
    return settings.service.public_url is not None or bool(settings.api.tokens)


def wait_until_listening(address: str, *, timeout_s: float) -> bool:
    """Wait until somebody listens at HOST:PORT; False if nobody did in time."""
    host, _, port = address.rpartition(":")
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK_S).close()
        except OSError:
            time.sleep(LOOK_S)
        else:
            return True
    return False


def _children(settings: Settings) -> Iterator[Child]:
    """Name what runs, in the order of starting: Graph asks the API while beat's first round makes a subscription."""
    for number in range(1, settings.service.workers.processes + 1):
        yield _worker(f"worker-{number}", worker_service(settings, name=f"worker-{number}"))
    control = worker_service(settings, name="control", queues=CONTROL_QUEUES, pool="threads", slots=CONTROL_THREADS)
    yield _worker("control", control)
    yield _front("flower", flower_service(settings))
    if has_api(settings):
        yield _front("api", api_service(settings))
    yield _front("beat", beat_service(settings))


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
