"""Subscriptions to changes: one per connector whose automatic sync is on, while there is an address to deliver to.

Two keepers, or one that dies anywhere, are harmless: who is at a tenant has its turn, and what Graph holds for our
address and the ledger does not know is ended. Events are a hint; whatever fails here, the schedule goes on."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from adapters.errors import NotFoundError, SyncError, TenantError, TransientError
from adapters.records import Subscribed, Subscription
from tasks.connector import Connector
from tasks.dispatching import CONNECTOR_UNUSABLE
from tasks.ports import Ports, Subscriptions
from tasks.request import SyncRequest
from tasks.requesting import request_run

KEEP = "keep_subscription"
MOST_AT_ONCE = 60  # of a round: an address that Graph does not reach takes 10 s of a slot that runs need
TURN_S = 150.0  # four calls of at most 30 s; a keeper that died is replaced at once
STATE_BYTES = 48  # 64 characters; Graph takes 128
FIRST_RETRY_S = 60.0
LONGEST_RETRY_S = 3600.0
CATCH_UP = "catchUp"  # our own signal: notifications were lost, so that a run has to look
CATCH_UP_EVERY_S = 600.0
LOST = frozenset({"subscriptionRemoved", "missed"})

SUBSCRIBED = "events.subscribed"
UNSUBSCRIBED = "events.unsubscribed"
SUBSCRIPTION_LOST = "events.subscription_lost"
SUBSCRIPTION_FAILING = "events.subscription_failing"
ORPHAN_ENDED = "events.orphan_ended"

log = structlog.get_logger()


def keep_subscriptions(ports: Ports) -> None:
    """Publish a care for each connector whose subscription needs one; beat asks each minute. Asks no vendor."""
    wanted = _wanted_connectors(ports)
    kept = ports.events.subscriptions()
    signalled = ports.events.signalled()
    now_ms = ports.runs.now_ms()
    needy = [
        connector_id
        for connector_id in sorted({*wanted, *kept})
        if _needs_care(
            ports,
            kept.get(connector_id),
            wanted.get(connector_id),
            now_ms=now_ms,
            signalled=connector_id in signalled,
        )
    ]
    for connector_id in needy[:MOST_AT_ONCE]:
        ports.publisher.keep_subscription(connector_id)


def keep_subscription(ports: Ports, connector_id: str) -> None:
    """Make, renew, mend or end one connector's subscription, whatever it needs; a repeat finds nothing to do."""
    connector = _wanted_connectors(ports).get(connector_id)
    state = ports.events.subscription(connector_id)
    tenant_id = connector.tenant_id if connector else state.tenant_id if state else ""
    with _turn(ports, tenant_id) as is_ours:
        if not is_ours:
            return
        state = ports.events.subscription(connector_id)
        if connector is None:
            if state is not None:
                _end(ports, state)
            return
        try:
            _care(ports, connector, state)
        except SyncError as error:
            if error.vendor == "store":
                raise
            _note_trouble(ports, connector, error)


def _wanted_connectors(ports: Ports) -> dict[str, Connector]:
    """Return the connectors that are to be subscribed, by id."""
    if ports.notification_url is None:
        return {}
    version = ports.configuration.current_version()
    found: dict[str, Connector] = {}
    for connector_id in ports.configuration.connectors(version=version):
        try:
            connector: Connector = ports.configuration.connector(connector_id, version=version)
        except TenantError as error:
            structlog.get_logger().error(CONNECTOR_UNUSABLE, connector_id=connector_id, reason=error.reason)
            continue
        if connector.office365_sync_enabled:
            found[connector_id] = connector
    return found


def _needs_care(
    ports: Ports, state: Subscribed | None, connector: Connector | None, *, now_ms: int, signalled: bool
) -> bool:
    if connector is None or state is None:
        return (connector is None) != (state is None)
    if state.retry_at_ms > now_ms:
        return False
    is_old = now_ms >= min(state.renew_at_ms, state.checked_at_ms + ports.timing.subscription_check_s * 1000)
    return signalled or is_old or not _fits(ports, state, connector)


