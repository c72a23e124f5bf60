"""`runs` and `report`: which runs are listed, and what is said of a run whose report is gone."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.store import Store, open_store
from tests.fakes.engine import Engine
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit


def ended(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_run_whose_report_is_gone_is_told_with_the_days_that_reports_are_kept(
    stored: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.add("[service.retention]\nreports_days = 30")
    assert ended("config", "apply") == Exit.SUCCESS
    capsys.readouterr()
    assert ended("report", "20261124T020000-contoso-ab12cd") == Exit.USAGE
    said = " ".join(capsys.readouterr().err.split())
    assert "there is no run '20261124T020000-contoso-ab12cd', or it ended too long ago" in said
    assert "kept for 30 days" in said
    assert ended("runs") == Exit.SUCCESS
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "kept for 30 days" in " ".join(shown.err.split())
    assert ended("runs", "--json") == Exit.SUCCESS
    assert capsys.readouterr().out == ""


def test_runs_are_chosen_by_their_end(stored: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("config", "apply") == Exit.SUCCESS
    store = open_store(str(stored.load().service.redis_url.get_secret_value()))  # type: ignore[union-attr]
    good, bad = make_runs(store)
    store.close()
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    capsys.readouterr()

    def listed(*options: str) -> list[str]:
        assert ended("runs", "--json", *options) == Exit.SUCCESS
        return [json.loads(line)["run_id"] for line in capsys.readouterr().out.splitlines()]

    going_on, *others = listed()
    assert others == [bad, good]
    assert listed("--failed") == [bad]
    assert listed("--failed", "--limit", "1", "--connector", "contoso") == [bad]
    assert listed("--failed", "--connector", "fabrikam") == []
    assert listed("--since", "2026-01-01T00:00:00Z") == [going_on, bad, good]
    assert listed("--since", tomorrow) == [going_on]
    assert listed("--failed", "--since", tomorrow) == []
    assert ended("runs", "--since", "yesterday") == Exit.USAGE
    assert "%Y-%m-%d" in capsys.readouterr().err


def make_runs(store: Store) -> tuple[str, str]:
    """Leave one run that ended well, one that did not, and one that waits."""
    engine = Engine(store)
    engine.directory.add_users(1)
    good = engine.run()["run_id"]
    bad = engine.run(user_principal_names=["nobody@contoso.com"])["run_id"]
    engine.request()
    return good, bad
