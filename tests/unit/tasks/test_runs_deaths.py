"""Processes that die, are taken for dead, or lose the store: the run ends as if nothing had happened."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import pytest

from adapters.errors import TransientError
from adapters.store import StoreTiming, open_store
from tasks.deciding import judge
from tests.fakes.engine import Engine
from tests.fakes.moments import Moment
from tests.fakes.mortal import Death, Installations, MortalStore
from tests.fakes.reports import counts
from tests.fakes.valkey import running_valkey
from tests.unit.tasks.scene import SCENES, Result, furnish, result_of

MESSAGES = ["start_run", "fan_out", "judge", "feed", "upsert", "summarize_batch", "close_run"]

both_modes = pytest.mark.parametrize("mode", SCENES, indirect=True)


def disturbed(opened: Installations, name: str, mode: str, arm: Callable[[Engine, MortalStore], None]) -> Result | None:
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


def sweep(opened: Installations, mode: str, arm: Callable[..., None]) -> Iterator[Result]:
    """Let a process die at the first moment, at the second, and so on, until there is none left."""
    for number in count(1):
        result = disturbed(opened, f"n{number}", mode, partial(arm, at=number))
        if result is None:
            return
        yield result


@both_modes
@pytest.mark.parametrize("moment", ["before", "after"])
def test_process_dies_at_any_call_to_a_vendor(
    opened: Installations, undisturbed: Result, mode: str, moment: Moment
) -> None:
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


def test_process_dies_at_any_step_of_the_ledger(opened: Installations, undisturbed: Result) -> None:
    results = list(sweep(opened, "full", lambda engine, store, at: store.die_after(at)))
    assert len(results) > 40, "too few steps: the deaths were not where they should be"
    for result in results:
        assert result == undisturbed


@both_modes
@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_mishaps_ends_as_if_nothing_had_happened(
    opened: Installations, undisturbed: Result, mode: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeats itself, guards nothing
    store = opened("mixture")
    engine = Engine(store)
    SCENES[mode](engine)
    run_id = engine.request(sync_mode=mode)
    engine.queue.copies.update({name: chance.randrange(2) for name in MESSAGES})
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


def test_process_that_stood_still_sends_nothing_although_the_store_still_believes_in_it(engine: Engine) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.store.presence._beat_s = -1e6
    engine.queue.do_next()
    assert engine.psa.writes == []
    engine.work()
    assert counts(engine.report(run_id)) == (3, 3, 1, 1)


@pytest.mark.parametrize("step", ["start_run", "judge"])
def test_work_that_another_process_took_over_is_left_to_it(
    engine: Engine, opened: Installations, undisturbed: Result, step: str
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


def test_judge_that_another_process_overtook_leaves_the_run_alone(
    engine: Engine, opened: Installations, undisturbed: Result
) -> None:
    furnish(engine)
    run_id = engine.request(sync_mode="full")

    def overtake() -> None:
        engine.store.presence.leave()
        engine.move_to(opened())
        run = engine.store.runs.load_run(run_id)
        assert run is not None
        judge(engine.ports, run)

    engine.work(until="judge")
    engine.psa.moments.plan("fetch_schema", overtake, moment="after")
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
