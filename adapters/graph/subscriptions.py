"""Subscriptions to changes of one tenant's users: the only file that makes and ends them.

Satisfies `tasks.ports.Subscriptions`. learn.microsoft.com: "Create subscription", "Change notifications for Microsoft
Graph resources" and "Set up notifications for changes in resource data", read 2026-11-22.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from adapters.errors import AnswerLostError, NotFoundError, WireError
from adapters.graph.wire import VENDOR, Wire, WireSubscription, WireSubscriptions
from adapters.records import Subscription
from adapters.transport import Transport, read_json, request_id

PATH = "/subscriptions"
ENDPOINT = "/subscriptions/{id}"
RESOURCE = "users"
CHANGE_TYPES = "updated,deleted"  # a creation and a soft deletion come as `updated`; `created` alone never fires
LONGEST_LIFE_S = 41_760 * 60  # of a subscription to users; one that is asked for longer is refused
WRITE_S = 30.0  # Graph calls the notification address, which has 10 s, before it answers
MOST_PAGES = 50  # 1,000 subscriptions a tenant is Graph's own limit

Json = dict[str, Any]
WireModel = TypeVar("WireModel", bound=Wire)


class GraphSubscriptions:
    """The subscriptions of our app registration in one tenant. Thread-safe; copies nothing."""

    def __init__(self, transport: Transport) -> None:
        """Take the directory's way out."""
        self._transport = transport

    def create(self, *, url: str, client_state: str, expires_at_ms: int) -> Subscription:
        """Subscribe this address to changes of users; Graph asks it before this returns.

        Not safe to repeat: AnswerLostError means that there may be one. WireError with the vendor's code
        ValidationError: the address did not answer as it must. TenantError: no permission, or too many subscriptions.
        """
        body = {
            "changeType": CHANGE_TYPES,
            "notificationUrl": url,
            "lifecycleNotificationUrl": url,
            "resource": RESOURCE,
            "expirationDateTime": _iso(expires_at_ms),
            "clientState": client_state,
        }
        return self._write("POST", PATH, endpoint=PATH, body=body)

    def renew(self, subscription_id: str, *, expires_at_ms: int) -> Subscription:
        """Let a subscription live until then, and authorise it again; a repeat does the same.

        Raises NotFoundError if Graph does not know it (any more)."""
        body = {"expirationDateTime": _iso(expires_at_ms)}
        return self._write("PATCH", _path(subscription_id), endpoint=ENDPOINT, body=body)

    def fetch_all(self) -> tuple[Subscription, ...]:
        """Return every subscription of our app to this tenant's users."""
        found: list[WireSubscription] = []
        link = PATH
        for _ in range(MOST_PAGES):
            page = _parsed(WireSubscriptions, self._transport.get(link, endpoint=PATH))
            found += page.value
            if page.next_link is None:
                return tuple(_subscription(wire) for wire in found if _is_to_users(wire))
            link = page.next_link
        raise WireError("page_links_unknown", vendor=VENDOR)

    def delete(self, subscription_id: str) -> None:
        """End a subscription; one that is gone already is fine."""
        try:
            self._send("DELETE", _path(subscription_id), endpoint=ENDPOINT, body=None)
        except NotFoundError:
            return

    def _write(self, method: str, path: str, *, endpoint: str, body: Json) -> Subscription:
        response = self._send(method, path, endpoint=endpoint, body=body)
        try:
            return _subscription(_parsed(WireSubscription, response))
        except WireError as exc:  # it was taken, so an answer that we cannot read is as good as lost
            facts: Json = {"status": response.status_code, "request_id": request_id(response)}
            raise AnswerLostError("answer_unreadable", vendor=VENDOR, **facts) from exc

    def _send(self, method: str, path: str, *, endpoint: str, body: Json | None) -> httpx.Response:
        try:
            return self._transport.send(method, path, endpoint=endpoint, json=body, permit=lambda: WRITE_S)
        except WireError as exc:
            if exc.status != httpx.codes.NOT_FOUND:
                raise
            # the code that comes with it is not documented
            raise NotFoundError("not_found", vendor=VENDOR, status=exc.status, request_id=exc.request_id) from exc


def _is_to_users(wire: WireSubscription) -> bool:
    return (wire.resource or "").strip("/").casefold() == RESOURCE


def _subscription(wire: WireSubscription) -> Subscription:
    expires = wire.expires_at if wire.expires_at.tzinfo else wire.expires_at.replace(tzinfo=UTC)
    return Subscription(
        id=wire.id.casefold(), url=wire.notification_url or "", expires_at_ms=round(expires.timestamp() * 1000)
    )


def _parsed(model: type[WireModel], response: httpx.Response) -> WireModel:
    try:
        return model.model_validate(read_json(response, vendor=VENDOR))
    except ValidationError:  # not chained: its text quotes the answer, and with it the client state
        raise WireError("answer_shape_unknown", vendor=VENDOR, request_id=request_id(response)) from None


def _path(subscription_id: str) -> str:
    return f"{PATH}/{quote(subscription_id, safe='')}"


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
