"""One budget per instance: the rate holds over any minute, targeted calls go first within their share, a breaker."""

import threading
import time
from collections.abc import Callable

import pytest

from adapters.errors import BudgetError, TransientError
from adapters.records.runs import Lane
from adapters.store import InstanceBudget, Rate, Store


class Calls:
    """Reserves and notes when each call may start, without sleeping."""

    def __init__(self, store: Store, *, lane: Lane = "bulk", rate: Rate, instance: str = "main") -> None:
        self.starts_ms: list[float] = []
        self._store = store
        self._wait_s = 0.0
        self.budget = InstanceBudget(store.connection, instance, lane=lane, rate=rate, vendor="halo", sleep=self._note)

    def _note(self, wait_s: float) -> None:
        self._wait_s = wait_s

    def call(self) -> float:
        self._wait_s = 0.0
        self.budget.reserve()
        self.starts_ms.append(self._store.runs.now_ms() + self._wait_s * 1000)
        return self._wait_s

    def saturate(self) -> int:
        """Reserve until there is nothing left within the horizon."""
        count = 0
        while True:
            try:
                self.call()
            except BudgetError:
                return count
            count += 1


def test_idle_instance_admits_a_burst_and_then_the_steady_rate(store: Store) -> None:
    calls = Calls(store, rate=Rate(per_minute=300))
    admitted = calls.saturate()
    # the bulk burst (0.4 s), the horizon (1.6 s), the first call and what fell due meanwhile
    assert 10 <= admitted <= 18
    with pytest.raises(BudgetError) as caught:
        calls.call()
    assert caught.value.vendor == "halo"
    assert caught.value.retry_after_s is not None
    assert 1.6 <= caught.value.retry_after_s <= 4.5


