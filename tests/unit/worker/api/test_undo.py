"""Undoing over HTTP, from the request to the contacts, over a real store."""

import pytest

from adapters.store import Store
from tests.fakes.door import CHIEF, OTHER, ROBOT, Door, door_of
from tests.fakes.engine import Engine
from worker.api import undo


@pytest.fixture
def engine(store: Store) -> Engine:
    engine = Engine(store)
    for name in ("ann", "bob"):
        engine.directory.add_user(name)
    return engine


@pytest.fixture
def door(engine: Engine) -> Door:
    return door_of(engine)


def active(engine: Engine) -> list[str]:
    return sorted(contact.fields["first_name"] for contact in engine.psa.contacts.values() if contact.active)


def test_run_is_undone_first_dry_then_for_one_user_then_for_all(door: Door, engine: Engine) -> None:
    path = f"/v1/runs/{engine.run(sync_mode='full')['run_id']}/undo"
    one = {"user_principal_names": ["ann@contoso.com"]}
    left = []
    for inputs in ({"dry_run": True}, one, None):
        answer = door.post(path, headers=CHIEF, json=inputs) if inputs else door.post(path, headers=CHIEF)
        assert answer.status_code == 202, answer.text
        assert answer.json().keys() == undo.UNDOES.keys()
        engine.work()
        report = door.get(answer.headers["location"], headers=CHIEF).json()
        assert report["undoes"] == answer.json()["undoes"]
        left.append(active(engine))
    assert left == [["Ann", "Bob"], ["Bob"], []]


def test_same_key_names_the_same_undo_and_nothing_else(door: Door, engine: Engine) -> None:
    path, headers = f"/v1/runs/{engine.run(sync_mode='full')['run_id']}/undo", {**CHIEF, "Idempotency-Key": "ticket-1"}
    first, again = door.post(path, headers=headers), door.post(path, headers=headers)
    assert first.json() == again.json()
    assert door.post(path, headers=headers, json={"dry_run": True}).status_code == 409


def test_only_who_may_approve_undoes_and_only_what_it_sees(door: Door, engine: Engine) -> None:
    path = f"/v1/runs/{engine.run(sync_mode='full')['run_id']}/undo"
    assert [door.post(path, headers=headers).status_code for headers in (ROBOT, {}, OTHER)] == [403, 401, 404]
    assert door.post("/v1/runs/nobody/undo", headers=CHIEF).status_code == 404
    engine.work()
    assert active(engine) == ["Ann", "Bob"]


def test_what_cannot_be_undone_is_refused_with_the_reason(door: Door, engine: Engine) -> None:
    dry, done = engine.run(sync_mode="full", dry_run=True)["run_id"], engine.run(sync_mode="full")["run_id"]
    going_on = engine.request()
    assert "dry run" in door.post(f"/v1/runs/{dry}/undo", headers=CHIEF).json()["detail"]
    assert "going on" in door.post(f"/v1/runs/{going_on}/undo", headers=CHIEF).json()["detail"]
    for inputs in ({"sync_mode": "full"}, {"user_principal_names": [" "]}, {"dry_run": "yes"}):
        assert door.post(f"/v1/runs/{done}/undo", headers=CHIEF, json=inputs).status_code == 422
    engine.store.journal.purge(older_than_ms=engine.store.runs.now_ms() + 1)
    refused = door.post(f"/v1/runs/{done}/undo", headers=CHIEF)
    assert (refused.status_code, "journal_days" in refused.json()["detail"]) == (409, True)
