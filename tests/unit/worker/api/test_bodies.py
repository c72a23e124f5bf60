"""What both doors do with a body before anybody reads it: the one for callers with a token, and Graph's."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes.door import Door
from tests.fakes.engine import Engine
from tests.unit.worker.api.test_runs import PATH, ROBOT, door, engine
from worker.api import bodies
from worker.compose import NOTIFICATIONS_PATH

__all__ = ["door", "engine"]
DOORS = [PATH, NOTIFICATIONS_PATH]


async def drip() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.sleep(30)
    yield b"}"


@pytest.fixture(autouse=True)
def address(engine: Engine) -> None:
    engine.open_address()


@pytest.mark.parametrize("path", DOORS)
def test_body_that_does_not_come_is_not_waited_for(
    door: Door, engine: Engine, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "SLOWEST_BODY_S", 0.05)
    answer = door.post(path, headers=ROBOT, content=drip())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert answer.json()["detail"] == "the body did not come within 0.05 s"
    assert engine.queue.sent == []


@pytest.mark.parametrize("path", DOORS)
def test_length_beside_chunks_is_refused(door: Door, engine: Engine, path: str) -> None:
    both = {"Content-Length": "2", "Transfer-Encoding": "chunked"}
    answer = door.post(path, headers={**ROBOT, **both}, content=b"{}")
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")
    assert engine.queue.sent == []
