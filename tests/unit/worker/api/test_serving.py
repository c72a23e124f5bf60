import socket

import pytest
from fastapi import FastAPI

from tests.fakes.door import Door
from worker.api.access import Access
from worker.api.serving import create_api, serve_api
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
