"""Decisions over HTTP: what waits, what is decided, and who may decide."""

from typing import Any

import pytest

from adapters.store import Store
from tests.fakes.door import CHIEF, OTHER, ROBOT, Door, door_of
from tests.fakes.engine import Engine
from worker.api import decisions

ANN = "/v1/connectors/contoso/decisions/ann@contoso.com"


@pytest.fixture
def engine(store: Store) -> Engine:
    engine = Engine(store)
    engine.directory.add_user("ann")
    for _ in range(2):
        engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com")
    engine.run(sync_mode="full")
    return engine


@pytest.fixture
def door(engine: Engine) -> Door:
    return door_of(engine)


def test_case_is_listed_decided_and_taken_back(door: Door, engine: Engine) -> None:
    (row,) = door.get("/v1/review", headers=ROBOT).json()["waiting"]
    assert row.keys() == decisions.WAITING.keys()
    assert (row["kind"], row["user_principal_name"]) == ("possible duplicate", "ann@contoso.com")
    contact_id = next(iter(engine.psa.contacts))
    wanted = {"action": "link", "psa_contact_id": contact_id, "reason": "asked her", "until": "2126-12-31"}
    answer = door.put(ANN, headers=CHIEF, json=wanted)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made.keys() == decisions.DECISION.keys()
    assert (made["by"], made["psa_contact_id"], made["until"]) == ("chief", contact_id, "2127-01-01T00:00:00Z")
    assert door.get("/v1/review?connector=contoso", headers=ROBOT).json() == {"waiting": [], "next_offset": None}
    assert door.get("/v1/decisions", headers=ROBOT).json() == {"decisions": [made], "next_offset": None}
    assert engine.run()["success"]
    assert door.delete(ANN, headers=CHIEF).json() == {"connector": "contoso", "released": 1}
    assert door.delete(ANN, headers=CHIEF).status_code == 404


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ((ROBOT, {"action": "create", "reason": "x"}), 403),
        ((OTHER, {"action": "create", "reason": "x"}), 404),
        ((CHIEF, {"action": "forget", "reason": "x"}), 422),
        ((CHIEF, {"action": "create"}), 422),
        ((CHIEF, {"action": "create", "reason": "x", "until": "soon"}), 422),
        ((CHIEF, {"action": "create", "reason": "x", "until": "2020-01-01"}), 409),
        ((CHIEF, {"action": "ignore", "reason": "x", "until": "9999-12-31"}), 409),
        ((CHIEF, {"action": "link", "reason": "x", "psa_contact_id": "nobody"}), 409),
    ],
)
def test_what_may_not_be_decided_is_refused(
    door: Door, engine: Engine, asked: tuple[dict[str, str], dict[str, Any]], status: int
) -> None:
    headers, body = asked
    assert door.put(ANN, headers=headers, json=body).status_code == status
    assert list(engine.store.decisions.iter_all("contoso")) == []


def test_token_sees_what_waits_at_its_own_customers_only(door: Door) -> None:
    assert door.get("/v1/review", headers=OTHER).json()["waiting"] == []
    assert door.get("/v1/review?connector=contoso", headers=OTHER).status_code == 404
    assert door.get("/v1/decisions?connector=contoso", headers=OTHER).status_code == 404


def test_long_lists_come_in_pages(door: Door, engine: Engine) -> None:
    engine.directory.add_user("ben")
    for _ in range(2):
        engine.psa.add_contact(first_name="Ben", last_name="Example", email="ben@contoso.com")
    engine.run()
    first = door.get("/v1/review?limit=1", headers=ROBOT).json()
    second = door.get(f"/v1/review?limit=1&offset={first['next_offset']}", headers=ROBOT).json()
    named = [row["user_principal_name"] for page in (first, second) for row in page["waiting"]]
    assert (named, second["next_offset"]) == (["ann@contoso.com", "ben@contoso.com"], None)
