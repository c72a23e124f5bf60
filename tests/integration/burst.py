"""Notifications as Graph sends them, so many at once: built from the subscription that it holds, and posted."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.integration.stack import Json, Stack

SENDERS = 50


@dataclass(frozen=True)
class Answers:
    """What came back: the status of each, the seconds that each took, and those of all together."""

    statuses: list[int]
    latencies_s: list[float]
    took_s: float


def send_burst(stack: Stack, user_ids: Sequence[str], number: int) -> Answers:
    """Tell so many times that these users changed, each in its turn, over connections of their own."""
    (held,) = stack.control.get("subscriptions").json()["subscriptions"]
    tenant_id = stack.facts["tenants"][0]["tenant_id"]
    bodies = [_body(held, user_ids[at % len(user_ids)], tenant_id) for at in range(number)]
    return asyncio.run(_post_all(str(held["notificationUrl"]), bodies))


def _body(held: Json, user_id: str, tenant_id: str) -> bytes:
    told = {"changeType": "updated", "resourceData": {"id": user_id}, "tenantId": tenant_id}
    return json.dumps({"value": [{**told, "subscriptionId": held["id"], "clientState": held["clientState"]}]}).encode()


async def _post_all(url: str, bodies: list[bytes]) -> Answers:
    """Post by hand: a client library's own time would be most of what is measured."""
    parts = urlsplit(url)
    statuses: list[int] = []
    latencies_s: list[float] = []

    async def send() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while bodies:
            body = bodies.pop()
            head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            began_s = time.perf_counter()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            statuses.append(int((await reader.readline()).split()[1]))
            while await reader.readline() != b"\r\n":  # the answer has no body
                pass
            latencies_s.append(time.perf_counter() - began_s)
        writer.close()

    began_s = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(SENDERS)))
    return Answers(statuses, latencies_s, time.perf_counter() - began_s)
