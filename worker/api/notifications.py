"""The door for Graph's notifications. Anybody can knock: what is not ours is neither believed nor answered otherwise.

learn.microsoft.com: "Receive change notifications through webhooks", read 2026-11-22. Graph sends no credentials; the
secret of each subscription stands in the body. It waits a few seconds at most, so nothing is done here but noting.
"""

import html
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from adapters.errors import TransientError, WireError
from adapters.graph import parse_notifications
from tasks.events.receiving import receive
from tasks.ports import Ports
from worker.api.bodies import read_body
from worker.api.problems import problem
from worker.compose import NOTIFICATIONS_PATH

LONGEST_TOKEN = 1024
RETRY_AFTER_S = 5
TOLD_EVERY_S = 60.0
NOTIFICATIONS_IGNORED = "events.ignored"

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The validation token, when Graph asks for a proof.", "content": {"text/plain": {}}},
    202: {"description": "Noted, or none of ours."},
    400: {"description": "No notification, or a token that is too long."},
    404: {"description": "No public_url is configured: nothing is subscribed."},
    408: {"description": "The body did not come in time."},
    413: {"description": "Too large."},
    503: {"description": "The store is away; deliver again."},
}
BODY = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "value": [
                        {
                            "changeType": "updated",
                            "clientState": "the subscription's secret",
                            "resource": "Users/3f0a7a52-6f0e-4d7e-8b6d-0b8f6f2f1a01",
                            "resourceData": {"id": "3f0a7a52-6f0e-4d7e-8b6d-0b8f6f2f1a01"},
                            "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
                            "tenantId": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
                        }
                    ]
                },
            }
        }
    }
}


def notification_router(ports: Callable[[], Ports]) -> APIRouter:
    """Return the route; `ports` are this process's, built on first use."""
    router = APIRouter(tags=["graph"])
    ignored = IgnoredItems()

    @router.post(
        NOTIFICATIONS_PATH,
        status_code=HTTPStatus.ACCEPTED,
        response_class=Response,
        responses=RESPONSES,
        openapi_extra=BODY,
    )
    async def receive_notifications(
        request: Request, token: Annotated[str | None, Query(alias="validationToken")] = None
    ) -> Response:
        """Prove this address to Microsoft Graph, or take what it tells of users and of its subscriptions."""
        if ports().notification_url is None:
            return problem(HTTPStatus.NOT_FOUND, "nothing is subscribed: service.public_url is not set")
        if token is not None:
            return _prove(token)
        return await run_in_threadpool(_take_in, ports(), await read_body(request), ignored)

    return router


class IgnoredItems:
    """Tells the log of what was ignored: at most once a minute, however many knock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Count from nothing."""
        self._now = now
        self._count = 0
        self._told_at = -TOLD_EVERY_S
        self._lock = threading.Lock()

    def add(self, items: int) -> None:
        """Count some more."""
        with self._lock:
            self._count += items
            if self._count and self._now() - self._told_at >= TOLD_EVERY_S:
                structlog.get_logger().warning(NOTIFICATIONS_IGNORED, items=self._count)
                self._count, self._told_at = 0, self._now()


def _prove(token: str) -> Response:
    """Answer the handshake: the token as it came, harmless to whoever shows it."""
    if len(token) > LONGEST_TOKEN:
        return problem(HTTPStatus.BAD_REQUEST, f"a validation token has {LONGEST_TOKEN} characters at most")
    return Response(html.escape(token), media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


def _take_in(ports: Ports, body: bytes, ignored: IgnoredItems) -> Response:
    try:
        received = receive(ports, parse_notifications(body))
    except WireError:
        return problem(HTTPStatus.BAD_REQUEST, 'this is no notification: JSON {"value": [ … ]} is expected')
    except TransientError:
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "the store is away; deliver again", **{"Retry-After": str(RETRY_AFTER_S)}
        )
    if received.ignored:
        ignored.add(received.ignored)
    return Response(status_code=HTTPStatus.ACCEPTED)
