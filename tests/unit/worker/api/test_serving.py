import asyncio
import socket
import threading
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from tests.fakes.door import Door
from worker.api import punctual
from worker.api.access import Access
from worker.api.punctual import SLOWEST_HEAD_S, PunctualProtocol
from worker.api.serving import config_of, create_api, serve_api
from worker.configuration import ApiSection


def test_process_says_that_it_lives_without_asking_the_store() -> None:
    def unreachable() -> None:
        raise AssertionError("the store was asked")

    answer = Door(create_api(unreachable, unreachable, Access(ApiSection()))).get("/healthz")  # type: ignore[arg-type]
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_address_that_is_taken_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            serve_api(FastAPI(), f"127.0.0.1:{other.getsockname()[1]}")


# --- callers that keep silent -----------------------------------------------------------------------------------------

ASKED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


class Timers:
    """The running loop, but its timers run when the test says so."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_later(self, seconds: float, callback: Any) -> asyncio.TimerHandle:
        """Keep a timer; none of them runs by itself."""
        self._timers.append(asyncio.TimerHandle(seconds, callback, (), self._loop))
        return self._timers[-1]

    def patience(self) -> list[asyncio.TimerHandle]:
        """Those that wait for a head."""
        return [timer for timer in self._timers if timer.when() == SLOWEST_HEAD_S and not timer.cancelled()]


class Wire(asyncio.Transport):
    """A connection without a network."""

    def __init__(self) -> None:
        super().__init__()
        self.written: asyncio.Queue[bytes] = asyncio.Queue()
        self._is_closed = False

    def write(self, data: Any) -> None:
        """Keep what is answered."""
        self.written.put_nowait(bytes(data))

    def close(self) -> None:
        """Be closed."""
        self._is_closed = True

    def is_closing(self) -> bool:
        """Tell whether it is."""
        return self._is_closed


def connected() -> tuple[PunctualProtocol, Timers, Wire]:
    app = create_api(_unused, _unused, Access(ApiSection()))  # type: ignore[arg-type]
    timers, wire = Timers(), Wire()
    protocol = PunctualProtocol(config_of(app), ServerState(), {}, timers)
    protocol.connection_made(wire)
    return protocol, timers, wire


def _unused() -> None:
    raise AssertionError("the store was asked")


@pytest.mark.parametrize("said", [(), (b"GET /heal",), (ASKED,), tuple(bytes([each]) for each in ASKED)])
def test_who_does_not_say_in_time_what_it_wants_is_not_waited_for(said: tuple[bytes, ...]) -> None:
    async def speak() -> None:
        protocol, timers, wire = connected()
        for part in said:
            protocol.data_received(part)
        (timer,) = timers.patience()
        assert not wire.is_closing()
        timer._run()
        assert wire.is_closing()
        assert wire.written.empty()

    asyncio.run(speak())


def test_who_has_asked_is_waited_for_between_two_requests_and_not_in_the_second() -> None:
    async def speak() -> None:
        protocol, timers, wire = connected()
        for _ in range(2):
            protocol.data_received(ASKED)
            assert len(timers.patience()) == 1
            protocol.data_received(b"\r\n")
            while not (await wire.written.get()).endswith(b"ok\n"):
                pass
            assert timers.patience() == []
        protocol.data_received(b"GET /again")
        timers.patience()[0]._run()
        assert wire.is_closing()

    asyncio.run(speak())


def test_silence_ends_a_real_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(punctual, "SLOWEST_HEAD_S", 0.1)
    server = uvicorn.Server(config_of(FastAPI()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with socket.create_connection(listener.getsockname(), timeout=60) as caller:
                assert caller.recv(99) == b""
        finally:
            server.should_exit = True
            thread.join()
