"""What a request must be admitted by: a budget of calls, and places for those under way at once."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

__all__ = ["Budget", "Slots", "Unbounded", "Unlimited"]


class Budget(Protocol):
    """The calls that are left for one vendor's instance, and its breaker."""

    def reserve(self) -> None:
        """Take one call, sleeping up to the horizon. Raises BudgetError(retry_after_s) if that is not enough."""

    def pause(self, seconds: float) -> None:
        """Stop the whole instance for so long: the vendor asked for it."""

    def succeeded(self) -> None:
        """Note that the vendor answered."""

    def failed(self) -> None:
        """Note that the vendor could not be reached or broke down."""


class Slots(Protocol):
    """Places for requests that are under way at once, for vendors that count them; shared by all workers."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Hold one of the places of this name for the block. Raises BudgetError(retry_after_s) if none gets free."""

    def is_first(self, name: str, *, seconds: float) -> bool:
        """Tell one caller of all workers, in so many seconds, that it is the first."""


class Unbounded:
    """Slots for vendors that do not count, and for a process that is alone: always one more place."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Admit."""
        del name
        return nullcontext()

    def is_first(self, name: str, *, seconds: float) -> bool:
        """Agree."""
        del name, seconds
        return True


class Unlimited:
    """A budget for calls that nobody counts, such as those for a token."""

    def reserve(self) -> None:
        """Admit."""

    def pause(self, seconds: float) -> None:
        """Forget."""

    def succeeded(self) -> None:
        """Forget."""

    def failed(self) -> None:
        """Forget."""
