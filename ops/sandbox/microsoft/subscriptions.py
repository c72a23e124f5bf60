"""Subscriptions to changes of users.

learn.microsoft.com: "Create subscription", "Change notifications for Microsoft Graph resources", "Reduce missing change
notifications and removed subscriptions"."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from ops.sandbox.clock import iso
from ops.sandbox.http import Answer, Json, Request
from ops.sandbox.microsoft.delivery import Deliveries
from ops.sandbox.microsoft.errors import GraphError, bad_request
from ops.sandbox.microsoft.listing import graph_json
from ops.sandbox.microsoft.state import Tenant
from ops.sandbox.settings import Settings

LONGEST_LIFE_S = 41_760 * 60
SHORTEST_LIFE_S = 45 * 60
_CHANGE_TYPES = frozenset({"created", "updated", "deleted"})
_REQUIRED = ("changeType", "notificationUrl", "resource", "expirationDateTime")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PER_TENANT = 1_000
LIFECYCLE = frozenset({"reauthorizationRequired", "subscriptionRemoved", "missed"})


@dataclass(frozen=True)
class Subscription:
    """One app's wish to hear of changes in one tenant."""

    id: str
    tenant_id: str
    app_id: str
    resource: str
    change_types: frozenset[str]
    change_type: str
    url: str
    lifecycle_url: str | None
    client_state: str | None
    expires: float

    def item(self, **told: Any) -> Json:
        """One item of a notification."""
        expires = datetime.fromtimestamp(self.expires, UTC).isoformat()
        return {
            "clientState": self.client_state,
            "subscriptionId": self.id,
            "subscriptionExpirationDateTime": expires,
            "tenantId": self.tenant_id,
            **told,
        }


