"""One sandbox for the session, set back before each test."""

from collections.abc import Iterator

import pytest

from tests.sandbox.harness import Sandbox, start_process


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    process = start_process(folder)
    sandbox = Sandbox(folder)
    yield sandbox
    sandbox.http.close()
    process.terminate()
    assert process.wait(timeout=10) == 0


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """A sandbox as seeded, without limits."""
    running.reset()
    return running
