"""Budgets that never wait: one that admits everything, one that keeps a diary."""

from dataclasses import dataclass, field

from adapters.errors import BudgetError


class NullBudget:
    """Admits every call and remembers nothing."""

    def reserve(self) -> None: ...
    def pause(self, seconds: float) -> None: ...
    def succeeded(self) -> None: ...
    def failed(self) -> None: ...


@dataclass
class DiaryBudget:
    """Keeps what it was told, in order; refuses once `left` calls are spent."""

    left: int = 1_000_000
    refuses_for_s: float = 7.0
    diary: list[str] = field(default_factory=list)

    def reserve(self) -> None:
        if self.left <= 0:
            raise BudgetError("budget_spent", vendor="test", retry_after_s=self.refuses_for_s)
        self.left -= 1
        self.diary.append("reserve")

    def pause(self, seconds: float) -> None:
        self.diary.append(f"pause {seconds:g}")

    def succeeded(self) -> None:
        self.diary.append("succeeded")

    def failed(self) -> None:
        self.diary.append("failed")
