"""`config apply`, `history` and `rollback` over a real store; no worker is needed."""

import json

import pytest

from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit


@pytest.fixture
def published(stored: Installation) -> Installation:
    """Two published versions: the second has another time zone."""
    ended("apply")
    stored.replace("Europe/Berlin", "Europe/Paris")
    ended("apply")
    return stored


def ended(*arguments: str) -> int:
    try:
        main(["config", *arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def versions(capsys: pytest.CaptureFixture[str]) -> list[int]:
    capsys.readouterr()
    assert ended("history", "--json") == Exit.SUCCESS
    return [json.loads(line)["version"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("published")
def test_rollback_publishes_an_earlier_version_as_the_newest(capsys: pytest.CaptureFixture[str]) -> None:
    assert versions(capsys) == [2, 1]
    assert ended("rollback", "1") == Exit.SUCCESS
    said = capsys.readouterr().err
    assert "version 3 is published: it holds what version 1 held" in said
    assert "contact-sync.toml says other" in said
    assert versions(capsys) == [3, 2, 1]
    assert ended("rollback", "1") == Exit.SUCCESS
    assert "nothing has changed" in capsys.readouterr().err
    assert versions(capsys) == [3, 2, 1]


def test_rollback_to_what_the_file_says_warns_of_nothing(
    published: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    published.replace("Europe/Paris", "Europe/Berlin")
    capsys.readouterr()
    assert ended("rollback", "1") == Exit.SUCCESS
    assert "says other" not in capsys.readouterr().err


@pytest.mark.usefixtures("published")
def test_version_that_was_never_published_is_refused_with_those_that_were(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("rollback", "7") == Exit.USAGE
    assert "there are 1 to 2" in capsys.readouterr().err
    assert versions(capsys) == [2, 1]


@pytest.mark.usefixtures("published")
def test_version_whose_secret_is_gone_is_refused_and_nothing_is_published(
    capsys: pytest.CaptureFixture[str], published: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.replace('env = "CW_PRIVATE"', 'env = "CW_NEW"')
    monkeypatch.setenv("CW_NEW", "another-key")
    assert ended("apply") == Exit.SUCCESS
    monkeypatch.delenv("CW_PRIVATE")
    capsys.readouterr()
    assert ended("rollback", "1") == Exit.USAGE
    assert (
        "configuration version 1: psa.main.private_key: the environment variable CW_PRIVATE" in capsys.readouterr().err
    )
    assert versions(capsys) == [3, 2, 1]
