"""How Graph delivers: handshake, deadline, retries, slow and dropped endpoints.

learn.microsoft.com: "Receive change notifications through webhooks". What gets lost, comes twice or late is set by a
test."""

import asyncio
import json
import logging
import ssl
import time
from collections import Counter, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from ops.sandbox.http import Json
from ops.sandbox.settings import Settings

_LOST_AFTER_S = 4 * 3600
_WINDOW_S = 600
_SLOW_SHARE, _DROP_SHARE = 0.10, 0.15
_FEWEST = 20  # answers in the window before an endpoint is judged
_SLOW_DELAY_S = 10.0
_AT_ONCE = 32
_LATENCIES_KEPT = 20_000


@dataclass
class _Endpoint:
    """One address: what waits for it, and how it has answered lately."""

    waiting: deque[Json] = field(default_factory=deque)
    answers: deque[tuple[float, bool]] = field(default_factory=deque)  # when, and whether it was slow
    is_sending: bool = False

    def slow_share(self) -> float:
        """The share of slow answers in the window."""
        limit = time.monotonic() - _WINDOW_S
        while self.answers and self.answers[0][0] < limit:
            self.answers.popleft()
        if len(self.answers) < _FEWEST:
            return 0.0
        return sum(slow for _, slow in self.answers) / len(self.answers)


class Deliveries:
    """Sends what is put here, from the event loop of whoever puts it."""

    def __init__(self, settings: Settings, ca_file: Path | None) -> None:
        self._settings = settings
        self._trust = ssl.create_default_context()
        if ca_file is not None:
            self._trust.load_verify_locations(ca_file)
        self._client: httpx.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._chance = Random("deliveries")
        self.clear()

    def clear(self) -> None:
        """Forget what waits and what was."""
        for task in self._tasks:
            task.cancel()
        self._endpoints: dict[str, _Endpoint] = {}
        self.counts: Counter[str] = Counter()
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES_KEPT)

    def put(self, url: str, item: Json) -> None:
        """Deliver an item, as often and as late as the settings say."""
        for _ in range(1 + int(self._settings["graph.notification_duplicates"])):
            self.counts["items"] += 1
            if self._chance.random() < self._settings["graph.notification_loss"]:
                self.counts["lost"] += 1
                continue
            delay_s = float(self._settings["graph.notification_delay_s"])
            asyncio.get_running_loop().call_later(delay_s, self._ready, url, item)

    def as_json(self) -> Json:
        """What was sent, and how long the answers took."""
        ordered = sorted(self._latencies_ms)
        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
        latency = {
            name: round(ordered[int((len(ordered) - 1) * share)], 1) for name, share in shares.items() if ordered
        }
        waiting = sum(len(endpoint.waiting) for endpoint in self._endpoints.values())
        names = ("items", "lost", "posts", "delivered", "refused", "retried", "dropped", "given_up")
        return {**{name: self.counts[name] for name in names}, "waiting": waiting, "latency_ms": latency}

    async def handshake(self, url: str) -> str | None:
        """Ask an address for its proof; what is wrong with it, or None."""
        token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid4()}"
        target = f"{url}{'&' if '?' in url else '?'}{urlencode({'validationToken': token})}"
        timeout_s = float(self._settings["graph.notification_timeout_s"])
        try:
            answer = await self._http().post(
                target, headers={"content-type": "text/plain; charset=utf-8"}, timeout=timeout_s
            )
        except httpx.TimeoutException:
            return "Subscription validation request timed out."
        except httpx.HTTPError:
            return "Subscription validation request failed. Notification endpoint must respond with 200 OK."
        if answer.status_code != 200:
            return (
                "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation "
                f"request. HTTP status code is '{answer.status_code}'."
            )
        is_text = answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/plain"
        if not is_text or answer.text != token:
            return "Subscription validation request failed. Must return the validation token as text/plain."
        return None

    def _ready(self, url: str, item: Json) -> None:
        endpoint = self._endpoints.setdefault(url, _Endpoint())
        endpoint.waiting.append(item)
        if not endpoint.is_sending:
            endpoint.is_sending = True
            self._start(self._send_all(url, endpoint))

    async def _send_all(self, url: str, endpoint: _Endpoint) -> None:
        """Send what waits: several items in one POST, several POSTs at once."""
        places = asyncio.Semaphore(_AT_ONCE)
        try:
            while endpoint.waiting:
                most = max(1, int(self._settings["graph.notification_batch"]))
                items = [endpoint.waiting.popleft() for _ in range(min(most, len(endpoint.waiting)))]
                await places.acquire()
                self._start(self._send(url, endpoint, items, places))
        finally:
            endpoint.is_sending = False

    async def _send(self, url: str, endpoint: _Endpoint, items: list[Json], places: asyncio.Semaphore) -> None:
        try:
            if endpoint.slow_share() > _DROP_SHARE:
                self.counts["dropped"] += len(items)
                return
            if endpoint.slow_share() > _SLOW_SHARE:
                await asyncio.sleep(_SLOW_DELAY_S)
            is_delivered = await self._post(url, endpoint, items)
        finally:
            places.release()
        if not is_delivered:
            await self._retry(url, endpoint, items)

    async def _retry(self, url: str, endpoint: _Endpoint, items: list[Json]) -> None:
        """Try again, ever later, for four hours."""
        wait_s, waited_s = float(self._settings["graph.notification_retry_s"]), 0.0
        while waited_s < _LOST_AFTER_S:
            await asyncio.sleep(wait_s)
            waited_s, wait_s = waited_s + wait_s, wait_s * 2
            self.counts["retried"] += 1
            if await self._post(url, endpoint, items):
                return
        self.counts["given_up"] += len(items)

    async def _post(self, url: str, endpoint: _Endpoint, items: list[Json]) -> bool:
        timeout_s = float(self._settings["graph.notification_timeout_s"])
        started = time.monotonic()
        self.counts["posts"] += 1
        try:
            body = json.dumps({"value": items}).encode()
            headers = {"content-type": "application/json; charset=utf-8"}
            answer = await self._http().post(url, content=body, headers=headers, timeout=timeout_s)
            is_good = answer.is_success
        except httpx.HTTPError:
            is_good = False
        took_s = time.monotonic() - started
        endpoint.answers.append((time.monotonic(), took_s >= timeout_s))
        if is_good:
            self._latencies_ms.append(took_s * 1000)
        self.counts["delivered" if is_good else "refused"] += len(items)
        return is_good

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each delivery
            limits = httpx.Limits(max_connections=2 * _AT_ONCE, max_keepalive_connections=_AT_ONCE)
            self._client = httpx.AsyncClient(verify=self._trust, trust_env=False, limits=limits)
        return self._client
