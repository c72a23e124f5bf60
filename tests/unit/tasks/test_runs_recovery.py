"""Messages that are lost or doubled, processes that die: the run ends as if nothing had happened."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import pytest

from adapters.errors import TransientError
from adapters.store import StoreTiming, open_store
from tests.fakes.engine import Engine
from tests.fakes.moments import Moment
from tests.fakes.mortal import Death, MortalStore
from tests.fakes.reports import Json, changes, counts
from tests.fakes.valkey import running_valkey

MESSAGES = ["start_run", "fan_out", "judge", "feed", "upsert", "summarize_batch", "close_run"]
SHORT = {"write_deadline_s": 0.04, "write_margin_s": 0.01, "batch_size": 2, "user_horizon_s": 60.0}

RUN_ID = re.compile(r"\d{8}T\d{6}-contoso-\w{6}")

Opened = Callable[..., MortalStore]


def furnish(engine: Engine) -> None:
    """Arrange contacts to create, to update, to leave alone and to refuse, over several pages and batches."""
    engine.with_timing(**SHORT)
    engine.directory.page_size = 4
    for number in range(3):
        engine.directory.add_user(f"new{number}")
        engine.directory.add_user(f"old{number}", job_title="Buyer")
        engine.psa.add_contact(first_name=f"Old{number}", last_name="Example", email=f"old{number}@contoso.com")
    right = engine.directory.add_user("right")
    engine.psa.add_contact(first_name="Right", last_name="Example", email="right@contoso.com", entra_id=right.id)
    engine.directory.add_user("broken", mail="broken @ contoso.com")
    engine.directory.add_user("off", account_enabled=False)


def furnish_for_changes(engine: Engine) -> None:
    """Arrange changes of every kind since a full run."""
    furnish(engine)
    engine.run(sync_mode="full")
    people = {str(user.given_name).lower(): user.id for user in engine.directory.users.values()}
    engine.directory.change_user(people["old0"], job_title="Clerk")
    engine.directory.change_user(people["old1"], surname="Married")
    engine.directory.change_user(people["off"], account_enabled=True)
    engine.directory.delete_user(people["right"])
    for number in range(3, 6):
        engine.directory.add_user(f"new{number}")


SCENES = {"full": furnish, "incremental": furnish_for_changes}


@dataclass
class Result:
    """All that a run left behind."""

    report: Json
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    mails: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    unfinished: list[str] = field(default_factory=list)
    link: str = ""


def result_of(engine: Engine, run_id: str) -> Result:
    """Return what a closed run left: report, writes, contacts, kinds of keys, retry set, link."""
    watermark = engine.store.memory.watermark("contoso")
    assert watermark is not None
    return Result(
        report=changes(engine.report(run_id)),
        writes=Counter((write.operation, write.after.fields["first_name"]) for write in engine.psa.writes),
        mails=sorted(contact.fields["email"] for contact in engine.psa.contacts.values()),
        keys=set(_keys(engine)),
        unfinished=sorted(engine.store.memory.unfinished("contoso")),
        link=watermark.delta_link,
    )


def _keys(engine: Engine) -> Iterator[str]:
    """Name what is in the store, but for processes and for marks that run out by themselves."""
    connection = engine.store.connection
    prefix = connection.keys.open.removesuffix("open")
    for name in connection.client.scan_iter(match=f"{prefix}*", count=1000):
        if connection.client.pttl(name) < 0:
            yield RUN_ID.sub("RUN", name.decode().removeprefix(prefix))


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> str:
    """What the run is to be: full, unless a test asks for both."""
    return str(getattr(request, "param", "full"))


@pytest.fixture
def undisturbed(opened: Opened, mode: str) -> Result:
    """What the furnished run leaves when nothing happens to it."""
    engine = Engine(opened("undisturbed"))
    SCENES[mode](engine)
    run_id = engine.request(sync_mode=mode)
    engine.work()
    assert counts(engine.report(run_id)) == {"full": (3, 3, 1, 1), "incremental": (4, 2, 0, 1)}[mode]
    return result_of(engine, run_id)


both_modes = pytest.mark.parametrize("mode", SCENES, indirect=True)


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 3])
@pytest.mark.parametrize("name", MESSAGES)
def test_lost_messages_are_found_by_the_reconciler(engine: Engine, undisturbed: Result, name: str, lost: int) -> None:
    furnish(engine)
    engine.queue.lose[name] = lost
    run_id = engine.request(sync_mode="full")
    engine.work()
    engine.recover(run_id)
    assert engine.queue.lose[name] == 0 or name in ("start_run", "judge", "close_run"), "nothing was lost"
    assert result_of(engine, run_id) == undisturbed


def test_every_first_message_is_lost(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    engine.queue.lose.update(MESSAGES)
    run_id = engine.request(sync_mode="full")
    engine.recover(run_id)
    assert result_of(engine, run_id) == undisturbed


@pytest.mark.parametrize("copies", [2, 3])
def test_messages_that_are_delivered_several_times_count_once(engine: Engine, undisturbed: Result, copies: int) -> None:
    furnish(engine)
    engine.queue.copies = copies
    run_id = engine.request(sync_mode="full")
    engine.work()
    assert result_of(engine, run_id) == undisturbed


def test_reconciling_all_the_time_changes_nothing(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")
    while engine.queue.waiting:
        engine.queue.do_next()
        if engine.queue.sent.count("feed") < 20:
            engine.reconcile()
    assert result_of(engine, run_id) == undisturbed


def test_messages_of_a_closed_run_do_nothing(engine: Engine, undisturbed: Result) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")
    late = []
    while engine.queue.waiting:
        late.append(engine.queue.waiting[0])
        engine.queue.do_next()
    engine.queue.waiting.extend(late)
    engine.work()
    assert result_of(engine, run_id) == undisturbed


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("method", ["create_contact", "update_contact"])
def test_lost_answers_are_looked_up(engine: Engine, undisturbed: Result, method: str, *, happened: bool) -> None:
    furnish(engine)
    engine.psa.lose_answer(method, happened=happened, times=2)
    run_id = engine.request(sync_mode="full")
    engine.work()
    assert result_of(engine, run_id) == undisturbed


def test_lost_answer_whose_run_was_closed_is_resolved_by_the_next_one(engine: Engine) -> None:
    engine.with_timing(**SHORT)
    engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact")
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.queue.do_next()
    engine.store.runs.stop(run_id, reason="cancelled", error=None)
    engine.queue.waiting.clear()
    report = engine.recover(run_id)
    assert len(engine.psa.contacts) == 1
    assert counts(report) == (1, 0, 0, 0)
    assert counts(engine.run()) == (0, 0, 1, 0)


def test_answer_that_stays_unknown_when_its_run_ends_is_resolved_by_the_next_one(engine: Engine) -> None:
    engine.with_timing(**SHORT)
    engine.with_timing(user_horizon_s=0.0)
    user = engine.directory.add_user("ann")
    engine.psa.lose_answer("create_contact")
    engine.psa.fail("find_contacts", TransientError("server_error", vendor="connectwise"), times=99)
    report = engine.run(sync_mode="full")
    assert counts(report) == (0, 0, 0, 1)
    engine.psa.heal()
    engine.directory.change_user(user.id, job_title="Buyer")
    assert counts(engine.run()) == (0, 1, 0, 0)
    assert len(engine.psa.contacts) == 1


# --- processes --------------------------------------------------------------------------------------------------------


def disturbed(opened: Opened, name: str, mode: str, arm: Callable[[Engine, MortalStore], None]) -> Result | None:
    """Carry out the furnished run in an installation of that name, in which a process dies as it was armed to.

    None if it did not die. Another process recovers the run; what the dead one was at is delivered once more, late."""
    store = opened(name)
    engine = Engine(store)
    SCENES[mode](engine)
    run_id = engine.request(sync_mode=mode)
    arm(engine, store)
    try:
        engine.work()
    except Death:
        store.bury()
        engine.move_to(opened(name))
        engine.recover(run_id)
        engine.queue.redeliver()
        engine.work()
        return result_of(engine, run_id)
    return None


def sweep(opened: Opened, mode: str, arm: Callable[..., None]) -> Iterator[Result]:
    """Let a process die at the first moment, at the second, and so on, until there is none left."""
    for number in count(1):
        result = disturbed(opened, f"n{number}", mode, partial(arm, at=number))
        if result is None:
            return
        yield result


@both_modes
@pytest.mark.parametrize("moment", ["before", "after"])
def test_process_dies_at_any_call_to_a_vendor(opened: Opened, undisturbed: Result, mode: str, moment: Moment) -> None:
    def arm(engine: Engine, store: MortalStore, at: int) -> None:
        numbers = count(1)

        def check(_: str, reached: Moment) -> None:
            if reached == moment and next(numbers) == at:
                store.die()

        engine.psa.moments.watch(check)
        engine.directory.moments.watch(check)

    results = list(sweep(opened, mode, arm))
    assert len(results) > 12, "too few calls: the deaths were not where they should be"
    for result in results:
        assert result == undisturbed


def test_process_dies_at_any_step_of_the_ledger(opened: Opened, undisturbed: Result) -> None:
    results = list(sweep(opened, "full", lambda engine, store, at: store.die_after(at)))
    assert len(results) > 60, "too few steps: the deaths were not where they should be"
    for result in results:
        assert result == undisturbed


@both_modes
@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_mishaps_ends_as_if_nothing_had_happened(
    opened: Opened, undisturbed: Result, mode: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeats itself, guards nothing
    store = opened("mixture")
    engine = Engine(store)
    SCENES[mode](engine)
    run_id = engine.request(sync_mode=mode)
    engine.queue.copies = chance.choice([1, 1, 2])
    engine.queue.lose.update({name: chance.randrange(3) for name in MESSAGES})
    for method in ("create_contact", "update_contact"):
        engine.psa.lose_answer(method, happened=chance.random() < 0.5, times=chance.randrange(2))
        engine.psa.fail(method, TransientError("server_error", vendor="connectwise"), times=chance.randrange(2))
    for _ in range(4):
        store.die_after(chance.randrange(100))
        try:
            engine.recover(run_id)
        except Death:
            store.bury()
            store = opened("mixture")
            engine.move_to(store)
            if chance.random() < 0.5:
                engine.queue.redeliver()
    engine.move_to(opened("mixture"))
    store.bury()
    engine.recover(run_id)
    assert result_of(engine, run_id) == undisturbed


def test_process_that_may_be_taken_for_dead_writes_nothing(engine: Engine) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.store.presence.leave()
    engine.queue.do_next()
    assert engine.psa.writes == []
    engine.work()
    assert counts(engine.report(run_id)) == (3, 3, 1, 1)


@pytest.mark.parametrize("step", ["start_run", "judge"])
def test_work_that_another_process_took_over_is_left_to_it(
    engine: Engine, opened: Opened, undisturbed: Result, step: str
) -> None:
    furnish(engine)
    other = opened()
    run_id = engine.request(sync_mode="full")

    def take_over() -> None:
        engine.store.presence.leave()
        work = other.index if step == "start_run" else other.plan
        assert work.reset(run_id, holder=other.presence.new_holder())
        other.presence.leave()

    engine.work(until=step)
    engine.psa.moments.plan("fetch_contacts" if step == "start_run" else "fetch_schema", take_over, moment="after")
    engine.work()
    assert result_of(engine, run_id) == undisturbed


@pytest.mark.parametrize("step", ["fan_out", "judge", "upsert", "summarize_batch", "close_run"])
def test_store_that_was_restarted_is_believed_only_as_far_as_it_can_be(step: str) -> None:
    with running_valkey() as server:
        store = open_store(server.url, timing=StoreTiming(settle_s=0.05, busy_s=0.05))
        engine = Engine(store)
        furnish(engine)
        run_id = engine.request(sync_mode="full")
        engine.work(until=step)
        server.restart()
        engine.work()
        engine.recover(run_id)
        assert counts(engine.report(run_id)) == (3, 3, 1, 1)
        assert len(engine.psa.contacts) == 7
        store.close()
