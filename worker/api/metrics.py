"""What Prometheus reads: the state of the shared store, so that every process answers alike. No personal data."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.records import RunState
from adapters.store import Store
from tasks.ports import Ports
from worker.api.access import Access, Caller
from worker.api.problems import describe_problems

REFUSED = describe_problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOKED_BACK = 10  # closed runs of a connector among which its last success is looked for
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

    def collect(self) -> Iterator[Metric]:
        workers = GaugeMetricFamily("contact_sync_workers", "Worker processes that are alive.")
        workers.add_metric([], len(self._store.presence.living()))
        yield workers
        yield self._open_runs()
        yield from self._last_runs()

    def _open_runs(self) -> Metric:
        runs = [run for run in self._store.reports.open_runs() if self._caller.sees(run.connector_id)]
        count = Counter(run.state.value for run in runs)
        family = GaugeMetricFamily("contact_sync_open_runs", "Runs that go on.", labels=["state"])
        for state in OPEN_STATES:
            family.add_metric([state], count[state])
        return family

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
