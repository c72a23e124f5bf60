"""How these tests share: those of a module's installation stay together; a process of tests has one nursery; all
commands hear Ctrl-C, as in a terminal."""

import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

from tests.integration.processes import Nursery
from tests.integration.stack import Stack

SHARED = ('scope="module"', 'scope="package"', 'scope="session"')


LONG = ("test_production_times.py",)
nursery = Nursery()


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist says nothing of its types here
    """Hands each test out by itself, but those of a file that shares an installation as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if shares(Path(self.config.rootpath) / file) else nodeid


@cache
def shares(file: Path) -> bool:
    """Tell whether the tests of a file share an installation."""
    text = file.read_text(encoding="utf-8")
    return any(scope in text for scope in SHARED)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: nothing else is left to do while the last of them waits."""
    items.sort(key=lambda item: 0 if item.path.name in LONG else 1 if shares(item.path) else 2)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    config.option.loadscopereorder = False  # they are in order
    return Together(config, log)


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we are a shell's background job, and our children would be
        signal.signal(signal.SIGINT, signal.default_int_handler)
    Stack.starter = nursery


def pytest_unconfigure() -> None:
    nursery.close()