class Subscriptions:
    """All subscriptions of all tenants, and what is sent by them."""

    def __init__(self, deliveries: Deliveries, settings: Settings) -> None:
        self._deliveries = deliveries
        self._settings = settings
        self._held: dict[str, Subscription] = {}
        self._ids = Random("subscriptions")
        self._sequence = 0

    # what Graph answers

    def urls_to_ask(self, request: Request, tenant: Tenant, app_id: str) -> list[str]:
        """The addresses that a creation or renewal has to prove; raises GraphError for one that is refused anyway."""
        if request.method == "PATCH":
            url = _body(request).get("notificationUrl")
            return [self._checked_url(url)] if url else []
        made = self._made(request, tenant, app_id)
        return [url for url in dict.fromkeys((made.url, made.lifecycle_url)) if url]

    def create(self, request: Request, tenant: Tenant, app_id: str) -> Answer:
        """Create, once the addresses have answered."""
        made = self._made(request, tenant, app_id)
        self._demand_proof(request)
        self._held[made.id] = made
        return self._answer(made, request, status=201, with_state=True)

    def all(self, request: Request, tenant: Tenant, app_id: str) -> Answer:
        """The calling app's, in this tenant."""
        context = f"{request.base_url}/v1.0/$metadata#subscriptions"
        values = [self._raw(each) for each in self._of(tenant) if each.app_id == app_id]
        return graph_json({"@odata.context": context, "value": values})

    def single(self, request: Request, tenant: Tenant, app_id: str, subscription_id: str) -> Answer:
        """One."""
        return self._answer(self._found(tenant, app_id, subscription_id), request)

    def renew(self, request: Request, tenant: Tenant, app_id: str, subscription_id: str) -> Answer:
        """Another end, another address; authorises again."""
        old = self._found(tenant, app_id, subscription_id)
        body = _body(request)
        expires = self._expiry(body["expirationDateTime"], tenant) if "expirationDateTime" in body else old.expires
        url = self._checked_url(body["notificationUrl"]) if "notificationUrl" in body else old.url
        self._demand_proof(request)
        self._held[old.id] = replace(old, expires=expires, url=url)
        return self._answer(self._held[old.id], request)

    def reauthorize(self, tenant: Tenant, app_id: str, subscription_id: str) -> Answer:
        """Authorise again, without a longer life."""
        self._found(tenant, app_id, subscription_id)
        return Answer(204)

    def delete(self, tenant: Tenant, app_id: str, subscription_id: str) -> Answer:
        """End."""
        del self._held[self._found(tenant, app_id, subscription_id).id]
        return Answer(204)

    # what happens by itself, and by hand

    def changed(self, tenant: Tenant, user_id: str, kind: str) -> None:
        """Tell of a change: a creation and a soft deletion come as `updated`."""
        for each in self._of(tenant):
            wanted = each.resource in {"users", f"users/{user_id}"}
            if wanted and kind in each.change_types:
                for _ in range(1 + int(self._settings["graph.notification_repeats"])):
                    self._deliveries.put(each.url, self._change(each, user_id, kind))

    def notify(self, tenant: Tenant, user_ids: list[str], *, kind: str, times: int, told: Json) -> int:
        """Tell of changes that never happened, as often as wanted; `told` replaces parts of each item."""
        items = [(each, user_id) for each in self._of(tenant) for user_id in user_ids for _ in range(times)]
        for each, user_id in items:
            self._deliveries.put(each.url, {**self._change(each, user_id, kind), **told})
        return len(items)

    def lifecycle(self, tenant: Tenant, event: str) -> int:
        """Send news of every subscription of a tenant; one that is removed is gone."""
        if event not in LIFECYCLE:
            raise ValueError(f"{event!r} is none of {', '.join(sorted(LIFECYCLE))}")
        told = [each for each in self._of(tenant) if each.lifecycle_url]
        for each in told:
            self._deliveries.put(str(each.lifecycle_url), each.item(lifecycleEvent=event))
            if event == "subscriptionRemoved":
                del self._held[each.id]
        return len(told)

    def drop(self, tenant: Tenant) -> int:
        """Lose a tenant's subscriptions without a word."""
        lost = [each.id for each in self._of(tenant)]
        for subscription_id in lost:
            del self._held[subscription_id]
        return len(lost)

    def as_json(self, tenant: Tenant) -> list[Json]:
        """A tenant's subscriptions with their secrets, for tests."""
        return [{**self._raw(each), "clientState": each.client_state} for each in self._of(tenant)]

    # inside

    def _of(self, tenant: Tenant) -> list[Subscription]:
        now = tenant.now()
        return [each for each in self._held.values() if each.tenant_id == tenant.id and each.expires > now]

    def _found(self, tenant: Tenant, app_id: str, subscription_id: str) -> Subscription:
        for each in self._of(tenant):
            if each.id == subscription_id.lower() and each.app_id == app_id:
                return each
        raise GraphError(404, "ResourceNotFound", "The object was not found.")

    def _made(self, request: Request, tenant: Tenant, app_id: str) -> Subscription:
        body = _body(request)
        for name in _REQUIRED:
            if not isinstance(body.get(name), str):
                raise bad_request(f"Subscription is missing property '{name}'.", "InvalidRequest")
        kinds = {kind.strip() for kind in body["changeType"].split(",")}
        for kind in sorted(kinds - _CHANGE_TYPES):
            raise bad_request(f"Invalid 'changeType' attribute: '{kind}'.", "InvalidRequest")
        resource = body["resource"].strip("/").lower()
        if resource.split("/")[0] != "users":
            raise bad_request(f"Resource '{body['resource']}' is not supported.", "InvalidRequest")
        if len(body.get("clientState") or "") > 128:
            raise bad_request("The clientState is too long.", "InvalidRequest")
        lifecycle_url = body.get("lifecycleNotificationUrl")
        self._check_quota(tenant, app_id)
        return Subscription(
            id=str(UUID(int=self._ids.getrandbits(128), version=4)),
            tenant_id=tenant.id,
            app_id=app_id,
            resource=resource,
            change_types=frozenset(kinds - {"created"}),  # accepted, and never fired for users
            change_type=body["changeType"],
            url=self._checked_url(body["notificationUrl"]),
            lifecycle_url=self._checked_url(lifecycle_url) if lifecycle_url else None,
            client_state=body.get("clientState"),
            expires=self._expiry(body["expirationDateTime"], tenant),
        )

    def _check_quota(self, tenant: Tenant, app_id: str) -> None:
        held = self._of(tenant)
        limit = int(self._settings["graph.subscriptions_per_app"])
        if len(held) >= _PER_TENANT or sum(each.app_id == app_id for each in held) >= limit:
            message = f"The limit of {limit} subscriptions for this application and tenant has been reached."
            raise GraphError(403, "ExtensionError", message)

    @staticmethod
    def _checked_url(url: Any) -> str:
        parts = urlsplit(str(url))
        if parts.scheme == "https" and parts.hostname:
            return str(url)
        if parts.scheme == "http" and parts.hostname in _LOOPBACK:
            return str(url)  # the sandbox's own liberty, so that a test needs no certificate
        raise bad_request("Notification endpoint must be a valid HTTPS address.", "ValidationError")

    @staticmethod
    def _expiry(told: Any, tenant: Tenant) -> float:
        try:
            expires = datetime.fromisoformat(str(told)).timestamp()
        except ValueError as exc:
            raise bad_request("The expirationDateTime is not valid.", "InvalidRequest") from exc
        now = tenant.now()
        if expires <= now:
            raise bad_request("Subscription expiration must be in the future.", "InvalidRequest")
        if expires > now + LONGEST_LIFE_S + 60:
            message = f"Subscription expiration can only be {LONGEST_LIFE_S // 60} minutes in the future."
            raise bad_request(message, "InvalidRequest")
        return max(expires, now + SHORTEST_LIFE_S)

    @staticmethod
    def _demand_proof(request: Request) -> None:
        if problem := request.notes.get("handshake"):
            raise bad_request(str(problem), "ValidationError")

    def _change(self, each: Subscription, user_id: str, kind: str) -> Json:
        self._sequence += 1
        resource = f"Users/{user_id}"
        data = {
            "@odata.type": "#Microsoft.Graph.User",
            "@odata.id": resource,
            "id": user_id,
            "organizationId": each.tenant_id,
            "sequenceNumber": 638_000_000_000_000_000 + self._sequence,
        }
        return each.item(changeType=kind, resource=resource, resourceData=data)

    def _raw(self, each: Subscription) -> Json:
        return {
            "id": each.id,
            "resource": each.resource,
            "applicationId": each.app_id,
            "changeType": each.change_type,
            "clientState": None,  # told once, to whoever creates
            "notificationUrl": each.url,
            "lifecycleNotificationUrl": each.lifecycle_url,
            "expirationDateTime": iso(each.expires),
            "creatorId": each.app_id,
            "latestSupportedTlsVersion": "v1_2",
            "includeResourceData": None,
        }

    def _answer(self, each: Subscription, request: Request, *, status: int = 200, with_state: bool = False) -> Answer:
        context = f"{request.base_url}/v1.0/$metadata#subscriptions/$entity"
        state = {"clientState": each.client_state} if with_state else {}
        answer = graph_json({"@odata.context": context, **self._raw(each), **state})
        answer.status = status
        return answer


def _body(request: Request) -> Json:
    try:
        body = request.json()
    except ValueError as exc:
        raise bad_request("Unable to read JSON request payload.", "BadRequest") from exc
    if not isinstance(body, dict):
        raise bad_request("Unable to read JSON request payload.", "BadRequest")
    return body
