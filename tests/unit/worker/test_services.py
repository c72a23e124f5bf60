import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.worker.conftest import Installation
from worker.cli.service import where_things_are
from worker.installation import Installation as Running
from worker.installation import _children, wait_until_listening
from worker.services import ALL_QUEUES, CONTROL_QUEUES, api_service, beat_service, flower_service, worker_service


def option(command: tuple[str, ...], name: str) -> str:
    return command[command.index(name) + 1]


def test_worker_takes_its_size_from_the_configuration(installation: Installation) -> None:
    installation.add('[service.workers]\npool = "prefork"\nthreads = 7')
    command = worker_service(installation.load(), name="worker-1").command
    assert option(command, "--pool") == "prefork"
    assert option(command, "--slots") == "7"
    assert option(command, "--queues") == "targeted,control,upsert"
    assert option(command, "--name") == "worker-1@%h"


def test_control_worker_takes_no_bulk_work(installation: Installation) -> None:
    command = worker_service(installation.load(), queues=CONTROL_QUEUES, pool="threads", slots=8).command
    assert set(option(command, "--queues").split(",")) == set(ALL_QUEUES) - {"upsert"}


def test_every_service_uses_the_same_configuration_file(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONTACT_SYNC_CONFIG", "/somewhere/else.toml")
    monkeypatch.setenv("GRAPH_SECRET", "kept")
    settings = installation.load()
    for service in (worker_service(settings), beat_service(settings), flower_service(settings), api_service(settings)):
        assert service.environment["CONTACT_SYNC_CONFIG"] == str(tmp_path / "contact-sync.toml")
        assert service.environment["GRAPH_SECRET"] == "kept"


def test_worker_keeps_few_arenas_unless_told_otherwise(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installation.load()
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert worker_service(settings).environment["MALLOC_ARENA_MAX"] == "2"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert worker_service(settings).environment["MALLOC_ARENA_MAX"] == "8"


def test_no_secret_stands_in_a_command_line(installation: Installation) -> None:
    settings = installation.load()
    for service in (worker_service(settings), beat_service(settings), flower_service(settings), api_service(settings)):
        shown = " ".join(service.command)
        assert not any(secret in shown for secret in installation.environment.values())


def test_up_runs_the_api_where_somebody_may_call_it(installation: Installation) -> None:
    installation.replace("[service]", '[api.tokens.robot]\ntoken = { env = "GRAPH_SECRET" }\n\n[service]')
    assert "api" in {child.name for child in _children(installation.load())}


def test_up_runs_the_api_where_graph_is_to_reach_it(installation: Installation) -> None:
    assert "api" not in {child.name for child in _children(installation.load())}
    installation.replace("[service]", '[service]\npublic_url = "https://sync.msp.com"')
    assert "api" in {child.name for child in _children(installation.load())}


def test_up_starts_the_api_before_beat_asks_graph_to_call_it(installation: Installation) -> None:
    installation.replace("[service]", '[service]\npublic_url = "https://sync.msp.com"')
    names = [child.name for child in _children(installation.load())]
    assert names[-2:] == ["api", "beat"]
    assert len(names) == len(set(names))


def test_whoever_listens_is_found_and_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert wait_until_listening(f"127.0.0.1:{port}", timeout_s=60)
    assert not wait_until_listening(f"127.0.0.1:{port}", timeout_s=0.1)


def test_api_that_comes_up_later_is_waited_for() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        later = threading.Timer(0.2, server.listen)
        later.start()
        assert wait_until_listening(f"127.0.0.1:{server.getsockname()[1]}", timeout_s=60)
        later.join()


def test_up_says_where_the_api_is_and_whom_it_answers(installation: Installation) -> None:
    def told() -> list[str]:
        nothing: Any = None  # of store and children nothing is told
        running = Running(installation.load(), nothing, 1, nothing)
        return [line for line in where_things_are(running) if line.startswith("API")]

    assert told() == []
    installation.add('[api.tokens.robot]\ntoken = { env = "GRAPH_SECRET" }')
    assert told() == ["API            http://127.0.0.1:8080 (tokens: robot)"]
    installation.replace("[service]", '[service]\npublic_url = "https://sync.msp.com"')
    assert told() == ["API            http://127.0.0.1:8080 (tokens: robot; Microsoft Graph)"]
