"""This process among the living: a heartbeat on the store's clock, and its age on our own."""

import os
import secrets
import socket
import time
from collections.abc import Callable

from adapters.calls import VendorCalls
from adapters.errors import TransientError
from adapters.store.connection import Connection, text
from adapters.store.timing import StoreTiming

SLEEP_COUNTS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS counts sleep in the latter


def through_sleep_s() -> float:
    """Read a clock that also runs while the machine sleeps, when `time.monotonic` stands still.

    A worker that wakes must know how long it was away: others have taken over its users meanwhile."""
    return time.clock_gettime(SLEEP_COUNTS)


class Presence:
    """One incarnation of a worker process; its loop calls `beat` every `heartbeat_s`."""

    def __init__(
        self,
        connection: Connection,
        *,
        timing: StoreTiming,
        calls: VendorCalls | None = None,
        now_s: Callable[[], float] = through_sleep_s,
    ) -> None:
        """Choose the incarnation's name: host and process for the reader, a nonce because process ids come again.

        What `calls` has counted goes along with each heartbeat."""
        self._connection = connection
        self._timing = timing
        self._calls = calls or VendorCalls()
        self._now_s = now_s
        self._beat_s: float | None = None
        self.incarnation = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"

    def new_holder(self) -> str:
        """Return "incarnation/nonce" for one piece of work."""
        return f"{self.incarnation}/{secrets.token_hex(4)}"

    def beat(self) -> None:
        """Tell that this process is alive for another `dead_s`."""
        sent_s = self._now_s()
        self._tell(alive_ms=int(self._timing.dead_s * 1000))
        self._beat_s = sent_s

    def leave(self) -> None:
        """End by ourselves: what we were at is due as soon as the next reconciler looks."""
        self._tell(alive_ms=0)

    def _tell(self, *, alive_ms: int) -> None:
        """Send heartbeat and calls in one step; calls whose arrival is not certain go again with the next one."""
        keys = self._connection.keys
        named = {"beats": keys.beats, "calls": keys.calls, "calls_taken": keys.calls_taken}
        batch = self._calls.batch()
        args = {"incarnation": self.incarnation, "dead_ms": alive_ms, "batch": batch.number}
        rest = [item for pair in batch.counted.items() for item in pair]
        self._connection.call("beat", keys=named, args=args, rest=rest)
        self._calls.arrived(batch)

    def note_schedule(self) -> None:
        """Note that a message of beat's has come through; a repeat is harmless."""
        self._connection.client.set(self._connection.keys.beat_seen, self._connection.now_ms())

    def schedule_age_s(self) -> float:
        """Return how long ago a message of beat's last came through; infinite if none ever did."""
        seen_ms = self._connection.client.get(self._connection.keys.beat_seen)
        return float("inf") if seen_ms is None else max(0.0, (self._connection.now_ms() - int(seen_ms)) / 1000)

    def alive(self, incarnation: str) -> bool:
        """Tell whether an incarnation counts as alive."""
        keys = {"beats": self._connection.keys.beats}
        return bool(self._connection.call("beat_check", keys=keys, args={"incarnation": incarnation}))

    def living(self) -> list[str]:
        """List the incarnations that count as alive."""
        with self._connection.pipeline() as pipe:
            pipe.time()
            pipe.hgetall(self._connection.keys.beats)
            (seconds, micros), beats = pipe.execute()
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        return sorted(text(incarnation) for incarnation, till_ms in beats.items() if int(till_ms) > now_ms)

    def seconds_since_beat(self) -> float:
        """Return the age of our last heartbeat that arrived, counted from before it was sent."""
        return float("inf") if self._beat_s is None else self._now_s() - self._beat_s

    def check_fresh(self) -> None:
        """Raise TransientError if our own heartbeat is stale: we may be taken for dead, so we may not write."""
        if self.seconds_since_beat() >= self._timing.dead_s - self._timing.heartbeat_s:
            raise TransientError("heartbeat_stale", vendor="worker")
