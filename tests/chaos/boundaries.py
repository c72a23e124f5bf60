"""Every boundary of input or output in a process of the product, named, counted, and deadly on demand.

Nothing in the product knows of this: the libraries' own doors are wrapped, so a new call is a new boundary by itself.
A boundary is named after the step that is at it and what it does: `upsert_contact: connectwise POST company/contacts`,
`fan_out: store page_save`, `feed: broker lpush upsert`.
"""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import kombu.transport.redis
import redis
from celery._state import get_current_task
from redis.client import Pipeline

from adapters.store.scripts import load_scripts
from adapters.transport import Transport

Moment = Literal["before", "after"]

LOOPS = ("heartbeat", "reconcile")  # threads of a worker that come round by the clock
CONSUMER = "consumer"
OURS, THEIRS = "store", "broker"
SPEC = "CONTACT_SYNC_CHAOS"
"""The variable of a process's environment that says what its tracer does; absent: nothing is wrapped."""


@dataclass(frozen=True, order=True)
class Death:
    """Where a process ends itself by SIGKILL: before or after it passes a boundary for the n-th time."""

    boundary: str
    moment: Moment
    number: int = 1

    def __str__(self) -> str:
        """Say it in one line, which `parse` reads."""
        return f"{self.moment} {self.boundary} #{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Death":
        """Read what `str` says. Raises ValueError for another text."""
        moment, _, rest = text.partition(" ")
        boundary, mark, number = rest.rpartition(" #")
        if moment not in ("before", "after") or not mark:
            raise ValueError(f"{text!r} is no death: before|after STEP: WHAT #NUMBER")
        return cls(boundary, "before" if moment == "before" else "after", int(number))


class Tracer:
    """Counts boundaries, writes them into a file as they are passed, and dies where it is told to."""

    def __init__(self, note: Path, *, death: Death | None, record: bool) -> None:
        """Take the file for the notes."""
        self._note = note
        self._death = death
        self._record = record
        self._lock = threading.Lock()
        self._passed: Counter[tuple[str, Moment]] = Counter()

    def around(self, what: str, do: Callable[[], Any]) -> Any:
        """Do this, which is a boundary."""
        name = f"{_step()}: {what}"
        self._reach(name, "before")
        result = do()
        self._reach(name, "after")
        return result

    def _reach(self, name: str, moment: Moment) -> None:
        if self._record:
            if moment == "before":
                self._write(name)
            return
        if self._death is None or (name, moment) != (self._death.boundary, self._death.moment):
            return
        with self._lock:
            self._passed[name, moment] += 1
            if self._passed[name, moment] == self._death.number:
                self._write(str(self._death))
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()  # not one step further, however late the signal comes

    def _write(self, line: str) -> None:
        with self._note.open("a") as note:
            note.write(f"{line}\n")


def environment(note: Path, *, death: Death | None = None) -> dict[str, str]:
    """Return what makes a process record its boundaries in a file; or, given a death, die there and note it."""
    spec = {"note": str(note), "death": asdict(death) if death else None, "record": death is None}
    return {SPEC: json.dumps(spec)}


def install() -> None:
    """Wrap the doors of this process, if its environment asks for it."""
    if SPEC not in os.environ:
        return
    spec = json.loads(os.environ[SPEC])
    death = Death(**spec["death"]) if spec["death"] else None
    tracer = Tracer(Path(spec["note"]), death=death, record=spec["record"])
    _wrap_vendors(tracer)
    _wrap_store(tracer)
    _wrap_deliveries(tracer)


def _step() -> str:
    """Name the step that this thread is at."""
    task: Any = get_current_task()
    if task is not None:
        return str(task.name).removeprefix("sync.")
    name = threading.current_thread().name
    return name if name in LOOPS else CONSUMER


def _wrap_vendors(tracer: Tracer) -> None:
    exchange = Transport._exchange

    def traced(self: Transport, request: Any, *, call: Any, is_own: bool) -> Any:
        what = f"{call.method} {call.endpoint}" if is_own else "token"
        return tracer.around(f"{self.vendor} {what}", lambda: exchange(self, request, call=call, is_own=is_own))

    Transport._exchange = traced  # type: ignore[method-assign]  # that is what a tracer does


def _wrap_store(tracer: Tracer) -> None:
    """Wrap redis-py's two doors: ours go through them, and so do those of Celery and kombu but for their waiting."""
    scripts = {script.sha: name for name, script in load_scripts().items()}
    command: Any = redis.Redis.execute_command
    execute: Any = Pipeline.execute

    def traced_command(self: Any, *args: Any, **options: Any) -> Any:
        if args[0] == "EVALSHA":
            what = scripts.get(args[1], "chord part")
        else:
            what = " ".join(str(word).lower() for word in args[: 2 if args[0] == "LPUSH" else 1])
        return tracer.around(f"{_owner(self)} {what}", lambda: command(self, *args, **options))

    def traced_execute(self: Any, *args: Any, **options: Any) -> Any:
        words = dict.fromkeys(str(entry[0][0]).lower() for entry in self.command_stack)
        if not words:
            return execute(self, *args, **options)
        return tracer.around(f"{_owner(self)} {'+'.join(words)}", lambda: execute(self, *args, **options))

    redis.Redis.execute_command = traced_command  # type: ignore[method-assign]
    Pipeline.execute = traced_execute  # type: ignore[method-assign]


def _wrap_deliveries(tracer: Tracer) -> None:
    channel: Any = kombu.transport.redis.Channel
    read = channel._brpop_read
    channel._brpop_read = lambda self, **options: tracer.around(f"{THEIRS} delivery", lambda: read(self, **options))


def _owner(client: Any) -> str:
    return OURS if type(client).__module__.startswith("adapters.") else THEIRS
