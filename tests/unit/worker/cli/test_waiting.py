"""A run that waits for its turn says so wherever it is looked at."""

import json
from contextlib import closing

import pytest

from adapters.records import Run
from adapters.store import Store
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.compose import open_store


def request(store: Store, run_id: str, *, at_ms: int) -> None:
    run = Run(
        run_id=run_id,
        connector_id=run_id,
        instance="main",
        lane="bulk",
        trigger="cli",
        request={},
        requested_at_ms=at_ms,
    )
    assert store.runs.request_run(run)
    store.runs.begin_reading(run_id, mode="full", config_version=1, exclusive=True, most=1)


def call(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code


@pytest.fixture
def crowded(stored: Installation) -> Installation:
    with closing(open_store(stored.load())) as store:
        for at_ms, run_id in enumerate(("first", "second", "third"), start=1):
            request(store, run_id, at_ms=at_ms)
    return stored


@pytest.mark.usefixtures("crowded")
def test_runs_lists_who_waits_and_at_which_place(capsys: pytest.CaptureFixture[str]) -> None:
    call(["runs", "--json"])
    rows = {row["run_id"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["first"]["state"] == "reading"
    assert [rows[name]["state"] for name in ("second", "third")] == ["requested", "requested"]
    assert rows["third"]["waits_for"] == "its turn at main, place 2"
    call(["runs"])
    assert "requested, waits for its turn at main, place 1" in capsys.readouterr().out


@pytest.mark.usefixtures("crowded")
def test_report_of_a_run_that_waits_says_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    call(["report", "second"])
    assert "its turn at main, place 1" in capsys.readouterr().out
