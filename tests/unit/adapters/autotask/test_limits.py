import pytest

from adapters.autotask.limits import Hour, ObjectSlots
from adapters.autotask.wire import Threshold
from adapters.errors import BudgetError, SyncError, TransientError, WireError
from tests.fakes.budget import DiaryBudget
from tests.fakes.slots import CountingSlots


def used(count: int, *, most: int = 10_000) -> Threshold:
    return Threshold(most=most, used=count)


class Watch:
    """An hour with a clock that stands until it is moved."""

    def __init__(self, *, is_ours: bool = True) -> None:
        self.slots = CountingSlots(is_ours=is_ours)
        self.budget = DiaryBudget()
        self.now_s = 0.0
        self.reads = 0
        self.hour = Hour(self.slots, now=lambda: self.now_s)

    def check(self, answer: Threshold | SyncError) -> None:
        def read() -> Threshold:
            self.reads += 1
            if isinstance(answer, SyncError):
                raise answer
            return answer

        self.hour.check(read, self.budget)


@pytest.mark.parametrize(("count", "diary"), [(4999, []), (5000, ["pause 60"]), (12_000, ["pause 60"])])
def test_half_of_the_hour_is_left_to_others(count: int, diary: list[str]) -> None:
    watch = Watch()
    watch.check(used(count))
    assert watch.budget.diary == diary


def test_threshold_of_nothing_is_no_threshold() -> None:
    watch = Watch()
    watch.check(used(10, most=0))
    assert watch.budget.diary == []


def test_it_is_asked_once_a_minute_and_by_one_of_all_workers() -> None:
    watch = Watch()
    for _ in range(3):
        watch.check(used(0))
    watch.now_s = 59.9
    watch.check(used(0))
    assert watch.reads == 1
    watch.now_s = 60
    watch.check(used(0))
    assert watch.reads == 2
    others = Watch(is_ours=False)
    others.check(used(9000))
    assert (others.reads, others.slots.turns) == (0, ["threshold"])


@pytest.mark.parametrize("error", [TransientError("server_error", vendor="x"), WireError("unknown_shape", vendor="x")])
def test_threshold_that_cannot_be_read_stops_nobody(error: SyncError) -> None:
    watch = Watch()
    watch.check(error)
    assert watch.budget.diary == []


def test_spent_budget_is_said() -> None:
    with pytest.raises(BudgetError):
        Watch().check(BudgetError("budget_spent", vendor="x"))


def test_places_are_counted_by_object() -> None:
    slots = CountingSlots()
    ours = ObjectSlots(slots)
    for endpoint in (
        "/Contacts/query",
        "/Contacts/{id}",
        "/Companies/{id}/Contacts",
        "/Companies/{id}",
        "/Countries/query",
    ):
        with ours.hold(endpoint):
            pass
    assert slots.held == ["Contacts"] * 4 + ["Countries"]
    assert ours.is_first("threshold", seconds=1)


@pytest.mark.parametrize(("share", "diary"), [(0.7, []), (0.5, ["pause 60"])])
def test_share_of_the_hour_is_a_setting(share: float, diary: list[str]) -> None:
    budget = DiaryBudget()
    Hour(CountingSlots(), share=share, now=lambda: 0.0).check(lambda: used(6000), budget)
    assert budget.diary == diary
