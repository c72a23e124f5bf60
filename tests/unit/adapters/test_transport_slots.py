"""Places for requests under way: held for the exchange alone, after the budget, and never while waiting to repeat."""

import httpx
import pytest

from adapters.errors import AnswerLostError, BudgetError
from adapters.transport import Transport
from tests.fakes.budget import DiaryBudget
from tests.fakes.slots import CountingSlots
from tests.unit.adapters.test_transport import BASE, Server, json_answer, silent


def build(server: Server, slots: CountingSlots, *, budget: DiaryBudget, sleeps: list[int]) -> Transport:
    def handle(request: httpx.Request) -> httpx.Response:
        assert slots.inside.total() == 1
        return server(request)

    return Transport(
        "test",
        BASE,
        client=httpx.Client(transport=httpx.MockTransport(handle)),
        budget=budget,
        classify=silent,
        slots=slots,
        sleep=lambda _: sleeps.append(slots.inside.total()),
    )


def test_each_attempt_holds_a_place_of_its_endpoint_and_gives_it_back_before_it_waits() -> None:
    slots, sleeps = CountingSlots(), list[int]()
    transport = build(Server(json_answer(503), json_answer(200)), slots, budget=DiaryBudget(), sleeps=sleeps)
    transport.get("/things/7", endpoint="/things/{id}")
    assert slots.held == ["/things/{id}"] * 2
    assert sleeps == [0]
    assert slots.inside.total() == 0


def test_no_place_means_nothing_sent_and_nothing_repeated() -> None:
    slots, server, budget = CountingSlots(taken={"/things"}), Server(json_answer(200)), DiaryBudget()
    transport = build(server, slots, budget=budget, sleeps=[])

    def permit() -> float:
        raise AssertionError("a write without a place asks nobody")

    with pytest.raises(BudgetError):
        transport.send("POST", "/things", endpoint="/things", json={}, permit=permit)
    assert server.requests == []
    assert budget.diary == ["reserve"]


def test_spent_budget_takes_no_place() -> None:
    slots = CountingSlots()
    transport = build(Server(json_answer(200)), slots, budget=DiaryBudget(left=0), sleeps=[])
    with pytest.raises(BudgetError):
        transport.get("/things", endpoint="/things")
    assert slots.held == []


def test_place_is_given_back_when_the_answer_is_lost() -> None:
    slots = CountingSlots()
    transport = build(Server(httpx.ReadTimeout("late")), slots, budget=DiaryBudget(), sleeps=[])
    with pytest.raises(AnswerLostError):
        transport.send("POST", "/things", endpoint="/things", json={}, permit=lambda: 20.0)
    assert slots.inside.total() == 0
