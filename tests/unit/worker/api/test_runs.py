"""Runs over HTTP, from the request to the report, over a real store."""

import io
import json
import threading
from collections.abc import Callable
from typing import IO, Any

import pytest

from adapters.errors import InstanceError
from adapters.records import RunState
from adapters.store import Store
from tasks.alerting import watching
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from worker.api.access import Access
from worker.api.bodies import MOST_BYTES
from worker.api.serving import create_api
from worker.configuration import ApiSection
from worker.reporting import write_csv_report, write_html_report

PATH = "/v1/connectors/contoso/runs"
TOKENS = {
    "robot": {"token": "robot-token-0123456789"},
    "reader": {"token": "reader-token-0123456789", "allow": "read"},
    "other": {"token": "other-token-0123456789", "connectors": ("fabrikam",)},
}
ROBOT = {"Authorization": "Bearer robot-token-0123456789"}
READER = {"Authorization": "Bearer reader-token-0123456789"}
OTHER = {"Authorization": "Bearer other-token-0123456789"}


@pytest.fixture
def engine(store: Store) -> Engine:
    engine = Engine(store)
    engine.directory.add_users(9)
    return engine


@pytest.fixture
def door(engine: Engine) -> Door:
    access = Access(ApiSection.model_validate({"tokens": TOKENS}))
    return Door(create_api(lambda: engine.ports, lambda: engine.store, access))


def start(door: Door, **inputs: Any) -> str:
    answer = door.post(PATH, headers=ROBOT, json=inputs)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/runs/{answer.json()['run_id']}"
    return str(answer.json()["run_id"])


def test_run_is_requested_watched_and_reported(door: Door, engine: Engine) -> None:
    run_id = start(door, sync_mode="full")
    going_on = door.get(f"/v1/runs/{run_id}", headers=READER).json()
    assert (going_on["state"], going_on["trigger"]) == ("requested", "api")
    assert [row["run_id"] for row in door.get("/v1/runs", headers=READER).json()["open"]] == [run_id]
    engine.work()
    report = door.get(f"/v1/runs/{run_id}", headers=READER).json()
    assert report == engine.report(run_id)
    assert report["statistics"]["contacts_created"] == 9


