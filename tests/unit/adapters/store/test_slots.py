"""Places for requests under way: never more than agreed over all workers, and none is lost with a dead one."""

import threading
import time
from collections.abc import Callable

import pytest

from adapters.errors import BudgetError
from adapters.limits import Slots
from adapters.store import Store
from adapters.store.slots import InstanceSlots


def slots(store: Store, *, most: int = 2, instance: str = "main", lease_s: float = 30.0, wait_s: float = 0.3) -> Slots:
    return InstanceSlots(store.connection, instance, most=most, vendor="test", lease_s=lease_s, wait_s=wait_s)


def test_no_more_than_agreed_are_inside_at_once_over_all_workers(opened: Callable[..., Store]) -> None:
    inside: list[int] = []
    now_inside = 0
    lock = threading.Lock()

    def work(mine: Slots) -> None:
        nonlocal now_inside
        for _ in range(5):
            with mine.hold("Contacts"):
                with lock:
                    now_inside += 1
                    inside.append(now_inside)
                time.sleep(0.01)
                with lock:
                    now_inside -= 1

    threads = [threading.Thread(target=work, args=(slots(opened(), wait_s=60.0),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inside) == 30
    assert max(inside) == 2


def test_full_house_is_said_and_when_to_come_back(store: Store) -> None:
    ours = slots(store)
    with ours.hold("Contacts"), ours.hold("Contacts"):
        with pytest.raises(BudgetError) as caught, ours.hold("Contacts"):
            pass
        assert (caught.value.reason, caught.value.vendor) == ("slots_taken", "test")
        assert caught.value.retry_after_s is not None
        assert 1.0 <= caught.value.retry_after_s <= 1.3
    with ours.hold("Contacts"):
        pass


def test_names_and_instances_have_places_of_their_own(store: Store) -> None:
    ours = slots(store, most=1)
    with ours.hold("Contacts"), ours.hold("Countries"), slots(store, most=1, instance="other").hold("Contacts"):
        pass


def test_place_is_given_back_when_the_request_fails(store: Store) -> None:
    ours = slots(store, most=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), ours.hold("Contacts"):
            1 / 0  # noqa: B018 - raises


def test_place_of_a_dead_worker_lapses_by_itself(store: Store) -> None:
    dead = slots(store, most=1, lease_s=0.4).hold("Contacts")
    dead.__enter__()
    started = time.monotonic()
    with slots(store, most=1, wait_s=5.0).hold("Contacts"):
        assert time.monotonic() - started > 0.2


def test_late_give_back_of_a_lapsed_place_takes_nobody_elses(store: Store) -> None:
    slow = slots(store, most=1, lease_s=0.05).hold("Contacts")
    slow.__enter__()
    time.sleep(0.1)
    with slots(store, most=1).hold("Contacts"):
        slow.__exit__(None, None, None)
        with pytest.raises(BudgetError), slots(store, most=1).hold("Contacts"):
            pass


def test_place_stays_taken_a_little_beyond_its_request(store: Store) -> None:
    ours = InstanceSlots(store.connection, "main", most=1, vendor="test", linger_s=0.4, wait_s=5.0)
    with ours.hold("Contacts"):
        pass
    started = time.monotonic()
    with ours.hold("Contacts"):
        assert time.monotonic() - started > 0.2


def test_keys_are_gone_when_nobody_is_under_way(store: Store) -> None:
    with slots(store).hold("Contacts"):
        assert store.connection.client.exists(store.connection.keys.slots("main", "Contacts"))
    assert not store.connection.client.exists(store.connection.keys.slots("main", "Contacts"))


def test_one_of_all_workers_is_the_first_in_its_time(opened: Callable[..., Store]) -> None:
    ours, theirs = slots(opened()), slots(opened())
    assert ours.is_first("threshold", seconds=0.3)
    assert not theirs.is_first("threshold", seconds=0.3)
    assert theirs.is_first("another", seconds=0.3)
    time.sleep(0.35)
    assert theirs.is_first("threshold", seconds=0.3)
    assert not ours.is_first("threshold", seconds=0.3)


def test_instances_that_the_vendor_counts_as_one_share_their_places(store: Store) -> None:
    def made(instance: str, *counted_by: str) -> InstanceSlots:
        return InstanceSlots(store.connection, instance, most=1, vendor="test", counted_by=counted_by, wait_s=0.1)

    with made("berlin", "zone", "CODE1").hold("Contacts"):
        with pytest.raises(BudgetError), made("munich", "zone", "CODE1").hold("Contacts"):
            pass
        with made("berlin", "zone", "CODE2").hold("Contacts"), made("berlin").hold("Contacts"):
            assert not [key for key in store.connection.client.scan_iter() if b"CODE" in bytes(key)]


def test_turns_are_each_instances_own(store: Store) -> None:
    for instance in ("berlin", "munich"):
        ours = InstanceSlots(store.connection, instance, most=1, vendor="test", counted_by=("zone", "CODE1"))
        assert ours.is_first("threshold", seconds=60)
        assert not ours.is_first("threshold", seconds=60)
