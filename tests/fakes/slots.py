"""Slots that never wait: one that admits everything, one that counts who is inside."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from adapters.errors import BudgetError


class NullSlots:
    """Has always one more place and lets everybody be the first."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def is_first(self, name: str, *, seconds: float) -> bool:
        return True


@dataclass
class CountingSlots:
    """Keeps what was held, in order, and the most that were inside at once; refuses the names in `taken`."""

    taken: set[str] = field(default_factory=set)
    held: list[str] = field(default_factory=list)
    inside: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    turns: list[str] = field(default_factory=list)
    is_ours: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        if name in self.taken:
            raise BudgetError("slots_taken", vendor="test", retry_after_s=2.0)
        with self._lock:
            self.held.append(name)
            self.inside[name] += 1
            self.most[name] = max(self.most[name], self.inside[name])
        try:
            yield
        finally:
            with self._lock:
                self.inside[name] -= 1

    def is_first(self, name: str, *, seconds: float) -> bool:
        self.turns.append(name)
        return self.is_ours
