"""What Prometheus reads: the state of the shared store, so that every process answers alike. No personal data."""

from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.errors import SyncError
from adapters.records import Run, RunState
from adapters.store import Store
from tasks.ports import Ports
from worker.api import examples
from worker.api.access import Access, Caller
from worker.api.examples import described
from worker.api.problems import describe_problems

REFUSED = describe_problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN_STATES = tuple(state.value for state in RunState if state is not RunState.CLOSED)
FAMILIES = {
    "runs": ("Runs that were closed, by what they came to.", ["result", "dry_run"]),
    "users": ("Users whom closed runs looked at, dry runs apart.", ["result"]),
    "changes": ("Contacts that closed runs changed.", ["change"]),
    "errors": ("Errors of closed runs, dry runs apart.", ["code"]),
}
"""Counters of runs by name: what they count, and their labels beside the connector."""


def metrics_router(ports: Callable[[], Ports], store: Callable[[], Store], access: Access) -> APIRouter:
    """Return the route; its token is one that may read, and shows the connectors that it sees."""
    router = APIRouter(tags=["service"], responses=REFUSED)

    @router.get("/metrics", response_class=Response, responses=described(examples.METRICS, media_type="text/plain"))
    def metrics(request: Request) -> Response:
        """Give Prometheus what it draws and alarms by."""
        caller = access.caller(request, "read")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_StoreCollector(ports(), store(), caller))
        return Response(generate_latest(registry), media_type=MEDIA_TYPE)

    return router


class _StoreCollector(Collector):
    """One look at the store; labels are states, endpoints, and names of the configuration alone."""

    def __init__(self, ports: Ports, store: Store, caller: Caller) -> None:
        version = ports.configuration.current_version()
        names = ports.configuration.connectors(version=version) if version else ()
        self._connectors = {name for name in names if caller.sees(name)}
        self._caller = caller
        self._store = store
        self._budgets = sorted({budget for name in self._connectors for budget in _budgets_of(ports, name, version)})

    def collect(self) -> Iterator[Metric]:
        workers = GaugeMetricFamily("contact_sync_workers", "Worker processes that are alive.")
        workers.add_metric([], len(self._store.presence.living()))
        yield workers
        runs = [run for run in self._store.reports.open_runs() if self._caller.sees(run.connector_id)]
        yield _open_runs(runs)
        yield self._waiting(runs)
        yield from self._totals()
        yield self._last_success()
        if not self._caller.connectors:
            yield from self._calls()
        yield from self._budget()

    def _waiting(self, runs: list[Run]) -> Metric:
        """Tell how long the oldest run that has not begun has waited, of each connector that has one."""
        family = GaugeMetricFamily(
            "contact_sync_waiting_seconds",
            "Since the oldest run that has not begun was asked for.",
            labels=["connector"],
        )
        now_ms, told = self._store.runs.now_ms(), set()
        for run in runs:  # the oldest first
            if run.connector_id not in told and run.state is RunState.REQUESTED:
                told.add(run.connector_id)
                family.add_metric([run.connector_id], max(0, now_ms - run.requested_at_ms) / 1000)
        return family

    def _totals(self) -> Iterator[Metric]:
        """Tell what closed runs came to; the counters of a connector that is configured no more are not shown."""
        totals = self._store.totals.of_runs()
        for name, (text, labels) in FAMILIES.items():
            family = CounterMetricFamily(f"contact_sync_{name}", text, labels=["connector", *labels])
            for values, count in sorted(totals[name].items()):
                if values[0] in self._connectors:
                    family.add_metric(values, count)
            yield family

    def _last_success(self) -> Metric:
        family = GaugeMetricFamily(
            "contact_sync_last_success_age_seconds",
            "Since the start of the last successful run over the whole tenant.",
            labels=["connector"],
        )
        now_ms = self._store.runs.now_ms()
        for name, at_ms in sorted(self._store.totals.successes().items()):
            if name in self._connectors:
                family.add_metric([name], max(0, now_ms - at_ms) / 1000)
        return family

    def _calls(self) -> Iterator[Metric]:
        found = self._store.totals.calls()
        calls = CounterMetricFamily(
            "contact_sync_vendor_calls",
            "Requests that workers sent, by the template of their path; status none: no answer came.",
            labels=["vendor", "endpoint", "status"],
        )
        seconds = CounterMetricFamily(
            "contact_sync_vendor_call_seconds",
            "How long these requests took.",
            labels=["vendor", "endpoint"],
        )
        for place, count in sorted(found.count.items()):
            calls.add_metric(place, count)
        for where, took_s in sorted(found.seconds.items()):
            seconds.add_metric(where, took_s)
        yield calls
        yield seconds

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


def _open_runs(runs: list[Run]) -> Metric:
    count = Counter(run.state.value for run in runs)
    family = GaugeMetricFamily("contact_sync_open_runs", "Runs that go on.", labels=["state"])
    for state in OPEN_STATES:
        family.add_metric([state], count[state])
    return family


def _budgets_of(ports: Ports, name: str, version: int) -> tuple[str, ...]:
    """Name the budgets that a connector's calls come out of; none where its settings are of no use."""
    try:
        connector = ports.configuration.connector(name, version=version)
    except SyncError:
        return ()
    return (connector.psa, f"graph:{connector.tenant_id}")
