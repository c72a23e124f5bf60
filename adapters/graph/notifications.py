"""What Graph sends by itself → records. Pure. Nothing in it is trusted: the client state is compared elsewhere."""

import json
import re
from typing import Any, get_args

from pydantic import ValidationError

from adapters.errors import WireError
from adapters.graph.wire import VENDOR, WireNotification, WireNotifications
from adapters.records import Notification
from adapters.records.events import LifecycleEvent

MOST_ITEMS = 1000  # of one POST; Graph sends far fewer
LIFECYCLE_EVENTS = frozenset(get_args(LifecycleEvent))
CHANGES = frozenset({"created", "updated", "deleted"})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_notifications(body: bytes) -> tuple[Notification, ...]:
    """Read one POST of change and lifecycle notifications; items that are none of a user or of news are left out.

    Raises WireError(notification_unreadable) for what is no such POST; the error says nothing of its content."""
    try:
        wire = WireNotifications.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError):  # not chained: their texts quote the body
        raise WireError("notification_unreadable", vendor=VENDOR) from None
    if len(wire.value) > MOST_ITEMS:
        raise WireError("notification_unreadable", vendor=VENDOR)
    return tuple(item for item in map(_notification, wire.value) if item is not None)


def _notification(raw: Any) -> Notification | None:
    try:
        wire = WireNotification.model_validate(raw)
    except ValidationError:
        return None
    subscription_id = wire.subscription_id.casefold()
    if not _GUID.fullmatch(subscription_id):
        return None
    named = {
        "subscription_id": subscription_id,
        "client_state": wire.client_state or "",
        "tenant_id": (wire.tenant_id or "").casefold(),
    }
    if wire.lifecycle_event in LIFECYCLE_EVENTS:
        return Notification.model_validate({**named, "lifecycle": wire.lifecycle_event})
    user_id = _user_id(wire) if wire.change_type in CHANGES else None
    return None if user_id is None else Notification.model_validate({**named, "user_id": user_id})


def _user_id(wire: WireNotification) -> str | None:
    """Return the object id of the changed user; Graph tells it twice, and either may be missing."""
    told = (wire.resource_data.id if wire.resource_data else None) or (wire.resource or "").rpartition("/")[2]
    user_id = told.casefold()
    return user_id if _GUID.fullmatch(user_id) else None
