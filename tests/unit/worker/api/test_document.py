"""What schemathesis asks by the document: every answer is as described there, and nothing crashes."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from adapters.store import Store, open_store
from tasks.alerting import watching
from tasks.requesting import request_run
from tests.fakes.door import Door
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey
from worker.api import examples
from worker.api.access import Access
from worker.api.serving import create_api
from worker.cli import main
from worker.configuration import ApiSection

TOKEN = "robot-token-0123456789"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


BOUNDED = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_every_answer_is_as_described_and_nothing_crashes() -> None:
    with running_valkey() as server:
        store = open_store(server.url)
        engine = Engine(store)
        engine.directory.add_users(1)
        request_run(engine.ports, "contoso", {}, trigger="cli", keeps_plan=True)
        engine.work()
        access = Access(ApiSection.model_validate({"tokens": {"robot": {"token": TOKEN, "allow": "approve"}}}))
        document = schemathesis.openapi.from_asgi(
            "/openapi.json", create_api(lambda: engine.ports, lambda: store, access)
        )
        seen = 0
        for operation in document.get_all_operations():
            assert isinstance(operation, Ok)

            @BOUNDED
            @given(case=operation.ok().as_strategy())
            def answers_as_described(case: Any) -> None:
                store.presence.beat()
                watching.ping(engine.ports)
                case.call_and_validate(headers=HEADERS)

            answers_as_described()
            seen += 1
        store.close()
    assert seen == 24


def test_examples_look_like_the_answers(store: Store) -> None:
    engine = Engine(store)
    engine.directory.add_users(1)
    door = Door(create_api(lambda: engine.ports, lambda: store, Access(ApiSection(), is_open=True)))
    made = door.post("/v1/connectors/contoso/runs", json={}).json()
    assert made.keys() == examples.MADE.keys()
    runs = door.get("/v1/runs").json()
    assert (runs.keys(), runs["open"][0].keys()) == (examples.RUNS.keys(), examples.RUNS["open"][0].keys())
    engine.work()
    report = door.get(made["location"]).json()
    assert examples.REPORT.keys() <= report.keys()
    assert examples.REPORT["statistics"].keys() == report["statistics"].keys()
    assert examples.REPORT["updated_contacts"][0].keys() - {"changed_fields"} <= report["created_contacts"][0].keys()
    assert door.post(f"{made['location']}/cancel").json().keys() == examples.CANCELLED.keys()
    (connector,) = door.get("/v1/connectors").json()["connectors"]
    assert connector.keys() == examples.CONNECTORS["connectors"][0].keys()
    assert door.get("/readyz").json().keys() == examples.READY.keys()
    assert examples.METRICS.partition("{")[0] in door.get("/metrics").text


def test_every_call_has_an_example() -> None:
    document = create_api(_unused, _unused, Access(ApiSection())).openapi()  # type: ignore[arg-type]
    without = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, call in methods.items()
        if '"example"' not in json.dumps(call)
    ]
    files = [call for call in without if call.endswith((".csv", ".html"))]
    assert sorted(without) == sorted([*files, "get /healthz"])


def _unused() -> None:
    raise AssertionError("a document needs no store")


def test_document_is_printed_without_a_configuration_or_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["api", "--openapi"])
    assert ended.value.code == 0
    assert "/v1/connectors/{connector}/runs" in json.loads(capsys.readouterr().out)["paths"]
