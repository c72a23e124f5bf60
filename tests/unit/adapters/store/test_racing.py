"""Threads that race for the same thing: one wins, nothing is lost, nothing counts twice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from adapters.records import Grant, Outcome, Planned
from adapters.store import Store, StoreTiming
from adapters.store.rows import seal_rows
from tests.unit.adapters.store.making import (
    HOME,
    a_plan,
    a_run,
    all_keys,
    an_intent,
    begun,
    created,
    failed,
    frozen,
    judging,
    reading,
    writing,
)

RACERS = 8

T = TypeVar("T")


def race(do: Callable[[int], T], racers: int = RACERS) -> list[T]:
    """Let all start at one moment and return what each got."""
    line = threading.Barrier(racers)

    def started(number: int) -> T:
        line.wait()
        return do(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(started, range(racers)))


def test_one_of_many_requests_takes_the_tick(store: Store) -> None:
    for tick in range(10):

        def request(number: int, tick: int = tick) -> bool:
            return store.runs.request_run(a_run(f"r{tick}-{number}"), tick=(tick, tick + 1))

        assert sum(race(request)) == 1
    assert len(store.reports.open_runs()) == 10


def test_one_of_many_runs_gets_the_connector(store: Store) -> None:
    for number in range(RACERS):
        store.runs.request_run(a_run(f"r{number}"))
    answers = race(
        lambda number: store.runs.begin_reading(f"r{number}", mode="full", config_version=1, exclusive=True, home=HOME)
    )
    holders = [answer for answer in answers if not isinstance(answer, str)]
    assert len(holders) == 1
    assert len({answer for answer in answers if isinstance(answer, str)}) == 1


def test_one_of_many_readers_stores_the_page(store: Store) -> None:
    reading(store)
    for page in range(10):

        def save(number: int, page: int = page) -> bool:
            step = {"reader": number}
            return store.reading.save_page("r1", generation=0, page=page, entries=[], read_at_ms=1, next_step=step)

        won = race(save)
        assert sum(won) == 1
        assert store.reading.next_step("r1", generation=0, page=page) == {"reader": won.index(True)}


def test_read_starts_over_once_per_generation(store: Store) -> None:
    reading(store)
    answers = race(lambda _: store.reading.restart("r1", generation=0))
    assert Counter(answers) == {1: 1, None: RACERS - 1}


def test_one_of_many_judges_plans(store: Store) -> None:
    holder = judging(store)
    store.plan.release("r1", holder=holder)
    holders = [store.presence.new_holder() for _ in range(RACERS)]

    def judge(number: int) -> bool:
        if not store.plan.reset("r1", holder=holders[number]):
            return False
        for user in range(50):
            store.plan.add("r1", holder=holders[number], planned=[a_plan(user)], outcomes=[])
        return store.plan.seal("r1", holder=holders[number])

    assert sum(race(judge)) == 1
    batch = store.plan.freeze_batch("main", lane="bulk", size=100, window=100)
    assert batch is not None
    assert len(batch.members) == 50


def test_window_holds_and_nobody_is_frozen_twice(store: Store) -> None:
    for run_id in ("r1", "r2", "r3"):
        writing(store, run_id, plans=[a_plan(n) for n in range(60)], connector_id=run_id)
    seen: list[tuple[str, str]] = []
    most: list[int] = []

    def feeder(number: int) -> None:
        while True:
            batch = store.plan.freeze_batch("main", lane="bulk", size=1 + number % 4, window=10)
            if batch is None:
                if not store.recovery.hungry_lanes():
                    return
                time.sleep(0.001)
                continue
            pending = int(store.connection.client.hget(store.connection.keys.lane("main", "bulk"), "pending"))
            most.append(pending)
            for member in batch.members:
                seen.append((member.run_id, member.user_id))
                _, grant = begun(store, member.user_id, member.run_id)
                assert store.users.record(grant, member.run_id, failed(member.user_id))
            store.plan.summarize_batch(batch.run_id, batch.batch_id)

    race(feeder)
    assert len(seen) == len(set(seen)) == 180
    assert max(most) <= 10
    assert all(store.plan.is_complete(run_id) for run_id in ("r1", "r2", "r3"))


def test_one_grant_at_a_time_and_one_outcome(store: Store) -> None:
    frozen(store, count=20)
    at_work: Counter[str] = Counter()
    worst: list[int] = []

    def worker(number: int) -> int:
        counted = 0
        order = [f"id-{user:06}" for user in range(20)]
        random.Random(number).shuffle(order)  # noqa: S311 - a seeded order repeats
        for user_id in order:
            answer = store.users.begin("r1", user_id, holder=store.presence.new_holder())
            if not isinstance(answer, tuple):
                continue
            at_work[user_id] += 1
            worst.append(at_work[user_id])
            time.sleep(0.001)
            at_work[user_id] -= 1
            counted += store.users.record(answer[1], "r1", failed(user_id))
        return counted

    assert sum(race(worker)) == 20
    assert max(worst) == 1
    assert store.plan.counts("r1")["error"] == 20


def test_one_of_many_gets_the_address_even_across_connectors(store: Store) -> None:
    for number in range(RACERS):
        frozen(store, f"r{number}", count=1, connector_id=f"c{number}")
    grants = [begun(store, "id-000000", f"r{number}")[1] for number in range(RACERS)]

    def claim(number: int) -> bool:
        addresses = ["a@x.example", "b@x.example", "c@x.example"]
        random.Random(number).shuffle(addresses)  # noqa: S311 - a seeded order repeats
        claimed = store.users.claim(
            grants[number], instance="main", company_id="250", addresses=addresses, contact_id=None
        )
        return claimed is not None

    for _ in range(10):
        won = race(claim)
        assert sum(won) == 1
        winner = won.index(True)
        store.users.postpone(grants[winner], f"r{winner}", wait_s=0)
        grants[winner] = begun(store, "id-000000", f"r{winner}")[1]


def test_rows_are_neither_lost_nor_doubled_while_many_seal_them(store: Store) -> None:
    holder = judging(store)
    store.plan.seal("r1", holder=holder)
    key = store.connection.keys.run_parts("r1")["rows.errors"]

    def write_and_seal(number: int) -> None:
        for row in range(100):
            store.connection.client.rpush(key, f'{{"n": {number * 100 + row}}}')
            if row % 5 == 0:
                seal_rows(store.connection, "r1")

    race(write_and_seal)
    store.runs.close("r1", head={}, watermark=None)
    assert sorted(row["n"] for row in store.reports.rows("r1", "errors")) == list(range(100 * RACERS))


def test_close_meets_the_last_outcomes_and_leaves_nothing_behind(store: Store) -> None:
    for repeat in range(5):
        run_id = f"r{repeat}"
        batch = frozen(store, run_id, count=RACERS - 1)

        def step(number: int, run_id: str = run_id, members: tuple[str, ...] = ()) -> bool:
            if number == 0:
                while not store.runs.close(run_id, head={}, watermark=None):
                    pass
                return True
            _, grant = begun(store, f"id-{number - 1:06}", run_id)
            return store.users.record(grant, run_id, failed(f"id-{number - 1:06}"))

        assert all(race(step))
        assert len(batch.members) == len(list(store.reports.rows(run_id, "errors")))
        assert not [key for key in all_keys(store) if key.startswith("run:")]


class FakePsa:
    """Counts creations per user; a write may arrive although its sender dies."""

    def __init__(self) -> None:
        self.contacts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def create(self, user_id: str) -> None:
        with self._lock:
            self.contacts[user_id] += 1


class Worker:
    """Upserts as the tasks do, and dies at any moment: it simply stops, and its heartbeat with it."""

    def __init__(self, store: Store, psa: FakePsa, *, seed: int) -> None:
        self.store, self.psa = store, psa
        self.chance = random.Random(seed)  # noqa: S311 - a seeded death repeats

    def dies(self) -> bool:
        return self.chance.random() < 0.03

    def upsert(self, run_id: str, user_id: str) -> bool:
        """Do one attempt; False if the worker died in it."""
        answer = self.store.users.begin(run_id, user_id, holder=self.store.presence.new_holder())
        if not isinstance(answer, tuple):
            return True
        planned, grant = answer
        if grant.intent is not None:
            return self.resolve(run_id, planned, grant)
        return not self.dies() and self.write(run_id, planned, grant)

    def write(self, run_id: str, planned: Planned, grant: Grant) -> bool:
        intent = an_intent(planned, self.store, run_id=run_id, write_s=0.2)
        if not self.store.users.store_intent(grant, intent):
            return True
        if self.dies():
            return False
        if self.store.runs.now_ms() > intent.not_after_ms:  # as the adapter refuses to send too late
            self.store.users.postpone(grant, run_id, wait_s=0)
            return True
        self.psa.create(grant.user_id)
        if self.dies():
            return False
        self.store.users.record(grant, run_id, created(planned))
        return True

    def resolve(self, run_id: str, planned: Planned, grant: Grant) -> bool:
        assert grant.intent is not None
        if grant.intent.not_after_ms + 800 > self.store.runs.now_ms():
            self.store.users.postpone(grant, run_id, wait_s=0.05, keep_intent=True)
        elif self.psa.contacts[grant.user_id]:
            self.store.users.record(grant, run_id, created(planned))
        else:
            self.store.users.clear_intent(grant)
            self.store.users.postpone(grant, run_id, wait_s=0)
        return True


@pytest.mark.timeout(60)
def test_dying_workers_leave_each_user_one_contact_and_one_outcome(opened: Callable[..., Store]) -> None:
    timing = StoreTiming(dead_s=0.3, heartbeat_s=0.05, first_due_s=0.2, slack_s=0.1)
    users = 200
    psa = FakePsa()
    writing(opened(), plans=[a_plan(number) for number in range(users)])
    finished = threading.Event()
    deaths: list[int] = []

    def live(number: int) -> None:
        """Work as one process after another; each ends with its first death."""
        life = 0
        while not finished.is_set():
            life += 1
            worker = Worker(opened(timing), psa, seed=number * 1000 + life)
            while not finished.is_set():
                worker.store.presence.beat()
                if worker.store.plan.is_complete("r1"):
                    finished.set()
                    return
                if not take_what_is_due(worker):
                    deaths.append(number)
                    break

    def take_what_is_due(worker: Worker) -> bool:
        worker.store.recovery.bury_workers()
        due = worker.store.recovery.overdue_users(limit=3, grace_s=0.1)
        batch = worker.store.plan.freeze_batch("main", lane="bulk", size=4, window=24)
        for member in [*due, *(batch.members if batch else ())]:
            worker.store.presence.beat()
            if not worker.upsert(member.run_id, member.user_id):
                return False
        return True

    race(live, 4)
    store = opened()
    assert len(deaths) > 5, "this test is about deaths"
    assert set(psa.contacts.values()) == {1}
    assert len(psa.contacts) == users
    assert store.plan.counts("r1")["created"] == users
    assert len(store.memory.links(HOME, [f"id-{number:06}" for number in range(users)])) == users
    assert store.runs.close("r1", head={}, watermark=None)
    rows = [row["office365_id"] for row in store.reports.rows("r1", "created")]
    assert len(rows) == len(set(rows)) == users


def test_bulk_skips_of_one_judge_count_once_while_another_is_refused(store: Store) -> None:
    holder = judging(store)
    skips = [Outcome(user_id=f"id-{number}", status="skipped") for number in range(100)]

    def judge(number: int) -> bool:
        if number:
            return store.plan.reset("r1", holder=store.presence.new_holder())
        for _ in range(10):
            store.plan.add("r1", holder=holder, planned=[], outcomes=skips)
        return True

    assert sum(race(judge)) == 1
    assert store.plan.counts("r1")["skipped"] == 1000
