"""Kinds of PSA are found in whatever packages are installed; one that is broken says which and why."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker.configuration import ConfigurationError, psas
from worker.configuration.psas import GROUP, default_mapping, psa_kinds
from worker.configuration.schema import json_schema

PACKAGE = """
from typing import Literal
from pydantic import Field
from worker.configuration import PsaKind, PsaSection

class TinyPsa(PsaSection):
    kind: Literal["tiny"] = Field(description="The vendor.")
    place: str = Field(description="Where it is.")

KIND = PsaKind(settings=TinyPsa, build=print, default_mapping={}, identity=(), addresses=(), calls_per_minute=60.0)
"""

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with one entry point beside the installed ones."""

    def put(line: str, source: str) -> None:
        facts = tmp_path / "tiny_psa-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-psa\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[{GROUP}]\n{line}\n")
        (tmp_path / "tiny_psa.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        psas._found.cache_clear()

    yield put
    sys.modules.pop("tiny_psa", None)
    monkeypatch.undo()
    psas._found.cache_clear()


def test_our_own_kinds_come_by_the_same_door() -> None:
    assert list(psa_kinds()) == ["autotask", "connectwise", "halo"]
    assert "department" not in default_mapping("autotask")
    assert "department" in default_mapping("halo")


def test_another_package_adds_a_kind_and_its_keys(install: Install) -> None:
    install("tiny = tiny_psa:KIND", PACKAGE)
    assert "tiny" in psa_kinds()
    assert set(json_schema()["$defs"]["TinyPsa"]["properties"]) >= {"kind", "place", "requests_per_minute"}


@pytest.mark.parametrize(
    ("line", "source", "reason"),
    [
        ("tiny = tiny_psa:KIND", "import nowhere_to_be_found", "cannot be loaded: ModuleNotFoundError"),
        ("tiny = tiny_psa:NONE", PACKAGE, "cannot be loaded: AttributeError"),
        ("tiny = tiny_psa:TinyPsa", PACKAGE, "is no PsaKind"),
        ("other = tiny_psa:KIND", PACKAGE, 'must say kind: Literal["other"]'),
        ("halo = tiny_psa:KIND", PACKAGE, "is named by two packages"),
    ],
)
def test_package_that_does_not_fit_is_named_with_the_reason(
    install: Install, line: str, source: str, reason: str
) -> None:
    install(line, source)
    with pytest.raises(ConfigurationError) as caught:
        psa_kinds()
    [problem] = caught.value.problems
    assert reason in problem.reason
    assert problem.key == f"{GROUP}.{line.split(maxsplit=1)[0]}"


def test_installation_older_than_the_code_says_what_to_do(monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    monkeypatch.setattr(psas, "entry_points", lambda group: ())
    psas._found.cache_clear()
    with pytest.raises(ConfigurationError) as caught:
        psa_kinds()
    assert "install it again" in caught.value.problems[0].reason
