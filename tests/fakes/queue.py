"""A broker in memory: messages in one queue, chords that count, losses and copies on demand."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from adapters.errors import TransientError
from adapters.records import Batch, Member, Run
from tasks import closing, deciding, fanning_out, feeding, polling, starting, stepping, summarizing, upserting
from tasks.celery_tasks import STORE_WAIT_S
from tasks.events import subscribing, taking
from tasks.ports import Ports

Step = Callable[[Ports, Run], float | None]


@dataclass(frozen=True)
class Message:
    """One message: the step's name, and the step."""

    name: str
    do: Callable[[], float | None]


class Queue:
    """Satisfies ports.Publisher. `sent` names every message that was published.

    `lose` says how many of the next messages of a name get lost, `refuse` how many cannot be published at all,
    `copies` how often each one is delivered again. A chord counts its members by user, and publishes its callback
    once, as Celery does on Redis."""

    def __init__(self, ports: Callable[[], Ports]) -> None:
        """Be empty; `ports` are those of the process that takes a message up."""
        self._ports = ports
        self._chords: dict[tuple[str, str], set[str]] = {}
        self.waiting: deque[Message] = deque()
        self.unacknowledged: list[Message] = []
        self.sent: list[str] = []
        self.lose: Counter[str] = Counter()
        self.refuse: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()

    def do_next(self) -> float | None:
        """Do the first message. One that wants to come back, or finds store or broker away, goes to the end.

        It stays in `unacknowledged` if its process dies."""
        message = self.waiting.popleft()
        self.unacknowledged.append(message)
        try:
            wait_s = message.do()
        except TransientError:
            wait_s = STORE_WAIT_S
        self.unacknowledged.remove(message)
        if wait_s is not None:
            self.waiting.append(message)
        return wait_s

    def redeliver(self) -> None:
        """Deliver once more what processes died of, as the broker does after the visibility time-out."""
        self.waiting.extend(self.unacknowledged)
        self.unacknowledged.clear()

    # --- the port ---------------------------------------------------------------------------------------------------

    def start_run(self, run_id: str) -> None:
        """Publish the first step."""
        self._put_step("start_run", run_id, starting.start_run)

    def fan_out(self, run_id: str, *, generation: int, page: int) -> None:
        """Publish the reading of one page."""

        def step(ports: Ports, run: Run) -> float | None:
            return fanning_out.fan_out(ports, run, generation=generation, page=page)

        self._put_step("fan_out", run_id, step)

    def judge(self, run_id: str) -> None:
        """Publish the judging."""
        self._put_step("judge", run_id, deciding.judge)

    def feed(self, instance: str) -> None:
        """Publish a feed."""
        self._put("feed", lambda: feeding.feed(self._ports(), instance))

    def batch(self, batch: Batch) -> None:
        """Publish a batch as a chord."""
        self._chords.setdefault((batch.run_id, batch.batch_id), {member.user_id for member in batch.members})
        for member in batch.members:
            self.upsert(member)

    def upsert(self, member: Member) -> None:
        """Publish one member of a batch."""
        self._put("upsert", lambda: self._do_member(member))

    def summarize_batch(self, run_id: str, batch_id: str) -> None:
        """Publish a batch's summary."""
        self._put("summarize_batch", lambda: summarizing.summarize_batch(self._ports(), run_id, batch_id))

    def close_run(self, run_id: str) -> None:
        """Publish the last step."""
        self._put_step("close_run", run_id, closing.close_run)

    def take_changes(self, connector_id: str, *, wait_s: float) -> None:
        """Publish the taking of changed users; it comes back until their time has come."""

        def take() -> float | None:
            taking.take_changes(self._ports(), connector_id)
            return None

        self._put("take_changes", take)

    def keep_subscription(self, connector_id: str) -> None:
        """Publish the care of a subscription."""
        self._put("keep_subscription", lambda: subscribing.keep_subscription(self._ports(), connector_id))

    def poll_delta(self, connector_id: str) -> None:
        """Publish a poll."""
        self._put("poll_delta", lambda: polling.poll_delta(self._ports(), connector_id))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _put_step(self, name: str, run_id: str, step: Step) -> None:
        self._put(name, lambda: stepping.run_step(self._ports(), run_id, step))

    def _put(self, name: str, do: Callable[[], float | None]) -> None:
        if self.refuse[name] > 0:
            self.refuse[name] -= 1
            raise TransientError("broker_unreachable", vendor="store")
        self.sent.append(name)
        if self.lose[name] > 0:
            self.lose[name] -= 1
            return
        self.waiting.extend([Message(name, do)] * (1 + self.copies[name]))

    def _do_member(self, member: Member) -> float | None:
        wait_s = upserting.upsert_contact(self._ports(), member.run_id, member.user_id)
        if wait_s is None:
            self._count(member)
        return wait_s

    def _count(self, member: Member) -> None:
        missing = self._chords.get((member.run_id, member.batch_id), set())
        if member.user_id in missing:
            missing.remove(member.user_id)
            if not missing:
                self.summarize_batch(member.run_id, member.batch_id)
