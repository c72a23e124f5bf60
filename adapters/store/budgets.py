"""The calls that are left for one vendor's instance, shared by all workers, and its breaker.

One GCRA schedule an instance on the server's clock. Its steady rate is a little below the configured one, so that the
calls of any 60 seconds, burst included, never exceed what is configured. Bulk and targeted calls share the schedule:
whoever is alone gets all of it. Bulk calls reserve up to the horizon ahead; targeted calls within their share may run
ahead of those by the larger burst, so among saturated bulk traffic one starts within an interval. Beyond its share
a targeted call waits like any other, so that a storm of events cannot starve the nightly runs.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.errors import BudgetError, TransientError
from adapters.records.runs import Lane
from adapters.store.connection import Connection, text

HORIZON_S = 1.6
BURST_S = 2.0
BULK_BURST_S = 0.4  # with the horizon it is the burst: a targeted call waits for one interval at the longest
SHARE_BURST_S = 30.0  # of targeted calls with precedence: four to five users asked for one right after the other
PROBE_S = 3.0
LONGEST_PAUSE_S = 3600.0  # the longest window that a vendor counts in; a Retry-After beyond it is a mistake
LONG_PAUSE_S = 30.0  # then nothing is put in flight at all
IN_FLIGHT_S = 4.0  # users in flight: what the budget admits in this time
UNKNOWN_RATE = 60.0  # per minute, until the first call says better


@dataclass(frozen=True)
class Rate:
    """What one instance admits."""

    per_minute: float
    targeted_share: float = 0.15  # of the rate, with precedence
    share_burst_s: float = SHARE_BURST_S
    burst_s: float = BURST_S
    horizon_s: float = HORIZON_S
    failures: int = 5  # in a row open the breaker
    probe_s: float = PROBE_S

    @property
    def burst(self) -> float:
        """Return how many calls may run ahead of the steady rate."""
        return self.per_minute * self.burst_s / 60

    @property
    def interval_ms(self) -> float:
        """Return the steady distance of two calls: what burst and first call may add is taken off the rate."""
        return 60_000 / max(self.per_minute - self.burst - 1, self.per_minute / 2)


class InstanceBudget:
    """One lane of one instance's budget, as the transport asks for it. Thread-safe."""

    def __init__(
        self,
        connection: Connection,
        instance: str,
        *,
        lane: Lane,
        rate: Rate,
        vendor: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the parts; `vendor` is named in errors."""
        self._connection = connection
        self._keys = _keys(connection, instance)
        self._rate = rate
        self._vendor = vendor
        self._sleep = sleep
        self._failing = True  # until a reservation tells: then a success need not be told
        share_per_minute = max(rate.per_minute * rate.targeted_share, 1.0)
        self._args = {
            "interval_ms": rate.interval_ms,
            "burst_ms": rate.burst * rate.interval_ms,
            "bulk_burst_ms": rate.burst * rate.interval_ms * BULK_BURST_S / BURST_S,
            "share_interval_ms": 60_000 / share_per_minute,
            "share_burst_ms": rate.share_burst_s * 1000,
            "horizon_ms": rate.horizon_s * 1000,
            "targeted": lane == "targeted",
            "rate": rate.per_minute,
            "failures": rate.failures,
            "probe_ms": rate.probe_s * 1000,
        }

    def reserve(self) -> None:
        """Take one call, sleeping up to the horizon.

        Raises BudgetError(retry_after_s) if that is not enough, TransientError(breaker_open) while the vendor is down
        and another call is the probe; nothing is reserved then."""
        answer, wait_ms, failing, start_ms = self._connection.call("budget_reserve", keys=self._keys, args=self._args)
        self._failing = failing > 0
        wait_s = wait_ms / 1000
        if answer == b"go":
            if wait_s > 0:
                self._sleep(wait_s)
                self._check_pause(start_ms)
            return
        retry_after_s = self._spread(wait_s)
        if answer == b"open":
            raise TransientError("breaker_open", vendor=self._vendor, retry_after_s=retry_after_s)
        raise BudgetError(f"budget_{text(answer)}", vendor=self._vendor, retry_after_s=retry_after_s)

    def _check_pause(self, start_ms: int) -> None:
        """Give up a reserved call if the vendor asked for a pause while it was waited for."""
        left_s = (int(self._connection.client.get(self._keys["pause"]) or 0) - start_ms) / 1000
        if left_s > 0:
            raise BudgetError("budget_paused", vendor=self._vendor, retry_after_s=self._spread(left_s))

    def _spread(self, wait_s: float) -> float:
        return wait_s + random.uniform(0, self._rate.horizon_s)  # noqa: S311 - spreads load, guards nothing

    def pause(self, seconds: float) -> None:
        """Stop the whole instance for so long, an hour at most: the vendor asked for it."""
        pause_ms = int(min(max(seconds, 0.001), LONGEST_PAUSE_S) * 1000)
        self._connection.call("budget_pause", keys=self._keys, args={"pause_ms": pause_ms})

    def succeeded(self) -> None:
        """Note that the vendor answered: the breaker closes."""
        if self._failing:
            self._connection.client.delete(self._keys["breaker"])
            self._failing = False

    def failed(self) -> None:
        """Note that the vendor could not be reached or broke down."""
        self._failing = True
        args = {"failures": self._rate.failures, "probe_ms": int(self._rate.probe_s * 1000)}
        self._connection.call("breaker_fail", keys=self._keys, args=args)


class Budgets:
    """What the tasks ask of the budgets."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def is_open(self, instance: str) -> bool:
        """Tell whether the breaker of this instance lets only a probe through."""
        return self.down_since_ms(instance) is not None

    def down_since_ms(self, instance: str) -> int | None:
        """Return since when no call to this instance has succeeded, while its breaker is open."""
        since_ms, probe_ms = self._connection.client.hmget(_keys(self._connection, instance)["breaker"], _BREAKER)
        return None if probe_ms is None else int(since_ms)

    def paused(self, instances: Sequence[str]) -> dict[str, float]:
        """Return for how many seconds each of these instances wants nothing sent; the others are absent."""
        with self._connection.pipeline() as pipe:
            for instance in instances:
                pipe.pttl(self._connection.keys.pause(instance))
            left = zip(instances, pipe.execute(), strict=True)
        return {instance: left_ms / 1000 for instance, left_ms in left if left_ms > 0}

    def left(self, instances: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Return of each instance how many calls may still go at once, and for how many seconds the next one waits.

        An instance that nobody has called for an hour is absent. The rate is what the last call brought along."""
        with self._connection.pipeline() as pipe:
            pipe.time()
            for instance in instances:
                pipe.hmget(self._connection.keys.budget(instance), "next_ms", "rate")
                pipe.pttl(self._connection.keys.pause(instance))
            (seconds, micros), *answers = pipe.execute()
        now_ms = int(seconds) * 1000 + int(micros) / 1000
        found = {}
        for instance, (next_ms, per_minute), ttl_ms in zip(instances, answers[::2], answers[1::2], strict=True):
            if next_ms is not None:
                rate = Rate(per_minute=float(per_minute))
                ahead_ms, pause_ms = max(0.0, float(next_ms) - now_ms), max(0, ttl_ms)
                calls = 0.0 if pause_ms else max(0.0, rate.burst - ahead_ms / rate.interval_ms)
                wait_ms = max(pause_ms, ahead_ms - rate.burst * rate.interval_ms, 0.0)
                found[instance] = (calls, wait_ms / 1000)
        return found

    def window(self, instance: str, *, most: int, lane: str) -> int:
        """Return how many users may be in flight: what the budget admits in some seconds, 1 while the breaker is open.

        The rate is what the last call brought along. 0 during a long pause: then the reconciler feeds again."""
        keys = _keys(self._connection, instance)
        with self._connection.pipeline() as pipe:
            pipe.hget(keys["budget"], "rate")
            pipe.hget(keys["breaker"], "probe_ms")
            pipe.pttl(keys["pause"])
            rate, probe_ms, pause_left_ms = pipe.execute()
        if pause_left_ms > LONG_PAUSE_S * 1000:
            return 0
        if probe_ms is not None or pause_left_ms > HORIZON_S * 1000:
            return 1
        limit = most if lane == "bulk" else max(2, most // 4)
        return max(2, min(limit, int(float(rate or UNKNOWN_RATE) / 60 * IN_FLIGHT_S)))


_BREAKER = ("since_ms", "probe_ms")


def _keys(connection: Connection, instance: str) -> dict[str, str]:
    keys = connection.keys
    return {"budget": keys.budget(instance), "pause": keys.pause(instance), "breaker": keys.breaker(instance)}
