"""A client that knocks at an ASGI application in this process, one request at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx

from tests.fakes.engine import Engine
from worker.api.access import Access
from worker.api.serving import create_api
from worker.configuration import ApiSection

TOKENS = {
    "chief": {"token": "chief-token-0123456789", "allow": "approve"},
    "robot": {"token": "robot-token-0123456789"},
    "other": {"token": "other-token-0123456789", "allow": "approve", "connectors": ("fabrikam",)},
}
CHIEF = {"Authorization": "Bearer chief-token-0123456789"}
ROBOT = {"Authorization": "Bearer robot-token-0123456789"}
OTHER = {"Authorization": "Bearer other-token-0123456789"}


class Door:
    """The methods of HTTP as httpx has them; `content` may come in parts, whose length is not told, or slowly."""

    def __init__(self, app: Any) -> None:
        """Take the application; it is not started."""
        self._transport = httpx.ASGITransport(app)

    def post(self, path: str, **request: Any) -> httpx.Response:
        """Send a POST."""
        return asyncio.run(self._send("POST", path, **request))

    def get(self, path: str, **request: Any) -> httpx.Response:
        """Send a GET."""
        return asyncio.run(self._send("GET", path, **request))

    def put(self, path: str, **request: Any) -> httpx.Response:
        """Send a PUT."""
        return asyncio.run(self._send("PUT", path, **request))

    def delete(self, path: str, **request: Any) -> httpx.Response:
        """Send a DELETE."""
        return asyncio.run(self._send("DELETE", path, **request))

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        content = request.get("content")
        if content is not None and not isinstance(content, bytes | str | AsyncIterator):
            request["content"] = _in_parts(content)
        async with httpx.AsyncClient(transport=self._transport, base_url="http://door") as client:
            return await client.request(method, path, **request)


async def _in_parts(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def door_of(engine: Engine) -> Door:
    """Open the API over an engine, to callers with these tokens."""
    access = Access(ApiSection.model_validate({"tokens": TOKENS}))
    return Door(create_api(lambda: engine.ports, lambda: engine.store, access))
