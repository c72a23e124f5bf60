"""Two beats over one real store."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapters.store import Store, open_store
from tasks.dispatching import dispatch_due
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey

BEATS = 6


@pytest.fixture
def store() -> Iterator[Store]:
    with running_valkey() as valkey:
        opened = open_store(valkey.url)
        yield opened
        opened.close()


def test_beats_at_the_same_moment_request_one_run(store: Store) -> None:
    engine = Engine(store, schedule="0 0 1 1 *")  # no moment passes while the test runs
    store.memory.see_connector("contoso", at_ms=store.runs.now_ms() - 400 * 86_400_000)
    start = threading.Barrier(BEATS)

    def beat() -> None:
        start.wait()
        dispatch_due(engine.ports)

    threads = [threading.Thread(target=beat) for _ in range(BEATS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.queue.sent == ["start_run"]
    tick = store.memory.last_tick("contoso")
    assert tick is not None
    assert datetime.fromtimestamp(tick / 1000, tz=UTC).strftime("%m-%dT%H:%M:%S") == "01-01T00:00:00"