def test_any_minute_stays_within_the_rate_however_greedy_both_lanes_are(store: Store) -> None:
    rate = Rate(per_minute=6000)
    lanes: list[Lane] = ["bulk", "targeted", "bulk"]
    callers = [Calls(store, lane=lane, rate=rate) for lane in lanes]
    until = time.monotonic() + 6

    def hammer(calls: Calls) -> None:
        while time.monotonic() < until:
            try:
                calls.call()
            except BudgetError:
                time.sleep(0.02)

    threads = [threading.Thread(target=hammer, args=(calls,)) for calls in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    starts = sorted(start for calls in callers for start in calls.starts_ms)
    assert len(starts) > 350, "the budget is used, not only kept"
    # the same bound as over a minute: burst and first call, then the steady rate
    for width_ms in (500, 2000, 5000):
        allowed = rate.burst + 1 + width_ms / rate.interval_ms
        most = max(sum(start <= other < start + width_ms for other in starts) for start in starts[::7])
        assert most <= allowed * 1.02 + len(callers)  # each reads the clock after its reservation
    assert rate.burst + 1 + 60_000 / rate.interval_ms <= rate.per_minute + 0.001


def test_targeted_call_starts_within_a_second_among_saturated_bulk_traffic(store: Store) -> None:
    rate = Rate(per_minute=300)
    bulk, targeted = Calls(store, rate=rate), Calls(store, lane="targeted", rate=rate)
    for _ in range(4):
        bulk.saturate()
        wait_s = targeted.call()
        assert wait_s < 1.0
        time.sleep(wait_s)


def test_targeted_storm_beyond_its_share_leaves_calls_to_bulk(store: Store) -> None:
    rate = Rate(per_minute=600, share_burst_s=10)
    bulk, targeted = Calls(store, rate=rate), Calls(store, lane="targeted", rate=rate)
    targeted.saturate()
    until = time.monotonic() + 2
    while time.monotonic() < until:
        for calls in (targeted, bulk):
            try:
                calls.call()
            except BudgetError:
                time.sleep(0.01)
    assert len(bulk.starts_ms) >= 5


def test_bulk_alone_may_use_the_whole_rate(store: Store) -> None:
    rate = Rate(per_minute=1200)
    calls = Calls(store, rate=rate)
    calls.saturate()
    before, started = len(calls.starts_ms), time.monotonic()
    while time.monotonic() < started + 2:
        calls.saturate()
        time.sleep(0.01)
    assert (len(calls.starts_ms) - before) / (time.monotonic() - started) * 60 > 0.9 * rate.per_minute


def test_instances_do_not_share(store: Store) -> None:
    Calls(store, rate=Rate(per_minute=60)).saturate()
    assert Calls(store, rate=Rate(per_minute=60), instance="other").call() == 0


def test_two_processes_share_one_budget(opened: Callable[..., Store]) -> None:
    Calls(opened(), rate=Rate(per_minute=60)).saturate()
    with pytest.raises(BudgetError):
        Calls(opened(), rate=Rate(per_minute=60)).call()


def test_long_pause_stops_both_lanes_and_is_not_shortened(store: Store) -> None:
    rate = Rate(per_minute=300)
    bulk, targeted = Calls(store, rate=rate), Calls(store, lane="targeted", rate=rate)
    bulk.budget.pause(20)
    targeted.budget.pause(1)
    for calls in (bulk, targeted):
        with pytest.raises(BudgetError, match="budget_paused") as caught:
            calls.call()
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s > 19
    assert store.budgets.window("main", most=48, lane="bulk") == 1
    bulk.budget.pause(600)
    assert store.budgets.window("main", most=48, lane="bulk") == 0


def test_short_pause_is_slept_through(store: Store) -> None:
    calls = Calls(store, rate=Rate(per_minute=300))
    calls.budget.pause(0.5)
    assert 0.3 < calls.call() <= 0.5


def test_call_that_waits_for_its_moment_is_given_up_when_a_pause_comes(store: Store) -> None:
    calls = Calls(store, rate=Rate(per_minute=60))
    calls.call()
    pausing = InstanceBudget(
        *(store.connection, "main"),
        lane="bulk",
        rate=Rate(per_minute=60),
        vendor="halo",
        sleep=lambda _: calls.budget.pause(20),
    )
    with pytest.raises(BudgetError, match="budget_paused") as caught:
        pausing.reserve()
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 15


def test_absurd_pause_ends_after_an_hour(store: Store) -> None:
    calls = Calls(store, rate=Rate(per_minute=300))
    calls.budget.pause(1e9)
    assert store.connection.client.pttl(store.connection.keys.pause("main")) <= 3_600_000


def test_breaker_opens_after_failures_in_a_row_and_lets_one_probe_through(store: Store) -> None:
    rate = Rate(per_minute=6000, failures=3, probe_s=0.3)
    calls = Calls(store, rate=rate)
    before_ms = store.runs.now_ms()
    for _ in range(2):
        calls.budget.failed()
    assert not store.budgets.is_open("main")
    calls.budget.failed()
    assert store.budgets.is_open("main")
    since_ms = store.budgets.down_since_ms("main")
    assert since_ms is not None
    assert before_ms <= since_ms <= store.runs.now_ms()
    assert store.budgets.window("main", most=48, lane="bulk") == 1
    with pytest.raises(TransientError, match="breaker_open"):
        calls.call()
    time.sleep(0.35)
    calls.call()
    with pytest.raises(TransientError, match="breaker_open"):
        calls.call()
    calls.budget.failed()
    assert store.budgets.down_since_ms("main") == since_ms
    calls.budget.succeeded()
    assert not store.budgets.is_open("main")
    assert store.budgets.down_since_ms("main") is None
    calls.call()


def test_success_between_failures_keeps_the_breaker_closed(store: Store) -> None:
    calls = Calls(store, rate=Rate(per_minute=6000, failures=3))
    for _ in range(5):
        calls.budget.failed()
        calls.budget.failed()
        calls.budget.succeeded()
    assert not store.budgets.is_open("main")


def test_another_process_success_closes_the_breaker(opened: Callable[..., Store]) -> None:
    rate = Rate(per_minute=6000, failures=2, probe_s=0.1)
    ours, theirs = Calls(opened(), rate=rate), Calls(opened(), rate=rate)
    theirs.call()
    theirs.budget.succeeded()
    for _ in range(2):
        ours.budget.failed()
    time.sleep(0.15)
    theirs.call()
    theirs.budget.succeeded()
    ours.call()


@pytest.mark.parametrize(
    ("per_minute", "lane", "expected"), [(300, "bulk", 20), (6000, "bulk", 48), (6000, "targeted", 12), (10, "bulk", 2)]
)
def test_window_is_what_the_budget_admits_in_some_seconds(
    store: Store, per_minute: float, lane: Lane, expected: int
) -> None:
    Calls(store, rate=Rate(per_minute=per_minute)).call()
    assert store.budgets.window("main", most=48, lane=lane) == expected


def test_window_of_an_instance_that_was_never_called_is_small(store: Store) -> None:
    assert store.budgets.window("new", most=48, lane="bulk") == 4
