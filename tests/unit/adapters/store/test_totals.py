"""Counters only grow, by each thing once, whoever sends it again and whichever process it was."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.errors import TransientError
from adapters.store import Store

ENDPOINT = "calls\ngraph\n/users\n200"


def test_calls_of_all_processes_add_up(opened: Callable[..., Store]) -> None:
    first, second = opened(), opened()
    for store, times in ((first, 2), (second, 3)):
        for _ in range(times):
            store.calls.count("graph", "/users", 200, 0.5)
        store.presence.beat()
        store.presence.beat()
    found = opened().totals.calls()
    assert found.count == {("graph", "/users", "200"): 5}
    assert found.seconds == {("graph", "/users"): 2.5}


def test_batch_whose_answer_was_lost_counts_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    send = store.connection.call

    def lose_answer(*args: Any, **kwargs: Any) -> None:
        send(*args, **kwargs)
        raise TransientError("timeout", vendor="store")

    store.calls.count("graph", "/users", 200, 0.5)
    with monkeypatch.context() as lossy:
        lossy.setattr(store.connection, "call", lose_answer)
        with pytest.raises(TransientError):
            store.presence.beat()
    store.calls.count("graph", "/users", 200, 0.5)
    store.presence.beat()
    store.presence.beat()
    assert store.totals.calls().count == {("graph", "/users", "200"): 2}


def test_last_calls_are_told_as_a_process_leaves_and_a_dead_one_keeps_no_trace(opened: Callable[..., Store]) -> None:
    leaving, other = opened(), opened()
    leaving.calls.count("graph", "/users", None, 0.0)
    leaving.presence.leave()
    assert other.totals.calls().count == {("graph", "/users", "none"): 1}
    assert other.recovery.bury_workers() == [leaving.presence.incarnation]
    taken = other.connection.client.hgetall(other.connection.keys.calls_taken)
    assert leaving.presence.incarnation.encode() not in taken
