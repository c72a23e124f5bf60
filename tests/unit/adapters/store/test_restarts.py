"""A restart of the store may have lost its last second: users in flight are suspect, and wait until it settled."""

import time
from collections.abc import Iterator

import pytest

from adapters.store import Store, StoreTiming, open_store
from adapters.store.plan import SUSPECTS
from tests.fakes.valkey import RealValkey, running_valkey
from tests.unit.adapters.store.making import a_plan, an_intent, begun, created, frozen, reading, writing

TIMING = StoreTiming(settle_s=1.0)


@pytest.fixture
def server() -> Iterator[RealValkey]:
    with running_valkey() as own:
        yield own


@pytest.fixture
def own(server: RealValkey) -> Iterator[Store]:
    store = open_store(server.url, timing=TIMING)
    store.presence.beat()
    yield store
    store.close()


def after_restart(server: RealValkey, store: Store) -> None:
    server.restart()
    store.presence.beat()


def test_killed_store_comes_back_with_what_it_was_told(server: RealValkey, own: Store) -> None:
    batch = frozen(own, count=3)
    planned, grant = begun(own, "id-000000")
    own.users.store_intent(grant, an_intent(planned, own))
    time.sleep(1.1)  # appendfsync everysec
    server.kill()
    server.start()
    assert own.users.record(grant, "r1", created(planned)), "a live holder's grant stands"
    assert own.plan.counts("r1")["created"] == 1
    assert [member.user_id for member in batch.members] == ["id-000000", "id-000001", "id-000002"]


def test_frozen_user_waits_until_the_restart_settled_and_is_suspect(server: RealValkey, own: Store) -> None:
    frozen(own, count=1)
    after_restart(server, own)
    wait_s = own.users.begin("r1", "id-000000", holder=own.presence.new_holder())
    assert isinstance(wait_s, float)
    assert 0 < wait_s <= 1.0
    time.sleep(wait_s)
    assert begun(own, "id-000000")[1].suspect


def test_known_intent_is_resolved_without_that_wait(server: RealValkey, own: Store) -> None:
    frozen(own, count=1)
    planned, grant = begun(own, "id-000000")
    own.users.store_intent(grant, an_intent(planned, own))
    own.users.postpone(grant, "r1", wait_s=0, keep_intent=True)
    after_restart(server, own)
    _, grant = begun(own, "id-000000")
    assert grant.intent is not None


def test_next_users_of_the_spool_are_suspect_but_not_all_of_a_big_run(server: RealValkey, own: Store) -> None:
    writing(own, plans=[a_plan(number) for number in range(SUSPECTS + 50)])
    after_restart(server, own)
    time.sleep(TIMING.settle_s)
    first = own.plan.freeze_batch("main", lane="bulk", size=SUSPECTS, window=100_000)
    second = own.plan.freeze_batch("main", lane="bulk", size=50, window=100_000)
    assert first is not None
    assert second is not None
    assert begun(own, first.members[0].user_id)[1].suspect
    assert begun(own, first.members[-1].user_id)[1].suspect
    assert not begun(own, second.members[0].user_id)[1].suspect


def test_run_that_begins_before_the_restart_settled_is_suspect_and_a_later_one_is_not(
    server: RealValkey, own: Store
) -> None:
    reading(own, "r0")
    after_restart(server, own)
    frozen(own, "r1", count=1)
    time.sleep(TIMING.settle_s)
    assert begun(own, "id-000000", "r1")[1].suspect
    frozen(own, "r2", count=2, connector_id="fabrikam")
    assert not begun(own, "id-000001", "r2")[1].suspect


def test_restart_while_nothing_ran_makes_nobody_suspect(server: RealValkey, own: Store) -> None:
    own.runs.now_ms()
    after_restart(server, own)
    frozen(own, count=1)
    assert not begun(own, "id-000000")[1].suspect
