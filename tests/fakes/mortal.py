"""A worker process that can be killed between any two of its steps: from then on it reaches nothing and nobody."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from adapters.store import Store, StoreTiming
from adapters.store.connection import Connection
from tests.fakes.moments import Moment


class Death(BaseException):
    """The process was killed; no `except` of the product may make anything of it."""


class _MortalConnection(Connection):
    """Counts the scripts that it runs; once dead, it runs none."""

    def __init__(self, redis_url: str, *, prefix: str) -> None:
        """Live."""
        super().__init__(redis_url, prefix=prefix)
        self.calls = 0
        self.at_call: Callable[[str, Moment], None] = lambda name, moment: None

    def call(self, name: str, *, keys: Mapping[str, str], args: Mapping[str, Any], rest: Sequence[Any] = ()) -> Any:
        """Run a script, unless death comes before it, or before its answer."""
        self.calls += 1
        self.at_call(name, "before")
        answer = super().call(name, keys=keys, args=args, rest=rest)
        self.at_call(name, "after")
        return answer

    def die(self) -> None:
        """Reach the server no more."""
        self.client.close()
        self.client = _Grave()


class _Grave:
    """Where the client of a dead process was."""

    def close(self) -> None:
        """Be closed."""

    def __getattr__(self, name: str) -> NoReturn:
        raise Death(name)


class MortalStore(Store):
    """The store as one process sees it."""

    def __init__(self, redis_url: str, *, prefix: str, timing: StoreTiming) -> None:
        """Live, and say so."""
        self._mortal = _MortalConnection(redis_url, prefix=prefix)
        super().__init__(self._mortal, timing=timing)
        self.presence.beat()

    def die(self) -> NoReturn:
        """End the process at this very point. Its heartbeat runs out at once, so that no test waits for it."""
        self._mortal.at_call = lambda name, moment: None
        self.presence.leave()
        self._mortal.die()
        raise Death

    def die_at(self, number: int, *, moment: Moment) -> None:
        """Die at the script of that number, counted from now, before it runs or when it has run."""
        last = self._mortal.calls + number

        def check(_: str, reached: Moment) -> None:
            if self._mortal.calls == last and reached == moment:
                self.die()

        self._mortal.at_call = check
