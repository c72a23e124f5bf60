"""The ASGI application: finds the vendor, acts out faults around its answer, counts.

Plain ASGI, because every request of every test passes here, and faults need the connection itself."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from ops.sandbox.control import PREFIX, Control
from ops.sandbox.faults import IN_HANDLER
from ops.sandbox.http import Answer, Headers, Json, Request, html_answer, json_answer
from ops.sandbox.vendor import Vendor
from ops.sandbox.world import World

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_LOST = 0  # the status under which a connection closed without answer is counted


class Application:
    """Serves one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._control = Control(world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = await _read(scope, receive)
        if request.path.startswith(PREFIX):
            await _send(send, self._control.respond(request))
            return
        vendor = self._world.vendor_for(request.path)
        if vendor is None:
            await _send(send, html_answer(404, "Not found"))
            return
        counters = self._world.counters
        counters.enter(vendor.name)
        try:
            status = await self._serve(vendor, request, send)
        finally:
            counters.leave(vendor.name)
        counters.count(vendor.name, request.method, endpoint=vendor.endpoint(request), status=status)

    async def _serve(self, vendor: Vendor, request: Request, send: Send) -> int:
        with vendor.place(request) as slowed_s:
            return await self._serve_in_place(vendor, request, send, slowed_s=slowed_s)

    async def _serve_in_place(self, vendor: Vendor, request: Request, send: Send, *, slowed_s: float) -> int:
        fault = self._world.faults.pick(vendor.name, request, vendor.tenant_of)
        if wait_s := self._world.latency_ms / 1000 + slowed_s:
            await asyncio.sleep(wait_s)
        if vendor.name == "graph" and request.path == "/v1.0/$batch":
            self._world.graph.serve_item = self._serve_item
        if vendor.name == "graph":
            await self._ask_addresses(request)
        if fault is None:
            answer = vendor.respond(request)
            await _send(send, answer)
            return answer.status
        return await self._serve_fault(vendor, request, send, fault)

    async def _ask_addresses(self, request: Request) -> None:
        """Let a subscription's addresses prove themselves while its request waits, as Graph does."""
        for url in self._world.graph.urls_to_ask(request):
            request.notes["handshake"] = await self._world.deliveries.handshake(url)
            if request.notes["handshake"]:
                return

    async def _serve_fault(self, vendor: Vendor, request: Request, send: Send, fault: Json) -> int:
        kind = fault["kind"]
        if kind in {"timeout", "reset"}:
            await asyncio.sleep(float(fault.get("seconds", 0)))
            await _close(send)
            return _LOST
        if kind == "slow":
            await asyncio.sleep(float(fault.get("seconds", 1)))
        answer = _instead(vendor, request, fault) or vendor.respond(request)
        if kind == "lost_answer":
            await asyncio.sleep(float(fault.get("seconds", 0)))
            await _close(send)
            return _LOST
        if kind == "truncate":
            await _send_half(send, answer)
            return _LOST
        await _send(send, answer)
        return answer.status

    def _serve_item(self, request: Request) -> Answer:
        """One item of a batch: faults that are answers apply to it too."""
        graph = self._world.graph
        fault = self._world.faults.pick("graph", request, graph.tenant_of)
        answer = (_instead(graph, request, fault) if fault else None) or graph.respond(request)
        self._world.counters.count("graph", request.method, endpoint=graph.endpoint(request), status=answer.status)
        return answer


def _instead(vendor: Vendor, request: Request, fault: Json) -> Answer | None:
    """The answer that stands in for the vendor's, None if the vendor is to answer."""
    kind = fault["kind"]
    if kind == "429":
        return vendor.throttled(request, _retry_after(fault))
    if kind == "status":
        return _with_status(vendor, request, fault)
    if kind in IN_HANDLER:
        request.fault = fault
    return None


def _retry_after(fault: Json) -> Headers:
    value = fault.get("retry_after", 1)
    if value is None:
        return []
    if value == "http-date":
        at = datetime.now(UTC) + timedelta(seconds=float(fault.get("seconds", 2)))
        return [("retry-after", format_datetime(at, usegmt=True))]
    return [("retry-after", str(value))]


def _with_status(vendor: Vendor, request: Request, fault: Json) -> Answer:
    status, body = int(fault.get("status", 503)), fault.get("body", "json")
    if body == "json":
        answer = vendor.error(request, status)
    elif body == "html":
        answer = html_answer(status, f"{status} Service under maintenance")
    elif body == "empty":
        answer = Answer(status)
    elif isinstance(body, str):
        answer = Answer(status, body.encode(), [("content-type", "text/plain; charset=utf-8")])
    else:
        answer = json_answer(body, status)
    answer.headers.extend((str(name).lower(), str(value)) for name, value in fault.get("headers", {}).items())
    return answer


async def _read(scope: Scope, receive: Receive) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    host = headers.get("host") or "127.0.0.1"
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body, f"{scope['scheme']}://{host}")


def _start(answer: Answer) -> Message:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _send(send: Send, answer: Answer) -> None:
    await send(_start(answer))
    await send({"type": "http.response.body", "body": answer.body})


async def _send_half(send: Send, answer: Answer) -> None:
    await send(_start(answer))
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
    transport = _transport(send)
    transport.close()
    await asyncio.sleep(0)


def _transport(send: Send) -> asyncio.Transport:
    """The connection. ASGI has no way to drop it; uvicorn's `send` is a method of the object that holds it."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    return transport


async def _close(send: Send) -> None:
    """Drop the connection without a byte."""
    _transport(send).abort()
    send.__self__.disconnected = True  # type: ignore[attr-defined]  # else uvicorn logs and answers a missing response
    await asyncio.sleep(0)
