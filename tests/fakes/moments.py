"""What happens elsewhere while a fake vendor is asked: before it takes the call, or before its answer arrives."""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Literal

Moment = Literal["before", "after"]


class Moments:
    """Things to do at the calls of one fake; whatever they raise is raised to the caller."""

    def __init__(self) -> None:
        """Plan nothing."""
        self._planned: dict[tuple[str, Moment], deque[Callable[[], object]]] = defaultdict(deque)
        self._watchers: list[Callable[[str, Moment], None]] = []

    def plan(self, method: str, do: Callable[[], object], *, moment: Moment = "before") -> None:
        """Do this once, at the next call of the method for which nothing else is planned."""
        self._planned[method, moment].append(do)

    def plan_error(self, method: str, error: BaseException, *, moment: Moment = "before") -> None:
        """Raise this once, past everything that a vendor's adapter makes of errors."""

        def do() -> None:
            raise error

        self.plan(method, do, moment=moment)

    def watch(self, do: Callable[[str, Moment], None]) -> None:
        """Do this at every moment of every call."""
        self._watchers.append(do)

    def reach(self, method: str, moment: Moment) -> None:
        """Do what is planned for this moment."""
        for watcher in self._watchers:
            watcher(method, moment)
        if self._planned[method, moment]:
            self._planned[method, moment].popleft()()
