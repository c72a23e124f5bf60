"""Places for requests that are under way at once, shared by all workers: a vendor counts them over all of ours.

Each place is a lease on the server's clock, so that a worker that dies gives its places back by itself.
"""

import hashlib
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adapters.errors import BudgetError, TransientError
from adapters.store.connection import Connection

LEASE_S = 30.0  # longer than nearly every request; a place of a dead worker is missing for so long
WAIT_S = 5.0  # for a place, before the slot of the worker is worth more
POLL_S = 0.1


class InstanceSlots:
    """The places of one vendor instance, as the transport asks for them. Thread-safe."""

    def __init__(  # noqa: PLR0913 - each says one thing of the places
        self,
        connection: Connection,
        instance: str,
        *,
        most: int,
        vendor: str,
        linger_s: float = 0.0,
        counted_by: Sequence[str] = (),
        lease_s: float = LEASE_S,
        wait_s: float = WAIT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the parts; `most` is how many of each name may be under way, `vendor` is named in errors.

        `counted_by` is what the vendor counts by, secrets among it: instances of the same share places, else each has
        its own. `linger_s` is how long a place stays taken after its request: a vendor may count an
        answer a little longer."""
        self._connection = connection
        self._instance = instance
        self._counted_by = _fingerprint(counted_by) if counted_by else instance
        self._most = most
        self._vendor = vendor
        self._linger_ms = int(linger_s * 1000)
        self._lease_ms = int(lease_s * 1000)
        self._wait_s = wait_s
        self._sleep = sleep

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold a place for the block, waiting some seconds for it. Raises BudgetError(slots_taken)."""
        key, holder = self._connection.keys.slots(self._counted_by, name), secrets.token_hex(8)
        self._take(key, holder)
        try:
            yield
        finally:
            self._give_back(key, holder)

    def is_first(self, name: str, *, seconds: float) -> bool:
        """Tell one caller of all workers, in so many seconds, that it is the first."""
        key = self._connection.keys.turn(self._instance, name)
        return bool(self._connection.client.set(key, "1", nx=True, px=max(1, int(seconds * 1000))))

    def _take(self, key: str, holder: str) -> None:
        args = {"holder": holder, "most": self._most, "lease_ms": self._lease_ms}
        waited_s = 0.0
        while left_ms := self._connection.call("slot_take", keys={"slots": key}, args=args):
            if waited_s >= self._wait_s:
                retry_after_s = 1.0 + random.uniform(0, self._wait_s)  # noqa: S311 - spreads load, guards nothing
                raise BudgetError("slots_taken", vendor=self._vendor, retry_after_s=retry_after_s)
            pause_s = min(left_ms / 1000, random.uniform(POLL_S / 2, POLL_S * 3 / 2))  # noqa: S311 - as above
            self._sleep(pause_s)
            waited_s += pause_s

    def _give_back(self, key: str, holder: str) -> None:
        try:
            self._connection.call(
                "slot_leave", keys={"slots": key}, args={"holder": holder, "linger_ms": self._linger_ms}
            )
        except TransientError:  # it lapses; what the vendor answered meanwhile must not be lost with it
            return


def _fingerprint(parts: Sequence[str]) -> str:
    """Name these parts without showing them."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
