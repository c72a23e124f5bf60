"""What an installation costs while it works: memory and processor time of each process, Valkey's memory, messages."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psutil
import redis

__all__ = ["Costs", "Sampler"]

EVERY_S = 0.1
ROUNDS_TO_ADD_UP = 20  # it costs milliseconds
MB = 1e6
QUEUES = ("control", "targeted", "upsert")
UNACKNOWLEDGED = "unacked"


@dataclass
class Costs:
    """The most of each, and the seconds of processor time from begin to end."""

    seconds: float = 0.0
    peak_mb: dict[str, float] = field(default_factory=dict)  # of one process of a role
    together_mb: float = 0.0  # all of the product's at one moment; what they share counts once where the system tells
    valkey_mb: float = 0.0
    messages: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)  # of all processes of a role
    seen_s: dict[str, float] = field(default_factory=dict)  # when a state of the run was first seen


class Sampler:
    """Looks at processes and at Valkey ten times a second, from `with` to its end."""

    def __init__(self, processes: Mapping[str, int], valkey: redis.Redis, *, apart: frozenset[str]) -> None:
        """Take process ids by "role" or "role-number"; roles in `apart` are not the product's."""
        self.costs = Costs()
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._valkey = valkey
        self._apart = apart
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._cpu_s = self._processor_times()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self.costs.seconds = time.monotonic() - self._began
        for role, spent_s in self._processor_times().items():
            self.costs.cpu_s[role] = spent_s - self._cpu_s.get(role, 0.0)

    def _look_on(self) -> None:
        rounds = 0
        while not self._stopping.wait(EVERY_S):
            self._look()
            if rounds % ROUNDS_TO_ADD_UP == 0:
                self._add_up()
            rounds += 1

    def _look(self) -> None:
        for name, process in self._processes.items():
            role = _role(name)
            self.costs.peak_mb[role] = max(self.costs.peak_mb.get(role, 0.0), process.memory_info().rss / MB)
        self.costs.valkey_mb = max(self.costs.valkey_mb, self._valkey.info("memory")["used_memory"] / MB)
        with self._valkey.pipeline(transaction=False) as pipe:
            for queue in QUEUES:
                pipe.llen(queue)
            pipe.hlen(UNACKNOWLEDGED)
            self.costs.messages = max(self.costs.messages, sum(pipe.execute()))

    def _add_up(self) -> None:
        ours = [process for name, process in self._processes.items() if _role(name) not in self._apart]
        self.costs.together_mb = max(self.costs.together_mb, sum(map(_share_mb, ours)))

    def _processor_times(self) -> dict[str, float]:
        spent: dict[str, float] = {}
        for name, process in self._processes.items():
            times = process.cpu_times()
            spent[_role(name)] = spent.get(_role(name), 0.0) + times.user + times.system
        return spent


def _share_mb(process: psutil.Process) -> float:
    """Return a process's part of the memory: pages of a library that five hold count a fifth each."""
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", memory.rss)) / MB


def _role(name: str) -> str:
    return name.partition("-")[0]
