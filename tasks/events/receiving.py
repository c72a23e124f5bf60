"""Graph's notifications, taken in: compared with what we subscribed to, noted in the ledger, and nothing more.

They are a hint that something changed; a run reads what."""

import hmac
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from adapters.errors import TransientError
from adapters.records import Notification, Subscribed
from tasks.ports import Ports

GATHER_SHARE = 4  # of the window: the companions of a first change come within a moment
EVENTS_UNPUBLISHED = "events.unpublished"


class Received(NamedTuple):
    """How many items were noted, and how many were not ours."""

    noted: int
    ignored: int


def receive(ports: Ports, notifications: Sequence[Notification]) -> Received:
    """Note every item that is about one of our subscriptions and carries its secret; a repeat changes nothing.

    What has been noted is safe: a message that gets lost afterwards is replaced by the reconciler. Raises
    TransientError if the store is away; Graph then delivers again."""
    known = ports.events.known(sorted({item.subscription_id for item in notifications}))
    users: dict[str, list[str]] = defaultdict(list)
    news: set[tuple[str, str]] = set()
    ignored = 0
    for item in notifications:
        ours = known.get(item.subscription_id)
        if ours is None or not _is_genuine(item, ours):
            ignored += 1
        elif item.user_id is not None:
            users[ours.connector_id].append(item.user_id)
        elif item.lifecycle is not None:
            news.add((ours.connector_id, item.lifecycle))
    for connector_id, event in sorted(news):
        ports.events.signal(connector_id, event)
    window_s = ports.timing.event_window_s
    waits = {
        connector_id: ports.events.receive(connector_id, user_ids, gather_s=window_s / GATHER_SHARE, window_s=window_s)
        for connector_id, user_ids in users.items()
    }
    _publish(ports, {connector_id for connector_id, _ in news}, waits)
    return Received(noted=len(notifications) - ignored, ignored=ignored)


def _is_genuine(item: Notification, ours: Subscribed) -> bool:
    told, kept = (text.encode(errors="surrogatepass") for text in (item.client_state, ours.client_state))
    return hmac.compare_digest(told, kept) and bool(kept) and item.tenant_id == ours.tenant_id


def _publish(ports: Ports, news_of: set[str], waits: dict[str, float | None]) -> None:
    try:
        for connector_id in sorted(news_of):
            ports.publisher.keep_subscription(connector_id)
        for connector_id, wait_s in waits.items():
            if wait_s is not None:
                ports.publisher.take_changes(connector_id, wait_s=wait_s)
    except TransientError as error:  # what is noted is found by the reconciler
        structlog.get_logger().warning(EVENTS_UNPUBLISHED, reason=error.reason)