@pytest.mark.parametrize(("name", "write"), [("csv", write_csv_report), ("html", write_html_report)])
def test_report_of_a_closed_run_is_exported_as_a_file(
    door: Door, engine: Engine, name: str, write: Callable[[Store, str, IO[str]], bool]
) -> None:
    run_id = start(door, sync_mode="full")
    path = f"/v1/runs/{run_id}/report.{name}"
    early = door.get(path, headers=READER)
    assert (early.status_code, early.headers["content-type"]) == (409, "application/problem+json")
    assert "goes on" in early.json()["detail"]
    engine.work()
    answer, expected = door.get(path, headers=READER), io.StringIO(newline="")
    assert write(engine.store, run_id, expected)
    assert (answer.status_code, answer.content.decode()) == (200, expected.getvalue())
    assert answer.headers["content-type"].startswith(f"text/{name}; charset=utf-8")
    assert answer.headers["content-disposition"] == f'attachment; filename="contoso-{run_id}.{name}"'
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["csv", "html"])
def test_exported_report_is_not_there_for_other_tokens_and_unknown_runs(door: Door, engine: Engine, name: str) -> None:
    run_id = start(door)
    for closed in (False, True):
        if closed:
            engine.work()
        for asked, headers in ((run_id, OTHER), ("unknown", READER)):
            answer = door.get(f"/v1/runs/{asked}/report.{name}", headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert door.get(f"/v1/runs/{run_id}/report.{name}").status_code == 401


def test_one_key_sent_by_many_at_once_is_one_run(door: Door, engine: Engine) -> None:
    headers = {**ROBOT, "Idempotency-Key": "ticket-4711"}
    together, ids = threading.Barrier(8), []

    def send() -> None:
        together.wait()
        ids.append(door.post(PATH, headers=headers, json={"sync_mode": "full"}).json()["run_id"])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1
    assert [run.run_id for run in engine.store.reports.open_runs()] == ids[:1]


def test_same_key_is_the_same_run_and_other_inputs_are_refused(door: Door, engine: Engine) -> None:
    headers = {**ROBOT, "Idempotency-Key": "nightly-1"}
    first, again = (door.post(PATH, headers=headers, json={"dry_run": True}).json() for _ in range(2))
    assert first == again
    engine.work()
    assert door.post(PATH, headers=headers, json={"dry_run": True}).json() == first
    refused = door.post(PATH, headers=headers, json={"dry_run": False})
    assert refused.status_code == 409
    assert "Idempotency-Key" in refused.json()["detail"]
    assert len(engine.store.reports.heads()) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"sync_mod": "full"}', (422, "sync_mod")),
        ('{"dry_run": "yes"}', (422, "dry_run")),
        ('{"user_principal_names": [7]}', (422, "user_principal_names")),
        ('{"dry_run": true, "dry_run": false}', (422, "twice")),
        ("[" * 100_000, (422, "JSON")),
        ('{"company_id": ' + "9" * 10_000 + "}", (422, "body")),
        ('{"company_id": NaN}', (422, "JSON")),
        ("[]", (422, "body")),
        (b'{"company_id": "\xff"}', (422, "JSON")),
        (b" " * (MOST_BYTES + 1), (413, "bytes")),
        ([b" " * MOST_BYTES, b" "], (413, "bytes")),
    ],
)
def test_what_is_not_specified_is_refused_and_nothing_runs(
    door: Door, engine: Engine, body: Any, expected: tuple[int, str]
) -> None:
    answer = door.post(PATH, headers={**ROBOT, "Content-Type": "application/json"}, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (expected[0], "application/problem+json")
    assert expected[1] in answer.json()["detail"]
    assert engine.store.reports.open_runs() == []


def test_other_content_type_is_refused(door: Door) -> None:
    assert door.post(PATH, headers={**ROBOT, "Content-Type": "text/plain"}, content="{}").status_code == 415


@pytest.mark.parametrize("name", ["fabrikam", "..%2Fcontoso", "a%3Ab", "%00", "x" * 200])
def test_unknown_connector_is_not_found(door: Door, engine: Engine, name: str) -> None:
    answer = door.post(f"/v1/connectors/{name}/runs", headers=ROBOT, json={})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert engine.store.reports.open_runs() == []


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic cm9ib3Q="}])
def test_nobody_enters_without_a_token(door: Door, engine: Engine, header: dict[str, str]) -> None:
    for path in ("/v1/runs", "/v1/runs/r", "/v1/connectors", "/readyz"):
        assert door.get(path, headers=header).status_code == 401
    assert door.post(PATH, headers=header, json={}).status_code == 401
    assert engine.store.reports.open_runs() == []


def test_reader_starts_and_cancels_nothing(door: Door) -> None:
    run_id = start(door)
    assert door.post(PATH, headers=READER, json={}).status_code == 403
    assert door.post(f"/v1/runs/{run_id}/cancel", headers=READER).status_code == 403


def test_restricted_token_sees_its_connectors_only(door: Door, engine: Engine) -> None:
    run_id = start(door)
    engine.work()
    start(door)
    assert door.post(PATH, headers=OTHER, json={}).status_code == 404
    assert door.get(f"/v1/runs/{run_id}", headers=OTHER).status_code == 404
    assert door.post(f"/v1/runs/{run_id}/cancel", headers=OTHER).status_code == 404
    assert door.get("/v1/runs?connector=contoso", headers=OTHER).status_code == 404
    assert door.get("/v1/runs", headers=OTHER).json() == {"open": [], "closed": [], "next_offset": None}
    assert door.get("/v1/connectors", headers=OTHER).json() == {"connectors": []}


def test_closed_runs_are_paged(door: Door, engine: Engine) -> None:
    ids = []
    for _ in range(3):
        ids.append(start(door, dry_run=True))
        engine.work()
    first = door.get("/v1/runs?limit=2", headers=READER).json()
    assert ([row["run_id"] for row in first["closed"]], first["next_offset"]) == (ids[:0:-1], 2)
    last = door.get("/v1/runs?limit=2&offset=2", headers=READER).json()
    assert ([row["run_id"] for row in last["closed"]], last["next_offset"]) == (ids[:1], None)


@pytest.mark.parametrize("step", ["start_run", "fan_out", "judge", "feed"])
def test_cancelled_run_is_closed_in_each_state_and_the_next_one_does_it_all(
    door: Door, engine: Engine, step: str
) -> None:
    run_id = start(door, sync_mode="full")
    engine.work(until=step)
    for _ in range(2):
        answer = door.post(f"/v1/runs/{run_id}/cancel", headers=ROBOT)
        assert (answer.status_code, answer.json()["run_id"]) == (202, run_id)
    engine.work()
    report = engine.report(run_id)
    assert (report["success"], report["stopped"], report["errors"]) == (False, "cancelled", [])
    assert len(report["users_unprocessed"]) == (9 if step == "feed" else 0)
    assert engine.store.memory.watermark("contoso") is None
    assert engine.run()["statistics"]["contacts_created"] == 9


def test_cancelling_lets_users_in_flight_end(door: Door, engine: Engine) -> None:
    run_id = start(door, sync_mode="full")
    engine.with_timing(most_in_flight=4)
    engine.work(until="upsert")
    run = engine.store.runs.load_run(run_id)
    assert run is not None
    assert run.state is RunState.WRITING
    assert door.post(f"/v1/runs/{run_id}/cancel", headers=ROBOT).json()["state"] == "cancelling"
    engine.work()
    report = engine.recover(run_id)
    assert report["stopped"] == "cancelled"
    done = report["statistics"]["users_processed"]
    assert done + len(report["users_unprocessed"]) == 9
    assert engine.store.memory.watermark("contoso") is None


def test_connectors_stand_as_in_status_and_nobody_works_yet(door: Door, engine: Engine) -> None:
    start(door)
    engine.work()
    (row,) = door.get("/v1/connectors", headers=READER).json()["connectors"]
    assert (row["connector_id"], row["standing"], row["success"]) == ("contoso", "fine", True)
    unseen = door.get("/readyz", headers=READER)
    assert (unseen.status_code, unseen.json()["beat"]) == (503, False)
    watching.ping(engine.ports)
    ready = door.get("/readyz", headers=READER)
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "broker": True, "workers": True, "beat": True})
    engine.store.presence.leave()
    answer = door.get("/readyz", headers=READER)
    assert (answer.status_code, answer.json()["workers"]) == (503, False)


