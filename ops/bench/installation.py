"""An installation as `contact-sync up` makes it, on a sandbox of its own: three workers, beat and the API."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from ops.bench.sampling import Sampler
from tests.integration.stack import Json, Stack, running_stack, wait_for
from worker.services import CONTROL_QUEUES, CONTROL_THREADS, worker_service

__all__ = ["Installation", "running_installation"]

START_S = 300.0
UNLIMITED = 1_000_000  # calls a minute: the budget is passed, and never in the way
UNGUARDED = """\
guard.creations = { absolute = 1000000, small_absolute = 1000000 }
guard.rewrites = { absolute = 1000000, small_absolute = 1000000 }
"""
SANDBOX = frozenset({"sandbox"})


class Installation:
    """What runs, and how to ask it for work."""

    def __init__(self, stack: Stack) -> None:
        """Start the processes, and wait until they are there."""
        self.stack = stack
        self.processes: dict[str, int] = {"sandbox": stack.sandbox_pid, "valkey": _listener(stack.valkey.url)}
        for number in (1, 2):
            worker = stack.start_service_worker(worker_service(stack.settings, name=f"worker-{number}"))
            self.processes[f"worker-{number}"] = worker.pid
        control = worker_service(
            stack.settings, name="control", queues=CONTROL_QUEUES, pool="threads", slots=CONTROL_THREADS
        )
        self.processes["control"] = stack.start_service_worker(control).pid
        self.processes["beat"] = stack.start_beat().pid
        self.processes["api"] = stack.start_api().pid
        wait_for(lambda: len(stack.store.presence.living()) >= 3, timeout_s=START_S, what=stack.log)  # noqa: PLR2004

    @property
    def connectors(self) -> list[str]:
        """Name the connectors."""
        return sorted(self.stack.settings.connectors)

    def watch(self) -> Sampler:
        """Look at what it costs from here on."""
        return Sampler(self.processes, self.stack.store.connection.client, apart=SANDBOX)

    def request(self, connector: str | None = None, **inputs: Any) -> str:
        """Ask for a run of a connector, the first one unless named."""
        return self.stack.request(connector or self.connectors[0], **inputs)

    def wait(self, run_id: str, *, timeout_s: float) -> Json:
        """Wait for a run's end; return its head."""
        wait_for(
            lambda: self.stack.store.reports.head(run_id) is not None,
            timeout_s=timeout_s,
            what=lambda: self.stack.state(run_id),
        )
        head = self.stack.store.reports.head(run_id)
        assert head is not None  # noqa: S101 - just waited for
        return head

    def vendor_calls(self) -> dict[str, int]:
        """Count what each vendor was asked, logins apart; "429" counts all refusals."""
        counted: dict[str, int] = {}
        for row in self.stack.control.get("counters").json()["calls"]:
            vendor = "login" if "token" in row["endpoint"] else row["vendor"]
            counted[vendor] = counted.get(vendor, 0) + row["count"]
            if row["status"] == 429:  # noqa: PLR2004
                counted["429"] = counted.get("429", 0) + row["count"]
        return counted


@contextmanager
def running_installation(
    folder: Path, *, users: int, tenants: int = 1, per_minute: int = UNLIMITED, latency_ms: float = 0
) -> Iterator[Installation]:
    """Run one for as long as the block lasts: so many users in each of so many tenants.

    `per_minute` is the budget of the PSA, and the sandbox's limit at once; without one neither has any."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    names = [f"customer{number:03}" for number in range(tenants)]
    options: Json = {
        "users": users,
        "tenants": ",".join([str(users)] * (tenants - 1)) + "," if tenants > 1 else "1",
        "latency_ms": latency_ms,
        "requests_per_minute": per_minute,
        "timing": {},
        "service": f'api_listen = "{listen}"',
        "connectors": dict.fromkeys(names, UNGUARDED),
    }
    with running_stack(folder, **options) as stack:
        if per_minute != UNLIMITED:
            stack.control.post("limits", json={"connectwise": {"per_minute": per_minute}})
        yield Installation(stack)


def _listener(url: str) -> int:
    port = int(url.rpartition(":")[2].partition("/")[0])
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return int(connection.pid)
    raise LookupError(f"nobody listens at {url}")
