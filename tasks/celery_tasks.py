"""The Celery half of every step: name, queue, limits, retry. The steps are plain functions that tests call directly."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import structlog
from celery import Task, shared_task
from celery.exceptions import Reject

from adapters.errors import TransientError
from tasks import (
    closing,
    deciding,
    dispatching,
    fanning_out,
    feeding,
    polling,
    reconciling,
    requesting,
    starting,
    stepping,
    summarizing,
    upserting,
)
from tasks.alerting import watching
from tasks.events import subscribing, taking
from tasks.ports import Ports

T = TypeVar("T")

STORE_WAIT_S = 3.0  # the store or the broker is away; it is asked again until it is back

ROUTES = {"sync.upsert_contact": {"queue": "upsert"}, "sync.*": {"queue": "control"}}
"""Where tasks go; the publisher sends the users of targeted and event runs to the queue `targeted` instead."""

LATE: dict[str, Any] = {"acks_late": True, "max_retries": None, "ignore_result": True}


class PortsApp(Protocol):
    """The application of a worker process."""

    def ports(self) -> Ports:
        """Return the adapters of this process, built once."""


class SyncTask(Task[..., Any]):
    """A task that finds its ports on the application, and waits without holding a slot."""

    abstract = True

    @property
    def ports(self) -> Ports:
        """The adapters of this worker process, built once."""
        return cast(PortsApp, self.app).ports()

    def step(self, do: Callable[[], float | None], **facts: str) -> None:
        """Do one step; if it wants to be repeated later, come back with a countdown."""
        wait_s = self.outwait(do, **facts)
        if wait_s is not None:
            raise self.later(wait_s)

    def outwait(self, do: Callable[[], T], **facts: str) -> T:
        """Do this and return what it returns; while store or broker are away, come back with a countdown."""
        with structlog.contextvars.bound_contextvars(task_id=self.request.id, **facts):
            try:
                return do()
            except TransientError as error:
                structlog.get_logger().warning("step.store_unavailable", reason=str(error))
        raise self.later(STORE_WAIT_S)

    def later(self, wait_s: float) -> Exception:
        """Publish the message once more, with a countdown; return what this delivery is to end with.

        Celery would forget what Flower and the logs show of the message, and the message itself if the broker does not
        take its copy: then this delivery goes back to the queue instead, at the latest by the visibility time-out."""
        shown: dict[str, Any] = {name: getattr(self.request, name, None) for name in ("argsrepr", "kwargsrepr")}
        try:
            return self.retry(countdown=wait_s, throw=False, **shown)
        except Reject:
            return Reject("the broker takes no copy", requeue=True)


@shared_task(bind=True, base=SyncTask, name="sync.dispatch_due", **LATE)
def dispatch_due(self: SyncTask) -> None:
    """Request a run of every connector whose schedule has come due; beat sends this each minute."""
    self.step(lambda: dispatching.dispatch_due(self.ports))


@shared_task(bind=True, base=SyncTask, name="sync.start_run", **{**LATE, "ignore_result": False})
def start_run(self: SyncTask, run_id: str | None = None, connector: object = None, request: object = None) -> str:
    """Start a requested run; or, given a connector and the specified inputs, request one. Answers with the run id.

    Fails with RequestRefusedError, and with nothing else done, if the inputs are not the specified ones."""
    if run_id is None:
        key = f"flower:{self.request.id}"  # of the message, which may be delivered twice
        return self.outwait(lambda: requesting.request_by_flower(self.ports, connector, request, key=key))
    self.outwait(lambda: requesting.check_run(self.ports, run_id), run_id=run_id)
    self.step(lambda: stepping.run_step(self.ports, run_id, starting.start_run), run_id=run_id)
    return run_id


@shared_task(bind=True, base=SyncTask, name="sync.fan_out", **LATE)
def fan_out(self: SyncTask, run_id: str, generation: int, page: int) -> None:
    """Read one page of users and publish the next."""
    self.step(
        lambda: stepping.run_step(
            self.ports,
            run_id,
            lambda ports, run: fanning_out.fan_out(ports, run, generation=generation, page=page),
        ),
        run_id=run_id,
    )


@shared_task(bind=True, base=SyncTask, name="sync.judge", **LATE)
def judge(self: SyncTask, run_id: str) -> None:
    """Turn what was read into a plan, and let it be written if it may."""
    self.step(lambda: stepping.run_step(self.ports, run_id, deciding.judge), run_id=run_id)


@shared_task(bind=True, base=SyncTask, name="sync.feed", **LATE)
def feed(self: SyncTask, instance: str) -> None:
    """Publish the next users of an instance's open runs."""
    self.step(lambda: feeding.feed(self.ports, instance), instance=instance)


