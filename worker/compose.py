"""Settings → store, adapters and ports: the one place where the parts meet, and where a mismatch of shapes shows."""

from adapters.limits import Budget, Slots
from adapters.notify import AppriseNotifier
from adapters.records.runs import Lane
from adapters.store import Store, StoreTiming
from adapters.store import open_store as open_store_at
from adapters.store.budgets import InstanceBudget, Rate
from adapters.store.slots import InstanceSlots
from tasks.ports import Ports, Publisher
from worker import embedded
from worker.configuration import to_documents
from worker.settings import Settings, snapshot_configuration
from worker.vendors import MakeBudget, MakeSlots, Vendors

RESTART_MARGIN_S = 10.0
NOTIFICATIONS_PATH = "/v1/graph/notifications"


def redis_url_of(settings: Settings) -> str:
    """Return where this installation's store is: configured, or embedded in its state_dir."""
    configured = settings.service.redis_url
    return configured.get_secret_value() if configured else embedded.url_of(settings.service.state_dir)


def open_store(settings: Settings) -> Store:
    """Return the store of this installation; opens no connection yet."""
    timing = settings.service.timing
    return open_store_at(
        redis_url_of(settings),
        timing=StoreTiming(
            dead_s=timing.dead_s,
            heartbeat_s=timing.heartbeat_s,
            lease_s=timing.due_s + timing.write_deadline_s + RESTART_MARGIN_S,
            first_due_s=timing.due_s,
            settle_s=2 * timing.write_deadline_s + timing.write_margin_s,
            loading_s=timing.step_due_s,
            busy_s=min(1.5, timing.due_s),
            relied_s=1.5 * timing.index_age_s,
            closed_s=2 * timing.visibility_timeout_s + 600,
        ),
    )


def notification_url(settings: Settings) -> str | None:
    """Return where Graph delivers its notifications; None without a public address."""
    public_url = settings.service.public_url
    return None if public_url is None else public_url + NOTIFICATIONS_PATH


def publish_configuration(settings: Settings, store: Store) -> int:
    """Publish the configuration as the newest version; equal content keeps its version."""
    return store.snapshots.publish(to_documents(settings))


def build_vendors(settings: Settings, store: Store) -> Vendors:
    """Return the vendors of this process, with the store's budgets and slots."""
    configuration = snapshot_configuration(settings, store.snapshots)
    return Vendors(configuration, shared_budgets(store), make_slots=shared_slots(store), observer=store.calls.count)


def shared_budgets(store: Store) -> MakeBudget:
    """Return how budgets are made that all processes of this installation share."""

    def make_budget(name: str, *, lane: Lane, per_minute: float, vendor: str) -> Budget:
        return InstanceBudget(store.connection, name, lane=lane, rate=Rate(per_minute=per_minute), vendor=vendor)

    return make_budget


def make_notifier(settings: Settings) -> AppriseNotifier:
    """Return where alerts and the heartbeat go."""
    service = settings.service
    heartbeat_url = None if service.heartbeat_url is None else service.heartbeat_url.get_secret_value()
    return AppriseNotifier([url.get_secret_value() for url in service.notify], heartbeat_url=heartbeat_url)


def shared_slots(store: Store) -> MakeSlots:
    """Return how places for requests are made that all processes of this installation share."""

    def make_slots(name: str, *, most: int, linger_s: float, counted_by: tuple[str, ...], vendor: str) -> Slots:
        return InstanceSlots(
            store.connection, name, most=most, linger_s=linger_s, counted_by=(vendor, *counted_by), vendor=vendor
        )

    return make_slots


def build_ports(settings: Settings, store: Store, *, publisher: Publisher) -> Ports:
    """Return the ports of this process."""
    vendors = build_vendors(settings, store)
    return Ports(
        runs=store.runs,
        reading=store.reading,
        index=store.index,
        plan=store.plan,
        users=store.users,
        memory=store.memory,
        decisions=store.decisions,
        events=store.events,
        reports=store.reports,
        journal=store.journal,
        kept=store.kept,
        recovery=store.recovery,
        budgets=store.budgets,
        presence=store.presence,
        configuration=vendors.configuration,
        publisher=publisher,
        directory=vendors.directory,
        contacts=vendors.contacts,
        subscriptions=vendors.subscriptions,
        alerts=store.alerts,
        notifier=make_notifier(settings),
        expiries=vendors.expiries,
        alert_rules=settings.service.alert_rules(),
        notification_url=notification_url(settings),
        timing=settings.service.timing_of_tasks(),
    )
