"""Whole runs in one process: the real steps over a real store, with vendors in memory and a queue instead of a broker."""

import io
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.read_only import ReadOnlyContacts
from adapters.records import Batch, Member, Run
from adapters.store import Store
from tasks import closing, deciding, fanning_out, feeding, reconciling, starting, stepping, summarizing, upserting
from tasks.connector import Connector
from tasks.default_mappings import default_mapping
from tasks.ports import Json, Ports, Timing
from tasks.requesting import request_run
from tests.fakes.contacts import FakeContacts
from tests.fakes.directory import FakeDirectory
from worker.reporting import write_run_report

TENANT = "11111111-1111-4111-8111-111111111111"
TIMING = Timing(write_deadline_s=0.3, write_margin_s=0.05, user_horizon_s=2.0, instance_horizon_s=5.0, batch_size=4)


def connector(**settings: Any) -> Connector:
    """Return a connector of the fake tenant and the fake PSA's company 250."""
    defaults: Json = {
        "connector_id": "contoso",
        "tenant_id": TENANT,
        "psa": "main",
        "psa_kind": "connectwise",
        "graph_app": "main",
        "psa_default_company_id": "250",
        "field_mapping": default_mapping("connectwise"),
        "fingerprint": "f1",
    }
    return Connector(**{**defaults, **settings})


@dataclass
class Message:
    """One message in the queue."""

    name: str
    do: Callable[[], float | None]


@dataclass
class Queue:
    """Satisfies ports.Publisher; `lose` drops the next messages of that name."""

    engine: "Engine"
    waiting: deque[Message] = field(default_factory=deque)
    lose: dict[str, int] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def put(self, name: str, do: Callable[[], float | None]) -> None:
        """Queue a step."""
        self.sent.append(name)
        if self.lose.get(name, 0) > 0:
            self.lose[name] -= 1
            return
        self.waiting.append(Message(name, do))

    def start_run(self, run_id: str) -> None:
        self.put("start_run", lambda: stepping.run_step(self.engine.ports, run_id, starting.start_run))

    def fan_out(self, run_id: str, *, generation: int, page: int) -> None:
        def step(ports: Ports, run: Run) -> float | None:
            return fanning_out.fan_out(ports, run, generation=generation, page=page)

        self.put("fan_out", lambda: stepping.run_step(self.engine.ports, run_id, step))

    def judge(self, run_id: str) -> None:
        self.put("judge", lambda: stepping.run_step(self.engine.ports, run_id, deciding.judge))

    def feed(self, instance: str) -> None:
        self.put("feed", lambda: feeding.feed(self.engine.ports, instance))

    def batch(self, batch: Batch) -> None:
        parts = {member.user_id for member in batch.members}

        def part(member: Member) -> float | None:
            wait_s = upserting.upsert_contact(self.engine.ports, member.run_id, member.user_id)
            if wait_s is None:
                parts.discard(member.user_id)
                if not parts:
                    self.summarize_batch(batch.run_id, batch.batch_id)
            return wait_s

        for member in batch.members:
            self.put("upsert", lambda member=member: part(member))  # type: ignore[misc]  # binds the loop's member

    def upsert(self, member: Member) -> None:
        self.put("upsert", lambda: upserting.upsert_contact(self.engine.ports, member.run_id, member.user_id))

    def summarize_batch(self, run_id: str, batch_id: str) -> None:
        self.put("summarize", lambda: summarizing.summarize_batch(self.engine.ports, run_id, batch_id))

    def close_run(self, run_id: str) -> None:
        self.put("close_run", lambda: stepping.run_step(self.engine.ports, run_id, closing.close_run))


@dataclass
class FakeConfiguration:
    """Satisfies ports.Configuration; every version holds the same connectors."""

    known: dict[str, Connector]
    version: int = 1

    def current_version(self) -> int:
        return self.version

    def connector(self, connector_id: str, *, version: int) -> Connector:
        return self.known[connector_id]

    def connectors(self, *, version: int) -> tuple[str, ...]:
        return tuple(self.known)


@dataclass
class FakeBudgets:
    """Satisfies ports.Budgets: always open, unless told otherwise."""

    down_since: int | None = None

    def is_open(self, instance: str) -> bool:
        return self.down_since is not None

    def down_since_ms(self, instance: str) -> int | None:
        return self.down_since

    def window(self, instance: str, *, most: int, lane: str) -> int:
        return most


class Engine:
    """One installation in one process."""

    def __init__(self, store: Store, *, timing: Timing = TIMING, **settings: Any) -> None:
        """Start with an empty tenant and an empty company 250."""
        self.store = store
        self.directory = FakeDirectory()
        self.psa = FakeContacts()
        self.psa.add_company()
        self.queue = Queue(self)
        self.configuration = FakeConfiguration({"contoso": connector(**settings)})
        self.ports = Ports(
            runs=store.runs,
            reading=store.reading,
            index=store.index,
            plan=store.plan,
            users=store.users,
            memory=store.memory,
            recovery=store.recovery,
            budgets=FakeBudgets(),
            presence=store.presence,
            configuration=self.configuration,
            publisher=self.queue,
            directory=lambda run: self.directory,
            contacts=lambda run: ReadOnlyContacts(self.psa) if run.dry_run else self.psa,
            timing=timing,
        )

    def configure(self, **settings: Any) -> None:
        """Publish another version of the connector."""
        known = self.configuration.known["contoso"]
        self.configuration.known["contoso"] = known.model_copy(update=settings)
        self.configuration.version += 1

    def with_timing(self, **times: float) -> None:
        """Change times."""
        self.ports = replace(self.ports, timing=replace(self.ports.timing, **times))  # type: ignore[arg-type]

    def request(self, **inputs: Any) -> str:
        """Ask for a run; it waits in the queue."""
        return request_run(self.ports, "contoso", inputs, trigger="cli").run_id

    def run(self, **inputs: Any) -> Json:
        """Ask for a run, carry it to its end, return its report."""
        run_id = self.request(**inputs)
        self.work()
        return self.report(run_id)

    def work(self, *, most_steps: int = 5000, until: Callable[[], bool] = lambda: False) -> None:
        """Do steps until the queue is empty; one that wants to wait goes to its end."""
        for _ in range(most_steps):
            if not self.queue.waiting or until():
                return
            message = self.queue.waiting.popleft()
            wait_s = message.do()
            if wait_s is not None:
                self.queue.waiting.append(message)
                self.pass_time(wait_s)
        raise AssertionError(f"still going on: {[message.name for message in self.queue.waiting][:10]}")

    def pass_time(self, seconds: float) -> None:
        """Let time pass; waits are short in tests, and the store's clock is real."""
        self.store.presence.beat()
        time.sleep(min(seconds, 0.1))

    def reconcile(self) -> None:
        """Take up what was lost, whatever its due time says."""
        reconciling.reconcile(self.ports)

    def report(self, run_id: str) -> Json:
        """Return the report of a closed run."""
        out = io.StringIO()
        assert write_run_report(self.store, run_id, out), f"not closed: {self.store.runs.load_run(run_id)!r}"
        report: Json = json.loads(out.getvalue())
        return report
