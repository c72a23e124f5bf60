"""`config apply`, `history` and `rollback` over a real store; no worker is needed."""

import json
from collections.abc import Iterator
from itertools import count

import pytest

from tests.fakes.valkey import running_valkey
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit

DATABASES = count()  # one a test; the server has sixteen


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_valkey() as valkey:
        yield valkey.url.removesuffix("/0")


@pytest.fixture
def published(installation: Installation, server: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Two published versions: the second has another time zone."""
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONTACT_SYNC_CONFIG", str(installation.path))
    installation.replace("[service]", f'[service]\nredis_url = "{server}/{next(DATABASES)}"')
    ended("apply")
    installation.replace("Europe/Berlin", "Europe/Paris")
    ended("apply")
    return installation


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
