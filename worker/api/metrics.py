"""What Prometheus reads: the state of the shared store, so that every process answers alike. No personal data."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from itertools import chain, islice

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.errors import SyncError
from adapters.records import RunState
from adapters.store import Store
from tasks.ports import Ports
from worker.api.access import Access, Caller
from worker.api.problems import describe_problems

REFUSED = describe_problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOKED_BACK = 10  # closed runs of a connector among which its last success is looked for
MOST_ERRORS = 1000  # of one run, that are counted by their code
OPEN_STATES = tuple(state.value for state in RunState if state is not RunState.CLOSED)


def metrics_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the route; its token is one that may read, and shows the connectors that it sees."""
    router = APIRouter(tags=["service"], responses=REFUSED)

    @router.get("/metrics", response_class=Response)
    def metrics(request: Request) -> Response:
        """Give Prometheus what it draws and alarms by."""
        caller = access.caller(request, "read")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_StoreCollector(ports(), store(), caller))
        return Response(generate_latest(registry), media_type=MEDIA_TYPE)

    return router


class _StoreCollector(Collector):
    """One look at the store; labels are states and names of the configuration alone."""

    def __init__(self, ports: Ports, store: Store, caller: Caller) -> None:
        version = ports.configuration.current_version()
        names = ports.configuration.connectors(version=version) if version else ()
        self._connectors = [name for name in names if caller.sees(name)]
        self._caller = caller
        self._store = store
        self._budgets = sorted({budget for name in self._connectors for budget in _budgets_of(ports, name, version)})

    def collect(self) -> Iterator[Metric]:
        workers = GaugeMetricFamily("contact_sync_workers", "Worker processes that are alive.")
        workers.add_metric([], len(self._store.presence.living()))
        yield workers
        yield self._open_runs()
        yield self._waiting()
        yield from self._last_runs()
        yield self._errors()
        yield from self._budget()

    def _open_runs(self) -> Metric:
        runs = [run for run in self._store.reports.open_runs() if self._caller.sees(run.connector_id)]
        count = Counter(run.state.value for run in runs)
        family = GaugeMetricFamily("contact_sync_open_runs", "Runs that go on.", labels=["state"])
        for state in OPEN_STATES:
            family.add_metric([state], count[state])
        return family

    def _waiting(self) -> Metric:
        """Tell how long the oldest run that has not begun has waited, of each connector that has one."""
        family = GaugeMetricFamily(
            "contact_sync_waiting_seconds",
            "Since the oldest run that has not begun was asked for.",
            labels=["connector"],
        )
        now_ms, told = self._store.runs.now_ms(), set()
        for run in self._store.reports.open_runs():  # the oldest first
            is_first = run.connector_id not in told and run.state is RunState.REQUESTED
            if is_first and self._caller.sees(run.connector_id):
                told.add(run.connector_id)
                family.add_metric([run.connector_id], max(0, now_ms - run.requested_at_ms) / 1000)
        return family

    def _errors(self) -> Metric:
        family = GaugeMetricFamily(
            "contact_sync_last_run_errors", "Errors of the last closed run, by code.", labels=["connector", "code"]
        )
        for name in self._connectors:
            for head in self._store.reports.heads(1, connector_id=name):
                users = self._store.reports.rows(head["run_id"], "errors")
                rows = islice(chain(head.get("errors", ()), users), MOST_ERRORS)
                for code, count in sorted(Counter(str(row["code"]) for row in rows).items()):
                    family.add_metric([name, code], count)
        return family

    def _budget(self) -> Iterator[Metric]:
        calls = GaugeMetricFamily(
            "contact_sync_budget_left_calls", "Calls that may go at once, by PSA instance or tenant.", labels=["budget"]
        )
        wait = GaugeMetricFamily(
            "contact_sync_budget_wait_seconds", "How long the next call waits for the budget.", labels=["budget"]
        )
        for name, (left, wait_s) in self._store.budgets.left(self._budgets).items():
            calls.add_metric([name], left)
            wait.add_metric([name], wait_s)
        yield calls
        yield wait

    def _last_runs(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            "contact_sync_last_success_age_seconds", "Since the start of the last success.", labels=["connector"]
        )
        users = GaugeMetricFamily(
            "contact_sync_last_run_users", "Users of the last closed run.", labels=["connector", "result"]
        )
        now_s = self._store.runs.now_ms() / 1000
        for name in self._connectors:
            heads = self._store.reports.heads(LOOKED_BACK, connector_id=name)
            success = next((head for head in heads if head["success"] and not head.get("dry_run")), None)
            if success is not None:
                age.add_metric([name], now_s - datetime.fromisoformat(success["sync_timestamp"]).timestamp())
            for result in ("contacts_created", "contacts_updated", "contacts_skipped", "errors") if heads else ():
                users.add_metric([name, result.removeprefix("contacts_")], heads[0]["statistics"][result])
        yield age
        yield users


def _budgets_of(ports: Ports, name: str, version: int) -> tuple[str, ...]:
    """Name the budgets that a connector's calls come out of; none where its settings are of no use."""
    try:
        connector = ports.configuration.connector(name, version=version)
    except SyncError:
        return ()
    return (connector.psa, f"graph:{connector.tenant_id}")
