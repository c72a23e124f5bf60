"""Graph's JSON as it comes, by Graph's names. Users stay raw: in a model, absent and null would look alike."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

VENDOR = "graph"


class Wire(BaseModel):
    """Unknown keys are Graph's right; wrong types are not."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class WirePage(Wire):
    """A page of users or of changes."""

    value: list[dict[str, Any]]
    next_link: str | None = Field(default=None, alias="@odata.nextLink", min_length=1)
    delta_link: str | None = Field(default=None, alias="@odata.deltaLink", min_length=1)


class WireDomain(Wire):
    """A domain that the tenant has proved to own."""

    name: str
    is_default: bool = Field(default=False, alias="isDefault")


class WireOrganization(Wire):
    """The tenant itself."""

    id: str
    display_name: str | None = Field(default=None, alias="displayName")
    verified_domains: list[WireDomain] | None = Field(default=None, alias="verifiedDomains")


class WireCredential(Wire):
    """A secret or certificate of an app registration, without its value."""

    display_name: str | None = Field(default=None, alias="displayName")
    end_date_time: datetime = Field(alias="endDateTime")


class WireApplication(Wire):
    """An app registration."""

    password_credentials: list[WireCredential] = Field(default=[], alias="passwordCredentials")
    key_credentials: list[WireCredential] = Field(default=[], alias="keyCredentials")


class WireOrganizations(Wire):
    """The list that Graph makes of the one tenant."""

    value: list[WireOrganization] = Field(min_length=1)


class WireSubscription(Wire):
    """A subscription to change notifications. `clientState` is not read back: Graph need not tell it again."""

    id: str = Field(min_length=1)
    resource: str | None = None
    notification_url: str | None = Field(default=None, alias="notificationUrl")
    expires_at: datetime = Field(alias="expirationDateTime")


class WireSubscriptions(Wire):
    """A page of the calling app's subscriptions in this tenant."""

    value: list[WireSubscription]
    next_link: str | None = Field(default=None, alias="@odata.nextLink", min_length=1)


class WireResource(Wire):
    """What a notification says of the object: its id, and nothing that changed."""

    id: str | None = None


class WireNotification(Wire):
    """One item that Graph sends: with `changeType` about a user, with `lifecycleEvent` about the subscription."""

    subscription_id: str = Field(alias="subscriptionId")
    client_state: str | None = Field(default=None, alias="clientState")
    tenant_id: str | None = Field(default=None, alias="tenantId")
    change_type: str | None = Field(default=None, alias="changeType")
    lifecycle_event: str | None = Field(default=None, alias="lifecycleEvent")
    resource_data: WireResource | None = Field(default=None, alias="resourceData")
    resource: str | None = None


class WireNotifications(Wire):
    """One POST of Graph's; it may hold items of several subscriptions."""

    value: list[Any]
