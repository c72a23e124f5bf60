"""Configuration snapshots: numbered, equal ones once, pinned ones kept."""

from collections.abc import Callable

import pytest

from adapters.store import Store
from tests.unit.adapters.store.making import HOME, a_run


def test_versions_are_numbered_and_equal_content_is_published_once(store: Store) -> None:
    assert store.snapshots.current_version() == 0
    assert store.snapshots.history() == []
    assert store.snapshots.publish({"a": {"x": 1, "y": 2}}) == 1
    assert store.snapshots.publish({"a": {"y": 2, "x": 1}}) == 1
    assert store.snapshots.publish({"a": {"x": 2}}) == 2
    assert store.snapshots.publish({"a": {"x": 1, "y": 2}}) == 3
    assert store.snapshots.current_version() == 3
    assert store.snapshots.get(1) == {"a": {"x": 1, "y": 2}}
    assert [entry.version for entry in store.snapshots.history()] == [3, 2, 1]


def test_unknown_version_is_a_key_error(store: Store) -> None:
    with pytest.raises(KeyError):
        store.snapshots.get(1)


def test_old_versions_go_but_for_those_that_open_runs_pin(store: Store) -> None:
    for number in (1, 2, 3):
        store.snapshots.publish({"number": number})
    store.runs.request_run(a_run())
    store.runs.begin_reading("r1", mode="full", config_version=2, exclusive=False, home=HOME)
    for number in range(4, 61):
        store.snapshots.publish({"number": number})
    versions = {entry.version for entry in store.snapshots.history()}
    assert versions == {2, *range(11, 61)}
    assert store.snapshots.get(2) == {"number": 2}
    with pytest.raises(KeyError):
        store.snapshots.get(10)


def test_publisher_that_was_overtaken_takes_the_next_number(opened: Callable[..., Store]) -> None:
    ours, theirs = opened(), opened()
    ours.snapshots.publish({"n": 0})
    seen = ours.snapshots.current_version

    def overtaken() -> int:
        version = seen()
        if version == 1:
            theirs.snapshots.publish({"n": 1})
        return version

    ours.snapshots.current_version = overtaken  # type: ignore[method-assign]  # the moment between look and step
    assert ours.snapshots.publish({"n": 2}) == 3
    assert ours.snapshots.get(2) == {"n": 1}
