"""Whole runs in one process: the real steps over a real store, vendors in memory, a queue instead of a broker."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters.read_only import ReadOnlyContacts
from adapters.records import Watermark
from adapters.store import Store
from tasks import reconciling
from tasks.connector import Connector
from tasks.default_mappings import default_mapping
from tasks.incidents import AlertRules
from tasks.ports import Contacts, Directory, Expiry, Json, Ports, Timing
from tasks.requesting import request_run
from tests.fakes.contacts import FakeContacts
from tests.fakes.directory import FakeDirectory
from tests.fakes.notifier import FakeNotifier
from tests.fakes.queue import Queue
from tests.fakes.reports import check_report
from tests.fakes.subscriptions import FakeSubscriptions
from worker.reporting import write_run_report

TENANT = "11111111-1111-4111-8111-111111111111"
TIMING = Timing(
    write_deadline_s=0.3,
    write_margin_s=0.05,
    user_horizon_s=2.0,
    instance_horizon_s=5.0,
    batch_size=4,
    count_again_s=0.01,
)
LONGEST_SLEEP_S = 0.1


def make_connector(connector_id: str = "contoso", **settings: Any) -> Connector:
    """Return a connector of the fake tenant and the fake PSA's company 250."""
    defaults: Json = {
        "tenant_id": TENANT,
        "psa": "main",
        "psa_kind": "connectwise",
        "graph_app": "main",
        "psa_default_company_id": "250",
        "field_mapping": default_mapping("connectwise"),
        "fingerprint": "f1",
        "read_back": 0,
    }
    return Connector(connector_id=connector_id, **{**defaults, **settings})


class FakeConfiguration:
    """Satisfies ports.Configuration: snapshots that stay as they were published."""

    def __init__(self, connector: Connector) -> None:
        """Publish a first version with one connector."""
        self._snapshots: list[dict[str, Connector]] = []
        self.publish(connector)

    def publish(self, *connectors: Connector) -> None:
        """Publish a version of these connectors and no others."""
        self._snapshots.append({connector.connector_id: connector for connector in connectors})

    def current_version(self) -> int:
        """Return the newest version."""
        return len(self._snapshots)

    def connector(self, connector_id: str, *, version: int) -> Connector:
        """Return a connector of a version."""
        return self._snapshots[version - 1][connector_id]

    def connectors(self, *, version: int) -> tuple[str, ...]:
        """Name the connectors of a version."""
        return tuple(self._snapshots[version - 1])


class FakeBudgets:
    """Satisfies ports.Budgets: calls are free, and the breaker is closed unless told otherwise."""

    def __init__(self) -> None:
        """Be well."""
        self.down_since: int | None = None
        self.waits: Json = {}

    def is_open(self, instance: str) -> bool:
        """Tell whether the PSA is down."""
        return self.down_since is not None

    def down_since_ms(self, instance: str) -> int | None:
        """Return what was set."""
        return self.down_since

    def paused(self, instances: Sequence[str]) -> dict[str, float]:
        """Return what was set."""
        return {instance: self.waits[instance] for instance in instances if instance in self.waits}

    def window(self, instance: str, *, most: int, lane: str) -> int:
        """Let everything through, or a probe."""
        return most if self.down_since is None else 1