def _fits(ports: Ports, state: Subscribed, connector: Connector) -> bool:
    return (
        bool(state.subscription_id)
        and state.url == ports.notification_url
        and state.tenant_id == connector.tenant_id.casefold()
    )


def _care(ports: Ports, connector: Connector, state: Subscribed | None) -> None:
    now_ms = ports.runs.now_ms()
    signals = ports.events.signals(connector.connector_id)
    if state is not None and _fits(ports, state, connector):
        state = _look_after(ports, state, signals, now_ms=now_ms)
    else:
        if state is not None and state.subscription_id:
            _end(ports, state)
        state = _subscribe(ports, connector, state)
    for event, at_ms in signals.items():
        if event != CATCH_UP:
            ports.events.clear_signal(connector.connector_id, event, at_ms=at_ms)
    _catch_up(ports, state)


def _look_after(ports: Ports, state: Subscribed, signals: dict[str, int], *, now_ms: int) -> Subscribed:
    """Renew what is at half of its life or has to be authorised again, and make anew what Graph has lost."""
    subscriptions = _subscriptions(ports, state.connector_id)
    if LOST & signals.keys():
        ports.events.signal(state.connector_id, CATCH_UP)
    try:
        if now_ms >= state.renew_at_ms or signals.keys() - {CATCH_UP}:
            found = subscriptions.renew(state.subscription_id, expires_at_ms=_expiry(ports))
        else:
            found = _find(subscriptions, state.subscription_id)
    except NotFoundError:
        log.warning(SUBSCRIPTION_LOST, connector_id=state.connector_id)
        ports.events.signal(state.connector_id, CATCH_UP)
        connector = _wanted_connectors(ports)[state.connector_id]
        return _subscribe(ports, connector, state)
    return _keep(ports, state, found)


def _subscribe(ports: Ports, connector: Connector, before: Subscribed | None) -> Subscribed:
    """Subscribe, after ending what an earlier attempt left at Graph: nobody knows its secret."""
    url = str(ports.notification_url)
    subscriptions = _subscriptions(ports, connector.connector_id)
    _end_orphans(ports, subscriptions, url=url, without=before)
    client_state = secrets.token_urlsafe(STATE_BYTES)
    made = subscriptions.create(url=url, client_state=client_state, expires_at_ms=_expiry(ports))
    state = _empty(ports, connector, before).model_copy(
        update={"subscription_id": made.id, "client_state": client_state}
    )
    log.info(SUBSCRIBED, connector_id=connector.connector_id)
    return _keep(ports, state, made)


def _end_orphans(ports: Ports, subscriptions: Subscriptions, *, url: str, without: Subscribed | None) -> None:
    """End subscriptions of our address that the ledger does not know, or is about to replace."""
    known = {state.subscription_id for state in ports.events.subscriptions().values()}
    if without is not None:
        known.discard(without.subscription_id)
    for found in subscriptions.fetch_all():
        if found.url == url and found.id not in known:
            subscriptions.delete(found.id)
            log.info(ORPHAN_ENDED, subscription_id=found.id)


def _keep(ports: Ports, state: Subscribed, found: Subscription) -> Subscribed:
    """Write down what Graph says of the subscription: all is well."""
    now_ms = ports.runs.now_ms()
    facts = {"expires_at_ms": found.expires_at_ms, "checked_at_ms": now_ms}
    if found.expires_at_ms != state.expires_at_ms:
        facts["renew_at_ms"] = now_ms + max(0, found.expires_at_ms - now_ms) // 2
    well = {"trouble": "", "trouble_since_ms": 0, "failures": 0, "retry_at_ms": 0}
    kept = state.model_copy(update={**facts, **well})
    ports.events.save_subscription(kept)
    return kept


