"""What Graph tells us of changes, and the subscriptions by which it does. Times are milliseconds since 1970, UTC."""

from typing import Literal

from pydantic import Field

from adapters.records.base import Record

LifecycleEvent = Literal["reauthorizationRequired", "subscriptionRemoved", "missed"]


class Subscription(Record):
    """A subscription as Graph holds it."""

    id: str
    url: str
    expires_at_ms: int


class Subscribed(Record):
    """One connector's subscription as the ledger keeps it, and what stands in its way.

    Without an id there is none, and `trouble` says why. `client_state` is what proves a notification to be Graph's."""

    connector_id: str
    tenant_id: str
    config_version: int
    url: str
    subscription_id: str = ""
    client_state: str = Field("", repr=False)
    expires_at_ms: int = 0
    renew_at_ms: int = 0
    checked_at_ms: int = 0
    caught_up_at_ms: int = 0  # when a run was last asked for because notifications had been lost
    trouble: str = ""  # what the last attempt failed of; empty: all is well
    trouble_since_ms: int = 0
    failures: int = 0  # attempts in a row
    retry_at_ms: int = 0


class Notification(Record):
    """One item that came in by HTTP, not trusted yet: a changed user, or news of the subscription itself."""

    subscription_id: str
    client_state: str = Field("", repr=False)
    tenant_id: str
    user_id: str | None = None
    lifecycle: LifecycleEvent | None = None


class Taken(Record):
    """How many changed users a run has taken, and when to look again; None: nothing is left."""

    users: int = 0
    again_in_s: float | None = None
