"""The Celery application: settings argued one by one, queues, beat's entries."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from celery import Celery

from tasks import celery_tasks
from tasks.ports import Ports
from worker.broker import broker_settings

RESULT_DAYS = 1
DISPATCH_S = 60.0  # a cron line has no shorter interval than a minute
BEAT_LOOK_S = 5.0  # the longest that beat sleeps
BACKLOG = 10  # rounds of beat that wait for a worker at most; generous, because the hosts' clocks are compared
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
WRITE_DEADLINE_S = 20.0
SOFT_SHUTDOWN_SHARE = 1.5  # of the most that a write may take: a stop loses no answer


class SyncApp(Celery):
    """A Celery application that builds its ports once per process, on first use."""

    build_ports: Callable[[], Ports] | None = None

    def ports(self) -> Ports:
        """Return this process's ports. Raises RuntimeError in an application that only publishes."""
        if self.build_ports is None:
            raise RuntimeError("this application has no ports: start it by `contact-sync worker` or worker.app")
        return self.build_ports()


def create_app(
    redis_url: str,
    *,
    visibility_timeout_s: float,
    user_events: bool,
    dispatch_s: float = DISPATCH_S,
    write_deadline_s: float = WRITE_DEADLINE_S,
) -> SyncApp:
    """Return the application; opens no connection. The last two concern beat and workers, not who only publishes."""
    app = SyncApp("contact-sync", set_as_current=True, include=["tasks.celery_tasks"])
    app.conf.update(_settings(redis_url, visibility_timeout_s=visibility_timeout_s))
    app.conf.update(_beat_settings(dispatch_s))
    app.conf.worker_soft_shutdown_timeout = SOFT_SHUTDOWN_SHARE * write_deadline_s
    app.finalize()
    # three events a task cost 38 % of the throughput of no-op tasks; very large tenants do without the per-user ones
    app.tasks[celery_tasks.upsert_contact.name].send_events = user_events
    return app


def _settings(redis_url: str, *, visibility_timeout_s: float) -> dict[str, Any]:
    broker = broker_settings(redis_url)
    return {
        **broker,
        # an unacknowledged message goes back to its queue, whatever happened to the worker: repeats are harmless
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_timeout": False,
        # a stored result of a chord's member opens a window in which it is stored but never counted
        "task_ignore_result": True,
        "task_track_started": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_expires": RESULT_DAYS * 86400,
        "result_chord_expires": 2 * RESULT_DAYS * 86400,
        "result_chord_join_timeout": 3.0,
        # no throughput cost was measured, and fewer messages wait for the visibility time-out after a kill
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": False,
        "worker_eta_task_limit": None,  # on Redis it blocks ordinary tasks and leaves the prefetch count at 1
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # a SIGTERM is a warm stop: it ends with the last write. SIGQUIT, or REMAP_SIGTERM, always takes the whole time
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "task_send_sent_event": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_limit": 10,
        "broker_transport_options": {
            "visibility_timeout": visibility_timeout_s,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 60,  # a worker killed while it restores would block every other one for so long
            "max_connections": 200,  # kombu's 10 is below the number of threads that acknowledge
            "socket_keepalive": True,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "health_check_interval": 25,
            "priority_steps": [0],  # one list per queue; BRPOP names every step
            "queue_order_strategy": "round_robin",
            **broker.get("result_backend_transport_options", {}),  # behind Sentinels: how they are asked
        },
        "redis_socket_timeout": 30,
        "redis_socket_connect_timeout": 5,
        "redis_backend_health_check_interval": 25,
        "task_default_queue": "control",
        "task_routes": celery_tasks.ROUTES,
        "task_create_missing_queues": True,
        "timezone": "UTC",
    }


def _beat_settings(dispatch_s: float) -> dict[str, Any]:
    each_round = {"schedule": dispatch_s, "last_run_at": LONG_AGO, "options": {"expires": BACKLOG * dispatch_s}}
    return {
        # what was dispatched stands in the ledger: beat keeps no file, and begins with what it missed
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_schedule": {
            "dispatch-due": {"task": celery_tasks.dispatch_due.name, **each_round},
            "reconcile": {"task": celery_tasks.reconcile.name, **each_round},
            "keep-subscriptions": {"task": celery_tasks.keep_subscriptions.name, **each_round},
            "watch": {"task": celery_tasks.watch.name, **each_round},
            # an old one would say that beat lives when it may not
            "heartbeat": {"task": celery_tasks.heartbeat.name, **each_round, "options": {"expires": dispatch_s}},
        },
        "beat_max_loop_interval": min(BEAT_LOOK_S, dispatch_s),
    }