class Engine:
    """One installation in one process, with the connector contoso of tenant `directory`, and the PSA `psa`.

    Every report that it returns has been checked to add up."""

    def __init__(self, store: Store, *, timing: Timing = TIMING, **settings: Any) -> None:
        """Start with an empty tenant and an empty company 250."""
        self.store = store
        self.directory = FakeDirectory()
        self.subscriptions = FakeSubscriptions()
        self.notification_url: str | None = None
        self.notifier = FakeNotifier()
        self.expiries: list[Expiry] = []
        self.psa = FakeContacts()
        self.psa.add_company()
        self.queue = Queue(lambda: self.ports)
        self.budgets = FakeBudgets()
        self.configuration = FakeConfiguration(make_connector(**settings))
        self._tenants: dict[str, Directory] = {"contoso": self.directory}
        self.ports = self._ports_of(store, timing)
        self._check_pairing(self.connector())

    def _ports_of(self, store: Store, timing: Timing) -> Ports:
        def contacts(dry_run: bool) -> Contacts:
            return ReadOnlyContacts(self.psa) if dry_run else self.psa

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
            budgets=self.budgets,
            presence=store.presence,
            configuration=self.configuration,
            publisher=self.queue,
            directory=lambda run: self._tenants[run.connector_id],
            contacts=lambda run: contacts(run.dry_run),
            subscriptions=lambda connector_id, version: self.subscriptions,
            alerts=store.alerts,
            notifier=self.notifier,
            expiries=lambda now_ms: self.expiries,
            alert_rules=AlertRules(gather_s=0, over_s=0),
            notification_url=self.notification_url,
            timing=timing,
        )

    # --- what a test arranges ---------------------------------------------------------------------------------------

    def configure(self, **settings: Any) -> None:
        """Publish another version, with these settings of contoso changed."""
        self.configuration.publish(Connector.model_validate({**self.connector().model_dump(), **settings}))

    def connector(self) -> Connector:
        """Return contoso as it was published last."""
        return self.configuration.connector("contoso", version=self.configuration.current_version())

    def add_connector(self, connector_id: str, directory: Directory, **settings: Any) -> None:
        """Publish another connector beside those that there are, with a tenant of its own."""
        self._tenants[connector_id] = directory
        version = self.configuration.current_version()
        known = [
            self.configuration.connector(name, version=version)
            for name in self.configuration.connectors(version=version)
        ]
        added = make_connector(connector_id, **settings)
        self.configuration.publish(*known, added)
        self._check_pairing(added)

    def with_timing(self, **times: Any) -> None:
        """Change times and sizes."""
        self.ports = replace(self.ports, timing=replace(self.ports.timing, **times))

    def open_address(self, url: str | None = "https://sync.contoso.com/v1/graph/notifications") -> None:
        """Deliver notifications there; None closes it."""
        self.notification_url = url
        self.ports = replace(self.ports, notification_url=url)

    @property
    def watermark(self) -> Watermark:
        """What is remembered of contoso's delta link."""
        watermark = self.store.memory.watermark("contoso")
        assert watermark is not None, "no delta link was saved"
        return watermark

    def change_watermark(self, **facts: Any) -> None:
        """Change what is remembered of the delta link, such as its age."""
        changed = self.watermark.model_copy(update=facts).model_dump_json()
        self.store.connection.client.hset(self.store.connection.keys.watermarks, "contoso", changed)

    def move_to(self, store: Store) -> None:
        """Go on as another process, after the one that used the former store has died."""
        self.store = store
        self.ports = self._ports_of(store, self.ports.timing)

    def _check_pairing(self, connector: Connector) -> None:
        """Remember what `check` would have found: tenant and companies fit."""
        for company_id in connector.company_ids:
            self.store.memory.save_pairing(connector.home, company_id, "fits")

    def approve(self, connector_id: str = "contoso") -> None:
        """Let a connector run by itself, as a full run by hand would have done."""
        version = self.configuration.current_version()
        home = self.configuration.connector(connector_id, version=version).home
        self.store.kept.approve(connector_id, home, run_id="by-hand")

    # --- runs -------------------------------------------------------------------------------------------------------

    def request(self, connector_id: str = "contoso", **inputs: Any) -> str:
        """Ask for a run; it waits in the queue."""
        return request_run(self.ports, connector_id, inputs, trigger="cli").run_id

    def run(self, connector_id: str = "contoso", **inputs: Any) -> Json:
        """Ask for a run, carry it to its end, return its report."""
        run_id = self.request(connector_id, **inputs)
        self.work()
        return self.report(run_id)

    def work(self, *, until: str | None = None, most_steps: int = 5000) -> None:
        """Do the messages in turn until none waits, or one of that name is next; one that wants to wait goes last."""
        self.store.presence.beat()
        for _ in range(most_steps):
            if not self.queue.waiting or self.queue.waiting[0].name == until:
                return
            wait_s = self.queue.do_next()
            if wait_s is not None:
                self.pass_time(wait_s)
        names = [message.name for message in self.queue.waiting]
        raise AssertionError(f"no end: {names[:10]}")

    def pass_time(self, seconds: float) -> None:
        """Let some time pass: the store's clock is real, and waits are short in tests."""
        self.store.presence.beat()
        time.sleep(min(seconds, LONGEST_SLEEP_S))

    def living_holder(self) -> str:
        """Return the name of a holder that counts as alive."""
        self.store.presence.beat()
        return self.store.presence.new_holder()

    def reconcile(self) -> None:
        """Take up what was lost, as if everybody had waited long enough for it."""
        connection = self.store.connection
        for waiting in (connection.keys.open, connection.keys.due, connection.keys.done):
            for entry in connection.client.zrange(waiting, 0, -1):
                connection.client.zadd(waiting, {entry: 0}, xx=True)
        reconciling.reconcile(self.ports)

    def recover(self, run_id: str, *, most_rounds: int = 50) -> Json:
        """Reconcile and work until a run is closed; return its report."""
        for _ in range(most_rounds):
            if self.store.runs.is_closed(run_id):
                return self.report(run_id)
            self.reconcile()
            self.work()
        raise AssertionError(f"not closed: {self.store.runs.load_run(run_id)!r}")

    def report(self, run_id: str) -> Json:
        """Return the report of a closed run."""
        out = io.StringIO()
        assert write_run_report(self.store, run_id, out), f"not closed: {self.store.runs.load_run(run_id)!r}"
        report: Json = json.loads(out.getvalue())
        check_report(report)
        return report
