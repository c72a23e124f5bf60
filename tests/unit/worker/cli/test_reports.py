"""`runs` and `report` of a run whose report is gone."""

import pytest

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
