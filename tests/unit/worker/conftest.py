"""A configuration folder to write files into, and the environment that its secrets stand in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.worker.installation import ENVIRONMENT, MAIN
from worker.configuration import ConfigurationError, Problem, Settings, load
from worker.settings import BUILT_IN


class Installation:
    """A folder with contact-sync.toml, and what comes of loading it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "contact-sync.toml"
        self.environment = dict(ENVIRONMENT)
        self.write(MAIN)

    def write(self, text: str, name: str = "contact-sync.toml") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def add(self, text: str) -> None:
        self.path.write_text(self.path.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")

    def replace(self, old: str, new: str) -> None:
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")

    def load(self) -> Settings:
        return load(self.path, environment=self.environment, built_in=BUILT_IN)

    def problems(self) -> tuple[Problem, ...]:
        with pytest.raises(ConfigurationError) as refused:
            self.load()
        return refused.value.problems

    def problem(self) -> Problem:
        problems = self.problems()
        assert len(problems) == 1, problems
        return problems[0]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture
def refuse(installation: Installation) -> Callable[[str], Problem]:
    """Add this text to a good configuration and return the one problem that it makes."""

    def refuse(text: str) -> Problem:
        installation.add(text)
        return installation.problem()

    return refuse