def test_run_of_one_user_that_ends_well_hides_nobody_whom_an_earlier_one_left(door: Door, engine: Engine) -> None:
    engine.psa.refuse("create_contact", times=1)
    start(door, sync_mode="full")
    engine.work()
    written = next(iter(engine.psa.contacts.values())).emails[0]
    report = engine.report(start_and_work(door, engine, user_principal_names=[written]))
    (row,) = door.get("/v1/connectors", headers=READER).json()["connectors"]
    assert (report["success"], row["success"], row["standing"], row["unfinished"]) == (True, True, "errors", 1)
    start_and_work(door, engine)
    (row,) = door.get("/v1/connectors", headers=READER).json()["connectors"]
    assert (row["standing"], row["unfinished"]) == ("fine", 0)


def test_run_of_one_user_that_ends_well_hides_no_failed_run_over_the_whole_tenant(door: Door, engine: Engine) -> None:
    start_and_work(door, engine, sync_mode="full")
    name = next(iter(engine.directory.users.values())).user_principal_name
    engine.psa.fail("fetch_company", InstanceError("unauthorized", vendor="connectwise", status=401), times=9)
    start_and_work(door, engine, sync_mode="full")
    engine.psa.heal()
    report = engine.report(start_and_work(door, engine, user_principal_names=[name]))
    (row,) = door.get("/v1/connectors", headers=READER).json()["connectors"]
    assert (report["success"], row["standing"]) == (True, "failed")
    run_id = start(door)
    door.post(f"/v1/runs/{run_id}/cancel", headers=ROBOT)
    engine.work()
    start_and_work(door, engine, dry_run=True)
    (row,) = door.get("/v1/connectors", headers=READER).json()["connectors"]
    assert row["standing"] == "failed"
    start_and_work(door, engine)
    (row,) = door.get("/v1/connectors", headers=READER).json()["connectors"]
    assert row["standing"] == "fine"


def start_and_work(door: Door, engine: Engine, **inputs: Any) -> str:
    run_id = start(door, **inputs)
    engine.work()
    return run_id


def test_run_whose_report_is_gone_is_told_as_such(door: Door, engine: Engine) -> None:
    run_id = start(door)
    engine.work()
    assert door.get(f"/v1/runs/{run_id}", headers=READER).status_code == 200
    assert engine.store.reports.purge(older_than_ms=engine.store.runs.now_ms() + 1) == 1
    answer = door.get(f"/v1/runs/{run_id}", headers=READER)
    assert answer.status_code == 404
    assert "its report is not kept any more" in answer.text
    assert run_id not in door.get("/v1/runs", headers=READER).text


@pytest.mark.parametrize(
    ("dispatch_s", "silent_s", "status"), [(60, 200, 200), (60, 301, 503), (600, 1700, 200), (600, 1801, 503)]
)
def test_beat_is_missed_after_three_of_its_rounds_and_five_minutes(
    door: Door, engine: Engine, *, dispatch_s: float, silent_s: int, status: int
) -> None:
    engine.with_timing(dispatch_s=dispatch_s)
    engine.store.presence.beat()
    seen_ms = engine.store.runs.now_ms() - silent_s * 1000
    engine.store.connection.client.set(engine.store.connection.keys.beat_seen, seen_ms)
    answer = door.get("/readyz", headers=READER)
    assert (answer.status_code, answer.json()["beat"]) == (status, status == 200)
    assert (answer.json()["ready"], answer.json()["workers"]) == (status == 200, True)


def test_document_describes_the_inputs(door: Door) -> None:
    document = door.get("/openapi.json").json()
    body = document["paths"]["/v1/connectors/{connector}/runs"]["post"]["requestBody"]["content"]["application/json"]
    assert len(body["schema"]["properties"]) == 8
    assert "robot-token" not in json.dumps(document)


def test_unknown_path_and_method_are_problems_too(door: Door) -> None:
    for answer, status in ((door.get("/v2"), 404), (door.get("/metrics/"), 404), (door.get("/v1/runs/r/cancel"), 405)):
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
