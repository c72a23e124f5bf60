"""The application that `celery -A worker.app …` and every service command start, configured as the others are."""

import gc
from typing import Any

from celery import signals
from celery.concurrency import get_implementation

from tasks.publishing import CeleryPublisher
from worker import telemetry
from worker.celery_app import SyncApp, create_app
from worker.compose import build_ports, open_store, redis_url_of
from worker.process import WorkerProcess
from worker.settings import Settings, load_settings

__all__ = ["app", "make_app"]

COLLECT_AFTER = (20_000, 20, 20)  # objects, and rounds: a slice of a run makes a hundred thousand that soon go
GREEN_POOL = (
    "contact-sync: a pool of green threads (gevent, eventlet) is not supported: one busy task would hold up the"
    " heartbeat, and all writes with it; use --pool threads, prefork or solo"
)


def make_app(settings: Settings) -> SyncApp:
    """Return the application with its ports and its place among the living; opens no connection."""
    timing = settings.service.timing
    application = create_app(
        redis_url_of(settings),
        visibility_timeout_s=timing.visibility_timeout_s,
        user_events=settings.service.workers.user_events,
        dispatch_s=timing.dispatch_s,
        write_deadline_s=timing.write_deadline_s,
    )
    process = WorkerProcess(
        lambda: build_ports(settings, open_store(settings), publisher=CeleryPublisher(application)),
        heartbeat_s=timing.heartbeat_s,
        reconcile_s=timing.reconcile_s,
    )
    application.build_ports = process.ports
    _join_the_living(process)
    return application


def _join_the_living(process: WorkerProcess) -> None:
    """Start heartbeat and reconciling in each process that runs tasks: a prefork child, or the worker itself."""

    def child_started(**_: Any) -> None:
        _calm_collector()
        process.start()

    def worker_ready(sender: Any, **_: Any) -> None:
        if not sender.pool.signal_safe:
            child_started()

    def child_stopped(**_: Any) -> None:
        process.stop()

    signals.worker_process_init.connect(child_started, weak=False)
    signals.worker_process_shutdown.connect(child_stopped, weak=False)
    signals.worker_ready.connect(worker_ready, weak=False)
    signals.worker_shutdown.connect(child_stopped, weak=False)


def _calm_collector() -> None:
    """Look for garbage less often, and never among what was imported: it took a fifth of the judging."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _refuse_green_pools(sender: Any, **_: Any) -> None:
    """End a worker of such a pool before it takes a message: without a heartbeat it would only hand them back."""
    if get_implementation(sender.pool_cls).is_green:
        raise SystemExit(GREEN_POOL)


def _set_up_logging(**_: Any) -> None:
    telemetry.configure()


signals.worker_init.connect(_refuse_green_pools, weak=False)
signals.setup_logging.connect(_set_up_logging, weak=False)
app = make_app(load_settings())