@shared_task(bind=True, base=SyncTask, name="sync.upsert_contact", **LATE)
def upsert_contact(self: SyncTask, run_id: str, user_id: str) -> None:
    """Give one user its contact; every end is an outcome in the ledger, so the chord always completes."""
    self.step(lambda: upserting.upsert_contact(self.ports, run_id, user_id), run_id=run_id, user_id=user_id)


@shared_task(bind=True, base=SyncTask, name="sync.summarize_batch", **LATE)
def summarize_batch(self: SyncTask, run_id: str, batch_id: str) -> None:
    """Seal one batch of users, and go on with the next or to the end."""
    self.step(lambda: summarizing.summarize_batch(self.ports, run_id, batch_id), run_id=run_id)


@shared_task(bind=True, base=SyncTask, name="sync.close_run", **LATE)
def close_run(self: SyncTask, run_id: str) -> None:
    """Close a run whose users all have an outcome: report, delta link, retry set and lease in one step."""
    self.step(lambda: stepping.run_step(self.ports, run_id, closing.close_run), run_id=run_id)


@shared_task(bind=True, base=SyncTask, name="sync.reconcile", **LATE)
def reconcile(self: SyncTask) -> None:
    """Take up what a crash left; every worker does this by itself too."""
    self.step(lambda: reconciling.reconcile(self.ports))


@shared_task(bind=True, base=SyncTask, name="sync.watch", **LATE)
def watch(self: SyncTask) -> None:
    """Find incidents and send the alerts that wait; beat sends this each minute."""
    self.step(lambda: watching.watch(self.ports))


@shared_task(bind=True, base=SyncTask, name="sync.heartbeat", **LATE)
def heartbeat(self: SyncTask) -> None:
    """Tell who watches over us that beat, broker and a worker are well: this message came through all of them."""
    self.step(lambda: watching.ping(self.ports))


@shared_task(bind=True, base=SyncTask, name="sync.take_changes", **LATE)
def take_changes(self: SyncTask, connector_id: str) -> None:
    """Request a targeted run for the users that Graph says have changed."""
    self.step(lambda: taking.take_changes(self.ports, connector_id), connector_id=connector_id)


@shared_task(bind=True, base=SyncTask, name="sync.poll_delta", **LATE)
def poll_delta(self: SyncTask, connector_id: str) -> None:
    """Ask a tenant whether anything has changed, and request a run if so."""
    self.step(lambda: polling.poll_delta(self.ports, connector_id), connector_id=connector_id)


@shared_task(bind=True, base=SyncTask, name="sync.keep_subscriptions", **LATE)
def keep_subscriptions(self: SyncTask) -> None:
    """Find the connectors whose subscription needs care; beat sends this each minute."""
    self.step(lambda: subscribing.keep_subscriptions(self.ports))


@shared_task(bind=True, base=SyncTask, name="sync.keep_subscription", **LATE)
def keep_subscription(self: SyncTask, connector_id: str) -> None:
    """Make, renew, mend or end one connector's subscription to changes."""
    self.step(lambda: subscribing.keep_subscription(self.ports, connector_id), connector_id=connector_id)
