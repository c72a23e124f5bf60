"""The contact index: one holder loads it, a sealed one stands."""

import time
from collections.abc import Callable

import pytest

from adapters.records import Contact
from adapters.store import Store, StoreTiming
from tests.unit.adapters.store.making import reading


def a_contact(number: int) -> Contact:
    mail = f"user{number}@contoso.example"
    return Contact(id=str(number), company_id="250", active=True, emails=(mail,), fields={"email": mail})


def test_contacts_are_found_by_each_of_their_keys(store: Store) -> None:
    reading(store)
    holder = store.presence.new_holder()
    assert store.index.reset("r1", holder=holder)
    one, two = a_contact(1), a_contact(2)
    store.index.add("r1", [one, two], [["mail:a", "name:x"], ["name:x"]], holder=holder)
    store.index.add("r1", [two], [["name:x"]], holder=holder)
    assert store.index.find("r1", ["mail:a", "name:x", "mail:none"]) == {"mail:a": (one,), "name:x": (one, two)}
    assert store.index.find("r1", []) == {}
    assert store.index.fetch("r1", ["2", "9"]) == {"2": two}
    assert store.index.fetch("r1", []) == {}


def test_seal_tells_when_the_read_began_and_later_resets_are_refused(store: Store) -> None:
    reading(store)
    holder = store.presence.new_holder()
    store.index.reset("r1", holder=holder)
    store.index.add("r1", [a_contact(1)], [["k"]], holder=holder)
    store.index.seal("r1", holder=holder, read_at_ms=777)
    run = store.runs.load_run("r1")
    assert run is not None
    assert run.index_at_ms == 777
    assert not store.index.reset("r1", holder=store.presence.new_holder())
    assert store.index.find("r1", ["k"]) == {"k": (a_contact(1),)}
    with pytest.raises(LookupError):
        store.index.add("r1", [a_contact(2)], [["k"]], holder=holder)


def test_live_holder_is_not_displaced_but_a_dead_one_is(opened: Callable[..., Store], hasty: StoreTiming) -> None:
    ours, theirs = opened(), opened(hasty)
    reading(ours)
    first, second = theirs.presence.new_holder(), ours.presence.new_holder()
    assert theirs.index.reset("r1", holder=first)
    assert not ours.index.reset("r1", holder=second)
    time.sleep(hasty.dead_s)
    assert ours.index.reset("r1", holder=second)
    with pytest.raises(LookupError):
        theirs.index.add("r1", [a_contact(1)], [["k"]], holder=first)
    with pytest.raises(LookupError):
        theirs.index.seal("r1", holder=first, read_at_ms=1)


def test_holder_without_progress_lapses_though_its_process_lives(opened: Callable[..., Store]) -> None:
    store = opened(StoreTiming(loading_s=0.2))
    reading(store)
    assert store.index.reset("r1", holder=store.presence.new_holder())
    second = store.presence.new_holder()
    assert not store.index.reset("r1", holder=second)
    time.sleep(0.25)
    assert store.index.reset("r1", holder=second)


def test_released_index_is_free_at_once(store: Store) -> None:
    reading(store)
    first, second = store.presence.new_holder(), store.presence.new_holder()
    store.index.reset("r1", holder=first)
    store.index.release("r1", holder=second)
    assert not store.index.reset("r1", holder=second)
    store.index.release("r1", holder=first)
    assert store.index.reset("r1", holder=second)


def progress_of(store: Store) -> object:
    run = store.runs.load_run("r1")
    assert run is not None
    return run.notes.get("indexed")


def test_reset_forgets_what_the_earlier_holder_indexed(store: Store) -> None:
    reading(store)
    holder = store.presence.new_holder()
    store.index.reset("r1", holder=holder)
    store.index.add("r1", [a_contact(1)], [["k"]], holder=holder, progress={"seen": 1})
    assert store.index.reset("r1", holder=holder)
    assert store.index.find("r1", ["k"]) == {}
    assert progress_of(store) is None


def test_index_that_is_kept_stands_with_its_progress(store: Store) -> None:
    reading(store)
    first, second = store.presence.new_holder(), store.presence.new_holder()
    store.index.reset("r1", holder=first)
    store.index.add("r1", [a_contact(1)], [["k"]], holder=first, progress={"seen": 1})
    store.index.release("r1", holder=first)
    assert store.index.reset("r1", holder=second, keep=True)
    assert store.index.find("r1", ["k"]) == {"k": (a_contact(1),)}
    assert progress_of(store) == {"seen": 1}
    with pytest.raises(LookupError):
        store.index.add("r1", [a_contact(2)], [["k"]], holder=first, progress={"seen": 2})
    assert progress_of(store) == {"seen": 1}, "a holder that lost the index says nothing more of it"