def _end(ports: Ports, state: Subscribed) -> None:
    """End a subscription that nobody wants; one that cannot be ended expires by itself, and is no longer believed."""
    if state.subscription_id:
        try:
            ports.subscriptions(state.connector_id, state.config_version).delete(state.subscription_id)
        except KeyError:
            log.warning(UNSUBSCRIBED, connector_id=state.connector_id, reason="configuration_forgotten")
        except SyncError as error:
            if isinstance(error, TransientError) and error.vendor == "store":
                raise
            log.warning(UNSUBSCRIBED, connector_id=state.connector_id, reason=error.reason)
        else:
            log.info(UNSUBSCRIBED, connector_id=state.connector_id)
    ports.events.forget_subscription(state.connector_id)


def _catch_up(ports: Ports, state: Subscribed) -> None:
    """Ask for an incremental run if notifications were lost: not beside another one, and once in ten minutes."""
    at_ms = ports.events.signals(state.connector_id).get(CATCH_UP)
    now_ms = ports.runs.now_ms()
    too_soon = now_ms - state.caught_up_at_ms < CATCH_UP_EVERY_S * 1000
    if at_ms is None or too_soon or ports.events.busy_with(state.connector_id):
        return
    key = f"{CATCH_UP}:{state.connector_id}:{at_ms}"
    request_run(ports, state.connector_id, SyncRequest(), trigger="event", key=key)
    ports.events.save_subscription(state.model_copy(update={"caught_up_at_ms": now_ms}))
    ports.events.clear_signal(state.connector_id, CATCH_UP, at_ms=at_ms)


def _note_trouble(ports: Ports, connector: Connector, error: SyncError) -> None:
    """Write down what failed, and warn once for each new reason; tried again after a minute, later each hour."""
    now_ms = ports.runs.now_ms()
    before = ports.events.subscription(connector.connector_id) or _empty(ports, connector, None)
    reason = error.vendor_code if error.vendor_code == "ValidationError" else error.reason
    failures = before.failures + 1
    wait_s = min(FIRST_RETRY_S * 2 ** min(failures - 1, 10), LONGEST_RETRY_S)
    is_new = before.trouble != reason
    facts = {
        "trouble": reason,
        "trouble_since_ms": now_ms if is_new else before.trouble_since_ms,
        "failures": failures,
        "retry_at_ms": now_ms + round(wait_s * 1000),
    }
    ports.events.save_subscription(before.model_copy(update=facts))
    if is_new:
        log.warning(SUBSCRIPTION_FAILING, connector_id=connector.connector_id, reason=str(error))


def _empty(ports: Ports, connector: Connector, before: Subscribed | None) -> Subscribed:
    return Subscribed(
        connector_id=connector.connector_id,
        tenant_id=connector.tenant_id.casefold(),
        config_version=ports.configuration.current_version(),
        url=str(ports.notification_url),
        caught_up_at_ms=before.caught_up_at_ms if before else 0,
    )


def _subscriptions(ports: Ports, connector_id: str) -> Subscriptions:
    return ports.subscriptions(connector_id, ports.configuration.current_version())


def _find(subscriptions: Subscriptions, subscription_id: str) -> Subscription:
    for found in subscriptions.fetch_all():
        if found.id == subscription_id:
            return found
    raise NotFoundError("not_found", vendor="graph")


def _expiry(ports: Ports) -> int:
    return ports.runs.now_ms() + round(ports.timing.subscription_life_s * 1000)


@contextmanager
def _turn(ports: Ports, tenant_id: str) -> Iterator[bool]:
    """Be alone with a tenant's subscriptions: its connectors share what Graph lists."""
    owner, holder = f"graph:{tenant_id.casefold()}", ports.presence.new_holder()
    is_ours = ports.events.take_turn(owner, KEEP, holder=holder, seconds=TURN_S)
    try:
        yield is_ours
    finally:
        if is_ours:
            ports.events.leave_turn(owner, KEEP, holder=holder)
