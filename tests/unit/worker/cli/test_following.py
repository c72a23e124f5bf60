from typing import Any

import pytest

from adapters.records import Run
from worker.cli.following import FIRST_LOOK_S, LATE_LOOK_S, VANISHED_S, Glance, NobodyWorksError, follow

Json = dict[str, Any]


class Script:
    """A store whose runs go through prepared steps, one each look; a clock that only sleeping moves."""

    def __init__(self, **progress: list[Json]) -> None:
        self.progress_of = progress
        self.heads: dict[str, Json] = {name: {"run_id": name, "success": True} for name in progress}
        self.alive: list[str] = ["worker"]
        self.open_breaker = False
        self.admitted = 48
        self.now_s = 0.0
        self.slept: list[float] = []
        self.saw_glances: list[tuple[str, Glance]] = []
        self.saw_heads: list[str] = []
        self.reports = self.presence = self.budgets = self

    def progress(self, run_id: str) -> Json | None:
        steps = self.progress_of[run_id]
        if steps and steps[0].get("for_ever"):
            return steps[0]
        return steps.pop(0) if steps else None

    def head(self, run_id: str) -> Json | None:
        return self.heads.get(run_id)

    def living(self) -> list[str]:
        return self.alive

    def is_open(self, instance: str) -> bool:
        return self.open_breaker

    def window(self, instance: str, *, most: int, lane: str) -> int:
        return self.admitted

    def saw(self, run: Run, glance: Glance) -> None:
        self.saw_glances.append((run.run_id, glance))

    def closed(self, run: Run, head: Json) -> None:
        self.saw_heads.append(run.run_id)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def follow(self) -> dict[str, Json | None]:
        runs = [a_run(run_id) for run_id in self.progress_of]
        return follow(self, runs, watcher=self, clock=lambda: self.now_s, sleep=self.sleep)  # type: ignore[arg-type]  # by shape


def a_run(run_id: str) -> Run:
    return Run.model_validate(
        {"run_id": run_id, "connector_id": run_id, "instance": "main", "lane": "bulk", "trigger": "cli", "request": {}}
    )


def step(state: str, **facts: Any) -> Json:
    return {
        "state": state,
        "mode": "full",
        "stopping": None,
        "place": 0,
        "pages": 0,
        "waiting": 0,
        "in_flight": 0,
        "done": {},
        "total": 0,
    } | facts


def waits_for(script: Script) -> str:
    script.follow()
    return script.saw_glances[0][1].waits_for


def test_runs_are_followed_until_the_last_is_closed() -> None:
    script = Script(r1=[step("requested"), step("reading")], r2=[step("writing", done={"created": 3}, total=9)])
    assert script.follow() == {"r1": {"run_id": "r1", "success": True}, "r2": {"run_id": "r2", "success": True}}
    assert script.saw_heads == ["r2", "r1"]
    assert [(name, glance.state) for name, glance in script.saw_glances] == [
        ("r1", "requested"),
        ("r2", "writing"),
        ("r1", "reading"),
    ]
    assert script.saw_glances[1][1].finished == 3


def test_run_that_is_gone_without_a_report_is_told_as_such() -> None:
    script = Script(r1=[])
    script.heads.clear()
    assert script.follow() == {"r1": None}
    assert script.saw_heads == []


def test_looks_become_rarer() -> None:
    script = Script(r1=[step("writing") for _ in range(400)])
    script.follow()
    assert script.slept[0] == FIRST_LOOK_S
    assert script.slept[-1] == LATE_LOOK_S
    assert script.slept == sorted(script.slept)


def test_waiting_ends_when_no_worker_has_been_alive_for_a_minute() -> None:
    script = Script(r1=[step("writing", for_ever=True)])
    script.alive = []
    with pytest.raises(NobodyWorksError):
        script.follow()
    assert VANISHED_S <= script.now_s < VANISHED_S + 2


def test_worker_that_comes_back_within_the_minute_is_waited_for() -> None:
    script = Script(r1=[step("writing") for _ in range(200)])

    def sleep(seconds: float) -> None:
        Script.sleep(script, seconds)
        script.alive = ["worker"] if script.now_s % 50 < 1 else []

    script.sleep = sleep  # type: ignore[method-assign]
    assert script.follow()["r1"] is not None
    assert script.now_s > VANISHED_S


def test_requested_run_waits_for_a_worker() -> None:
    assert waits_for(Script(r1=[step("requested")])) == "a worker"


def test_requested_run_that_others_go_before_waits_for_its_turn() -> None:
    assert waits_for(Script(r1=[step("requested", place=3)])) == "its turn at main, place 3"


def test_full_window_waits_for_the_budget() -> None:
    assert waits_for(Script(r1=[step("writing", waiting=100, in_flight=48)])) == "its budget"


def test_room_in_the_window_waits_for_nothing() -> None:
    assert waits_for(Script(r1=[step("writing", waiting=100, in_flight=20)])) == ""


def test_paused_instance_is_named() -> None:
    script = Script(r1=[step("writing", waiting=100, in_flight=0)])
    script.admitted = 0
    assert waits_for(script) == "main, which asked for a pause"


def test_instance_that_is_down_is_named() -> None:
    script = Script(r1=[step("writing", waiting=100, in_flight=1)])
    script.open_breaker, script.admitted = True, 1
    assert waits_for(script) == "main, which does not answer"


def test_stopping_run_waits_for_its_end_and_says_why() -> None:
    assert waits_for(Script(r1=[step("writing", stopping="cancelled", waiting=5)])) == "its end (cancelled)"
