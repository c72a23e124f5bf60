"""Puts the next step's message into the broker, with fixed ids, so that a repeat is harmless."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, Signature
from kombu.exceptions import KombuError, OperationalError

from adapters.errors import TransientError
from adapters.records import Batch, Member
from tasks import celery_tasks

BATCH_PUBLISH_SIZE = 1000  # more than a batch ever holds: one pipelined round trip


class CeleryPublisher:
    """Satisfies ports.Publisher on a Celery application.

    A chord is published member by member through one pipelined producer: `chord()` itself subscribes to a result
    channel per task. Its size is stored first, so that a publisher that dies half-way leaves a chord that a later
    copy of the missing members completes."""

    def __init__(self, app: Celery) -> None:
        """Take the application whose broker the messages go to."""
        self._app = app
        errors: tuple[type[Exception], ...] = getattr(app.backend, "connection_errors", ())
        self._unreachable: tuple[type[Exception], ...] = (OperationalError, KombuError, *errors)

    def start_run(self, run_id: str) -> None:
        """Publish the first step."""
        self._send(celery_tasks.start_run, (run_id,), task_id=f"{run_id}:start", shown=f"({run_id})")

    def fan_out(self, run_id: str, *, generation: int, page: int) -> None:
        """Publish the reading of one page."""
        self._send(
            celery_tasks.fan_out,
            (run_id, generation, page),
            task_id=f"{run_id}:page:{generation}.{page}",
            shown=f"({run_id}, page {page})",
        )

    def judge(self, run_id: str) -> None:
        """Publish the judging."""
        self._send(celery_tasks.judge, (run_id,), task_id=f"{run_id}:judge", shown=f"({run_id})")

    def feed(self, instance: str) -> None:
        """Publish a feed of an instance."""
        self._send(celery_tasks.feed, (instance,), task_id=None, shown=f"({instance})")

    def batch(self, batch: Batch) -> None:
        """Publish a batch as the header of a chord whose callback summarises it."""
        with self._reaching():
            self._app.backend.set_chord_size(_group(batch.run_id, batch.batch_id), len(batch.members))
            with self._app.producer_or_acquire() as producer, producer.batch(max_size=BATCH_PUBLISH_SIZE):
                for member in batch.members:
                    self._send_member(member, producer=producer, retry=False)

    def upsert(self, member: Member) -> None:
        """Publish one member of a batch again, under the ids that it had."""
        self._send_member(member)

    def summarize_batch(self, run_id: str, batch_id: str) -> None:
        """Publish a batch's summary past its chord."""
        with self._reaching():
            self._callback(run_id, batch_id).apply_async()

    def close_run(self, run_id: str) -> None:
        """Publish the last step."""
        self._send(celery_tasks.close_run, (run_id,), task_id=f"{run_id}:close", shown=f"({run_id})")

    def take_changes(self, connector_id: str, *, wait_s: float) -> None:
        """Publish the taking of changed users, for when their time has come."""
        shown = f"({connector_id})"
        self._send(celery_tasks.take_changes, (connector_id,), task_id=None, shown=shown, countdown=wait_s)

    def keep_subscription(self, connector_id: str) -> None:
        """Publish the care of a connector's subscription."""
        self._send(celery_tasks.keep_subscription, (connector_id,), task_id=None, shown=f"({connector_id})")

    def poll_delta(self, connector_id: str) -> None:
        """Publish a poll."""
        self._send(celery_tasks.poll_delta, (connector_id,), task_id=None, shown=f"({connector_id})")

    def _send_member(self, member: Member, **options: Any) -> None:
        self._send(
            celery_tasks.upsert_contact,
            (member.run_id, member.user_id),
            task_id=f"{member.run_id}:user:{member.user_id}",
            shown=f"({member.name}, {member.run_id})",
            queue="targeted" if member.lane == "targeted" else "upsert",
            group_id=_group(member.run_id, member.batch_id),
            group_index=member.index,
            chord=self._callback(member.run_id, member.batch_id),
            **options,
        )

    def _callback(self, run_id: str, batch_id: str) -> Signature:
        signature: Signature = celery_tasks.summarize_batch.signature(
            (run_id, batch_id),
            immutable=True,
            app=self._app,
            task_id=f"{run_id}:summary:{batch_id}",
            argsrepr=f"({run_id}, {batch_id})",
        )
        return signature

    def _send(self, task: Any, args: tuple[Any, ...], *, task_id: str | None, shown: str, **options: Any) -> None:
        # argsrepr is all that Flower and the logs show of a message: ids and the user principal name; nobody here
        # waits for a result, and Celery would subscribe to it for ever
        options |= {"argsrepr": shown, "kwargsrepr": "{}", "ignore_result": True}
        with self._reaching():
            self._app.tasks[task.name].apply_async(args, task_id=task_id, **options)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Put what the broker's client raises into our words: the step comes back, the run does not end by it."""
        try:
            yield
        except self._unreachable as error:
            raise TransientError("broker_unreachable", vendor="store") from error


def _group(run_id: str, batch_id: str) -> str:
    return f"{run_id}:batch:{batch_id}"
