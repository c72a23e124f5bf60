"""Processes that die or cannot do their part, a broker that is away, one run among many that is broken."""

from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from adapters.errors import InstanceError, TransientError
from adapters.records import Member, Run
from tasks.ports import Contacts
from tests.fakes.engine import Engine
from tests.fakes.mortal import Death, MortalStore
from tests.fakes.queue import Queue
from tests.fakes.reports import codes, counts

Opened = Callable[..., MortalStore]
MESSAGES = ["fan_out", "judge", "feed", "upsert", "summarize_batch", "close_run"]


def add_users(engine: Engine, number: int) -> None:
    """Add some users of whom nothing is to be warned."""
    for _ in range(number):
        engine.directory.add_user(business_phones=("+49 30 1",))


def keys_of(engine: Engine, kind: str) -> list[bytes]:
    """Name the keys of a kind that are in the store."""
    connection = engine.store.connection
    prefix = connection.keys.open.removesuffix("open")
    return list(connection.client.scan_iter(match=f"{prefix}{kind}:*", count=1000))


# --- processes --------------------------------------------------------------------------------------------------------


def test_process_that_cannot_build_its_ports_ends_the_run_by_one_error_and_holds_nobody(engine: Engine) -> None:
    add_users(engine, 5)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")

    def missing(_: Run) -> Contacts:
        raise InstanceError("configuration_invalid", vendor="connectwise")

    ports = engine.ports
    engine.ports = replace(ports, contacts=missing)
    engine.work()
    report = engine.report(run_id)
    assert codes(report) == ["PermissionDenied"]
    assert report["errors"][0]["user_principal_name"] is None
    assert len(report["users_unprocessed"]) == 5
    assert keys_of(engine, "user") == []
    engine.ports = ports
    assert counts(engine.run()) == (5, 0, 0, 0)


@pytest.mark.parametrize("calls", range(8))
def test_process_that_dies_while_it_starts_a_run_loses_nothing_that_the_run_knew(opened: Opened, calls: int) -> None:
    store = opened()
    engine = Engine(store)
    add_users(engine, 2)
    engine.run(sync_mode="full")
    add_users(engine, 1)
    run_id = engine.request()
    store.die_after(calls)
    with pytest.raises(Death):
        engine.work()
    store.bury()
    engine.move_to(opened())
    report = engine.recover(run_id)
    assert report["success"]
    assert report["sync_mode"] == "incremental"
    assert counts(report) == (1, 0, 0, 0)


# --- the broker -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MESSAGES)
def test_message_that_cannot_be_published_at_once_ends_no_run(engine: Engine, name: str) -> None:
    add_users(engine, 10)
    run_id = engine.request(sync_mode="full")
    engine.queue.refuse[name] = 2
    engine.work()
    report = engine.recover(run_id)
    assert report["success"]
    assert counts(report) == (10, 0, 0, 0)
    assert len(engine.psa.contacts) == 10


def test_run_whose_start_cannot_be_published_is_started_by_the_reconciler(engine: Engine) -> None:
    add_users(engine, 1)
    engine.queue.refuse["start_run"] = 1
    with pytest.raises(TransientError):
        engine.request(sync_mode="full")
    (run,) = engine.store.reports.open_runs()
    assert counts(engine.recover(run.run_id)) == (1, 0, 0, 0)


# --- the reconciler ---------------------------------------------------------------------------------------------------


class OneIsBroken:
    """A publisher that cannot do one run, for a reason of its own."""

    def __init__(self, queue: Queue, *, run_id: str, error: Exception) -> None:
        self._queue, self._run_id, self._error = queue, run_id, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def start_run(self, run_id: str) -> None:
        """Publish the first step, but not of that run."""
        if run_id == self._run_id:
            raise self._error
        self._queue.start_run(run_id)

    def upsert(self, member: Member) -> None:
        """Publish a user, but not of that run."""
        if member.run_id == self._run_id:
            raise self._error
        self._queue.upsert(member)


def break_one(engine: Engine, run_id: str, error: Exception) -> None:
    """Let the reconciler meet this error at one run."""
    engine.queue.waiting.clear()
    engine.ports = replace(engine.ports, publisher=OneIsBroken(engine.queue, run_id=run_id, error=error))


@pytest.mark.parametrize("step", ["start_run", "upsert"])
def test_reconciler_takes_up_the_others_when_one_run_is_broken(
    engine: Engine, logs: list[MutableMapping[str, Any]], step: str
) -> None:
    engine.with_timing(batch_size=2)
    add_users(engine, 2)
    names = [user.user_principal_name for user in engine.directory.users.values()]
    broken, sound = (engine.request(user_principal_names=[name]) for name in names)
    engine.work(until=step)
    while step == "upsert" and len(engine.queue.waiting) < 2:
        engine.queue.waiting.rotate(-1)
        engine.work(until=step)
    break_one(engine, broken, ZeroDivisionError())
    engine.reconcile()
    engine.work()
    assert counts(engine.report(sound)) == (1, 0, 0, 0)
    assert not engine.store.runs.is_closed(broken)
    assert "reconcile.failed" in [entry["event"] for entry in logs]


def test_reconciler_waits_for_its_next_round_while_the_broker_is_away(engine: Engine) -> None:
    broken, _ = engine.request(), engine.request(user_principal_names=["ann@contoso.com"])
    break_one(engine, broken, TransientError("broker_unreachable", vendor="store"))
    with pytest.raises(TransientError):
        engine.reconcile()
