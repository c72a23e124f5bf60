"""How these tests share: those of a module's installation stay together; a process of tests has one nursery; all
commands hear Ctrl-C, as in a terminal."""

import signal
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

from tests.integration.processes import Nursery
from tests.integration.stack import Stack

SHARED = ('scope="module"', 'scope="package"', 'scope="session"')


nursery = Nursery()


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist says nothing of its types here
    """Hands each test out by itself, but those of a file that shares an installation as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        text = (Path(self.config.rootpath) / file).read_text(encoding="utf-8")
        return file if any(scope in text for scope in SHARED) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we are a shell's background job, and our children would be
        signal.signal(signal.SIGINT, signal.default_int_handler)
    Stack.starter = nursery


def pytest_unconfigure() -> None:
    nursery.close()
