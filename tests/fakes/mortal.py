"""A worker process that can be killed between any two of its steps: from then on it does nothing to the ledger."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from adapters.store import Store, StoreTiming
from adapters.store.connection import Connection


class Death(BaseException):
    """The process was killed: no `except` of the product may make anything of it."""


class _MortalConnection(Connection):
    """Counts down the scripts that it may still run; every write of the ledger is a script."""

    def __init__(self, redis_url: str, *, prefix: str) -> None:
        """Live for ever."""
        super().__init__(redis_url, prefix=prefix)
        self.calls_left: float = float("inf")

    def call(self, name: str, *, keys: Mapping[str, str], args: Mapping[str, Any], rest: Sequence[Any] = ()) -> Any:
        """Run a script, unless death comes first."""
        self.calls_left -= 1
        if self.calls_left < 0:
            raise Death(name)
        return super().call(name, keys=keys, args=args, rest=rest)


class MortalStore(Store):
    """The store as one process sees it."""

    def __init__(self, redis_url: str, *, prefix: str, timing: StoreTiming) -> None:
        """Live, and say so."""
        self._mortal = _MortalConnection(redis_url, prefix=prefix)
        super().__init__(self._mortal, timing=timing)
        self.presence.beat()

    def die(self) -> NoReturn:
        """End the process at this very point."""
        self.die_after(0)
        raise Death

    def die_after(self, calls: int) -> None:
        """Let the process run so many scripts more."""
        self._mortal.calls_left = calls

    def bury(self) -> None:
        """Let the heartbeat of a dead process run out at once, so that no test waits for it."""
        self._mortal.calls_left = 1
        self.presence.leave()


class Installations:
    """Opens stores, each as a process of its own would: all of one installation, or of the one that is named."""

    def __init__(self, redis_url: str, *, timing: StoreTiming) -> None:
        """Begin with empty installations, whatever else the server holds."""
        self._redis_url = redis_url
        self._timing = timing
        self._prefix = f"t{secrets.token_hex(4)}"
        self._stores: list[MortalStore] = []

    def __call__(self, name: str = "") -> MortalStore:
        """Open the store of an installation."""
        self._stores.append(MortalStore(self._redis_url, prefix=f"{self._prefix}{name}:", timing=self._timing))
        return self._stores[-1]

    def close(self) -> None:
        """Close all that were opened."""
        for store in self._stores:
            store.close()
