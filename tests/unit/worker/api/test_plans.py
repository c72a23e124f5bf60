"""Plans over HTTP, from the request to the contacts, over a real store."""

import csv
import io
from typing import Any

import pytest

from adapters.store import Store
from tasks.requesting import request_run
from tests.fakes.door import CHIEF, OTHER, ROBOT, Door, door_of
from tests.fakes.engine import Engine

PEOPLE = 3


@pytest.fixture
def engine(store: Store) -> Engine:
    engine = Engine(store)
    engine.directory.add_users(PEOPLE)
    return engine


@pytest.fixture
def door(engine: Engine) -> Door:
    return door_of(engine)


def make(door: Door, engine: Engine, **options: Any) -> int:
    answer = door.post("/v1/connectors/contoso/plans", headers={**ROBOT, **options}, json={"sync_mode": "full"})
    assert answer.status_code == 202, answer.text
    engine.work()
    report = door.get(answer.headers["location"], headers=ROBOT).json()
    assert report["dry_run"]
    return int(report["plan"])


def hold(engine: Engine) -> str:
    """Let a first automatic run be held; return its id."""
    run_id = request_run(engine.ports, "contoso", {}, trigger="schedule").run_id
    engine.work()
    return run_id


def test_plan_is_made_looked_at_and_carried_out(door: Door, engine: Engine) -> None:
    number = make(door, engine)
    assert engine.psa.writes == []
    (listed,) = door.get("/v1/plans?connector=contoso", headers=ROBOT).json()["plans"]
    assert (listed["plan"], listed["lines"], listed["state"]) == (number, PEOPLE, "waits")
    plan = door.get(f"/v1/plans/{number}", headers=ROBOT).json()
    assert {**plan, "changes": None} == {**listed, "changes": None}
    assert [change["operation"] for change in plan["changes"]] == ["create"] * PEOPLE
    answer = door.post(f"/v1/plans/{number}/apply?digest={plan['digest'][:12]}", headers=CHIEF)
    assert answer.status_code == 202, answer.text
    assert answer.json()["is_new"]
    engine.work()
    assert len(engine.psa.writes) == PEOPLE
    again = door.post(f"/v1/plans/{number}/apply", headers=CHIEF).json()
    assert (again["run_id"], again["is_new"]) == (answer.json()["run_id"], False)
    engine.work()
    assert len(engine.psa.writes) == PEOPLE
    assert door.get(f"/v1/plans/{number}", headers=ROBOT).json()["carried_out_by"] == again["run_id"]


def test_same_key_names_the_same_plan_and_nothing_else(door: Door, engine: Engine) -> None:
    key = {"Idempotency-Key": "ticket-4711"}
    assert make(door, engine, **key) == make(door, engine, **key) == 1
    answer = door.post("/v1/connectors/contoso/runs", headers={**ROBOT, **key}, json={"sync_mode": "full"})
    assert answer.status_code == 409
    used = {"Idempotency-Key": "ticket-4712"}
    assert door.post("/v1/plans/1/apply", headers={**CHIEF, **used}).status_code == 202
    assert door.post("/v1/plans/1/apply", headers={**CHIEF, **used}).status_code == 202
    make(door, engine)
    assert door.post("/v1/plans/2/apply", headers={**CHIEF, **used}).status_code == 409


def test_files_are_files(door: Door, engine: Engine) -> None:
    number = make(door, engine)
    table = door.get(f"/v1/plans/{number}.csv", headers=ROBOT)
    assert table.headers["content-disposition"] == f'attachment; filename="contoso-plan-{number}.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["operation"] for row in rows] == ["create"] * PEOPLE
    page = door.get(f"/v1/plans/{number}.html", headers=ROBOT)
    assert page.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert page.text.count("<li") == PEOPLE


def test_held_run_is_approved(door: Door, engine: Engine) -> None:
    run_id = hold(engine)
    answer = door.post(f"/v1/runs/{run_id}/approve", headers=CHIEF)
    assert answer.status_code == 202, answer.text
    engine.work()
    assert len(engine.psa.writes) == PEOPLE
    assert not door.post(f"/v1/runs/{run_id}/approve", headers=CHIEF).json()["is_new"]
    assert door.get("/v1/plans", headers=ROBOT).json()["plans"][0]["first_run"]


def test_only_who_may_approve_writes_and_only_what_it_sees(door: Door, engine: Engine) -> None:
    number, run_id = make(door, engine), hold(engine)
    for path in (f"/v1/plans/{number}/apply", f"/v1/runs/{run_id}/approve"):
        assert door.post(path, headers=ROBOT).status_code == 403
        assert door.post(path).status_code == 401
        assert door.post(path, headers=OTHER).status_code == 404
    for path in (f"/v1/plans/{number}", f"/v1/plans/{number}.csv", f"/v1/plans/{number}.html"):
        assert door.get(path, headers=OTHER).status_code == 404
    assert door.get("/v1/plans", headers=OTHER).json()["plans"] == []
    assert door.get("/v1/plans?connector=contoso", headers=OTHER).status_code == 404
    assert door.post("/v1/connectors/contoso/plans", headers=OTHER).status_code == 404
    engine.work()
    assert engine.psa.writes == []


def test_what_cannot_be_carried_out_is_refused_with_the_reason(door: Door, engine: Engine) -> None:
    make(door, engine)
    done = request_run(engine.ports, "contoso", {"department_filter": "Sales"}, trigger="cli").run_id
    engine.work()
    going_on = engine.request()
    assert "digest" in door.post("/v1/plans/1/apply?digest=000000", headers=CHIEF).json()["detail"]
    assert "holds nothing" in door.post(f"/v1/runs/{done}/approve", headers=CHIEF).json()["detail"]
    assert "goes on" in door.post(f"/v1/runs/{going_on}/approve", headers=CHIEF).json()["detail"]
    assert door.post("/v1/plans/99/apply", headers=CHIEF).status_code == 404
    assert door.post("/v1/plans/x/apply", headers=CHIEF).status_code == 422
    assert door.post("/v1/runs/nobody/approve", headers=CHIEF).status_code == 404


def test_plans_come_in_pages(door: Door, engine: Engine) -> None:
    for _ in range(3):
        make(door, engine)
    first = door.get("/v1/plans?limit=2", headers=ROBOT).json()
    assert ([plan["plan"] for plan in first["plans"]], first["next_offset"]) == ([3, 2], 2)
    rest = door.get("/v1/plans?limit=2&offset=2", headers=ROBOT).json()
    assert ([plan["plan"] for plan in rest["plans"]], rest["next_offset"]) == ([1], None)
