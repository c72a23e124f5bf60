"""The faults of a random trial, done to a ground, and undone in time."""

import heapq
import os
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from adapters.errors import SyncError
from tests.chaos.ground import TIMES, Ground, Process
from tests.chaos.plans import Event
from tests.chaos.rules import PSA, RULES, rules_of

SCALE = TIMES["dead_s"] / 10  # to production's time
UNREACHABLE_S = 30 * SCALE
SHORT_S = 1.0
LOOK_S = 0.25
TAIL_BYTES = 2000
STEP_S = 3600.0


class Disturber:
    """Does the events of a plan in time; `ended` when every fault has come and gone."""

    def __init__(self, ground: Ground, *, pool: str, workers: int) -> None:
        """Start workers and a beat."""
        self.ground, self.stack = ground, ground.stack
        self.done: Counter[str] = Counter()
        self.runs: list[str] = []
        self.last_s = time.monotonic()
        self._looked_s, self._fired = 0.0, 0
        self._pool = pool
        self._order = count()
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._store_away = False
        self._asleep: list[int] = []
        self._snapshot = ground.folder / "snapshot"
        shutil.rmtree(self._snapshot, ignore_errors=True)
        shutil.copytree(self._aof, self._snapshot)
        self.workers = [self._start_worker() for _ in range(workers)]
        self.beat = ground.start_beat()

    def plan(self, event: Event, *, begun_s: float) -> None:
        """Put an event into the agenda."""
        self._at(begun_s + event.at_s, lambda: self._do(event))

    def go_on(self) -> bool:
        """Do what has come due and start what ended, as a supervisor does; tell whether anything is left to come."""
        while self._agenda and self._agenda[0][0] <= time.monotonic():
            heapq.heappop(self._agenda)[2]()
            self.last_s = time.monotonic()
        self._look_for_vendors_faults()
        if not self._store_away:  # a supervisor's back-off
            self.workers = [worker if worker.is_alive else self._start_worker() for worker in self.workers]
        return bool(self._agenda)

    def _look_for_vendors_faults(self) -> None:
        """Count a vendor's faulty answer as the last fault: it comes when it is asked."""
        if time.monotonic() < self._looked_s + LOOK_S:
            return
        self._looked_s = time.monotonic()
        fired = self.stack.fired()
        if fired > self._fired:
            self.last_s = time.monotonic()
        self._fired = fired

    @property
    def is_store_there(self) -> bool:
        """Tell whether the store answers at all: who asks one that stands still stands still with it."""
        return not self._store_away and self._valkey_pid not in self._asleep

    def calm(self) -> None:
        """Take every fault away."""
        for pid in self._asleep:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._end_rules()

    def _end_rules(self, name: str | None = None) -> None:
        """Take the rules of this name away, or all; note those that fired."""
        rules = self.stack.control.get("faults").json()["rules"]
        self.done.update({rule["name"] for rule in rules if rule["fired"]})
        self.stack.control.delete("faults")
        left = [{**rule, "times": rule["left"]} for rule in rules if name not in (None, rule["name"]) and rule["left"]]
        self.stack.control.post("faults", json={"rules": left})

    def _at(self, moment_s: float, do: Callable[[], object]) -> None:
        heapq.heappush(self._agenda, (moment_s, next(self._order), do))

    def _after(self, seconds: float, do: Callable[[], object]) -> None:
        self._at(time.monotonic() + seconds, do)

    def _start_worker(self) -> Process:
        slots = 4 if self._pool == "prefork" else 8
        return self.ground.start_worker(pool=self._pool, slots=slots)

    # --- the faults ---

    def _do(self, event: Event) -> None:
        if event.fault in RULES:
            rules = rules_of(event.fault, event.chance)
            assert self.stack.control.post("faults", json={"rules": rules}).status_code == 200
            return
        worker = self.workers[event.chance % len(self.workers)]
        faults: dict[str, Callable[[], object]] = {
            "worker killed": worker.kill,
            "prefork child killed": lambda: self._kill_child(worker, event.chance),
            "prefork parent killed": lambda: worker.send(signal.SIGKILL),
            "worker stopped warmly": lambda: worker.send(signal.SIGTERM),
            "worker stands still": lambda: self._still(worker.pid, 2 * TIMES["dead_s"]),
            "beat killed": self._kill_beat,
            "second beat": self.ground.start_beat,
            "two runs at once": lambda: self._ask(sync_mode="full"),
            "targeted run beside": self._ask_for_some,
            "user changed in mid-run": self._change_a_user,
            "broker killed": self._kill_broker,
            "broker unreachable": lambda: self._still(self._valkey_pid, UNREACHABLE_S),
            "broker and workers killed": self._kill_all,
            "broker out of memory": lambda: self._configure("maxmemory", "1mb", "0"),
            "broker's disk full": self._fill_disk,
            "broker refuses writes": lambda: self._configure("min-replicas-to-write", "1", "0"),
            "append-only file cut": lambda: self._kill_broker(lambda: self._cut_tail(event.chance)),
            "older snapshot put back": lambda: self._kill_broker(self._put_back),
            "PSA down": self._psa_down,
            "tokens revoked": lambda: self.stack.mutate(op="graph.revoke_tokens"),
            "hosts' clock steps": lambda: self.ground.clock.step(STEP_S if event.chance % 2 else -STEP_S),
            "vendors' clock steps": lambda: self.stack.control.post("advance-clock", json={"seconds": 4000}),
        }
        faults[event.fault]()
        if event.fault != "PSA down":
            self.done[event.fault] += 1

    def _kill_child(self, worker: Process, chance: int) -> None:
        listed = subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True, check=False).stdout
        children = sorted(map(int, listed.split()))
        if children:
            os.kill(children[chance % len(children)], signal.SIGKILL)

    def _kill_beat(self) -> None:
        self.beat.kill()
        self.beat = self.ground.start_beat()

    def _still(self, pid: int, seconds: float) -> None:
        if pid == self._valkey_pid and self._store_away:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        self._asleep.append(pid)

        def wake() -> None:
            self._asleep.remove(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        self._after(seconds, wake)

    def _ask(self, **inputs: Any) -> None:
        if not self.is_store_there:
            return
        with suppress(SyncError):  # it may be full: then nobody was promised a run
            self.runs.append(self.stack.request(**inputs))

    def _ask_for_some(self) -> None:
        users = [user for user in self.stack.truth()["users"] if user["outcome"] in ("created", "updated")]
        self._ask(user_principal_names=[str(user["user_principal_name"]) for user in users[:3]])

    def _change_a_user(self) -> None:
        users = [user for user in self.stack.truth()["users"] if user["outcome"] == "skipped"]
        self.stack.mutate(op="graph.update_user", user=users[0]["id"], set={"jobTitle": "Changed in mid-run"})

    @property
    def _aof(self) -> Path:
        return self.ground.folder / "valkey" / "appendonlydir"

    @property
    def _valkey_pid(self) -> int:
        process = self.stack.valkey._server._process
        return 0 if process is None else int(process.pid)

    def _kill_broker(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        if not self.is_store_there:
            return
        self._store_away = True
        self.stack.valkey.kill()
        meanwhile()

        def come_back() -> None:
            self.stack.valkey.start()
            self._store_away = False

        self._after(SHORT_S / 2, come_back)

    def _kill_all(self) -> None:
        self._kill_broker()
        for worker in self.workers:
            worker.kill()

    def _cut_tail(self, chance: int) -> None:
        newest = self._newest_file()
        size = newest.stat().st_size
        os.truncate(newest, max(0, size - 1 - chance % TAIL_BYTES))

    def _newest_file(self) -> Path:
        return max(self._aof.glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)

    def _put_back(self) -> None:
        shutil.rmtree(self._aof)
        shutil.copytree(self._snapshot, self._aof)

    def _fill_disk(self) -> None:
        """Let no file of the store grow for a moment; only Linux can."""
        if not hasattr(resource, "prlimit"):
            self._configure("min-replicas-to-write", "1", "0")
            return
        pid = self._valkey_pid
        if not self.is_store_there:
            return
        _limit_files(pid, self._newest_file().stat().st_size + 100)
        self._after(SHORT_S, lambda: _limit_files(pid, resource.RLIM_INFINITY))

    def _configure(self, name: str, value: str, usual: str) -> None:
        def put(to: str) -> None:
            if not self.is_store_there:  # it comes back with its usual settings, or is asked once it does
                self._after(SHORT_S / 4, lambda: put(usual))
                return
            with suppress(SyncError):
                self.stack.store.connection.client.config_set(name, to)

        put(value)
        self._after(SHORT_S, lambda: put(usual))

    def _psa_down(self) -> None:
        rule = {"kind": "status", "status": 503, "body": "html", "match": PSA, "times": None, "name": "PSA down"}
        self.stack.control.post("faults", json={"rules": [rule]})
        self._after(2.5, lambda: self._end_rules("PSA down"))


def _limit_files(pid: int, size: int) -> None:
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
