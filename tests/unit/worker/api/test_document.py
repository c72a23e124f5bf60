"""What schemathesis asks by the document: every answer is as described there, and nothing crashes."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from adapters.store import open_store
from tasks import watching
from tasks.requesting import request_run
from tests.fakes.engine import Engine
from tests.fakes.valkey import running_valkey
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
    assert seen == 19


def test_document_is_printed_without_a_configuration_or_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["api", "--openapi"])
    assert ended.value.code == 0
    assert "/v1/connectors/{connector}/runs" in json.loads(capsys.readouterr().out)["paths"]
