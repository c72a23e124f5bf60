"""One worker process among the living: its ports, its heartbeat, its share of the reconciling."""

import os
import threading
from collections.abc import Callable

import structlog

from adapters.errors import SyncError
from tasks import reconciling
from tasks.ports import Ports

LOOP_FAILED = "process.loop_failed"
LEAVE_FAILED = "process.leave_failed"

log = structlog.get_logger()


class WorkerProcess:
    """Builds the ports on first use and keeps two threads: one beats, one reconciles. Safe across a fork."""

    def __init__(self, build: Callable[[], Ports], *, heartbeat_s: float, reconcile_s: float) -> None:
        """Take how to build the ports, and how often to beat and to reconcile."""
        self._build = build
        self._heartbeat_s = heartbeat_s
        self._reconcile_s = reconcile_s
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ports: Ports | None = None
        self._pid = 0

    def ports(self) -> Ports:
        """Return this process's ports; a forked child builds its own."""
        if self._ports is None or self._pid != os.getpid():
            with self._lock:
                if self._ports is None or self._pid != os.getpid():
                    self._ports = self._build()
                    self._pid = os.getpid()
        return self._ports

    def start(self) -> None:
        """Join the living; while the store is away, as soon as it is back."""
        ports = self.ports()
        self._stopping.clear()
        self._attempt("heartbeat", ports.presence.beat)
        self._spawn("heartbeat", self._heartbeat_s, ports.presence.beat)
        self._spawn("reconcile", self._reconcile_s, lambda: self._reconcile(ports))

    def stop(self) -> None:
        """Leave: nobody has to find out."""
        self._stopping.set()
        if self._ports is not None and self._pid == os.getpid():
            try:
                self._ports.presence.leave()
            except SyncError as error:
                log.warning(LEAVE_FAILED, reason=str(error))

    def _reconcile(self, ports: Ports) -> None:
        if ports.recovery.take_turn(holder=ports.presence.new_holder(), seconds=self._reconcile_s * 0.8):
            reconciling.reconcile(ports)

    def _spawn(self, name: str, every_s: float, do: Callable[[], None]) -> None:
        def loop() -> None:
            while not self._stopping.wait(every_s):
                self._attempt(name, do)

        threading.Thread(target=loop, name=name, daemon=True).start()

    def _attempt(self, name: str, do: Callable[[], None]) -> None:
        try:
            do()
        except SyncError as error:
            log.warning(LOOP_FAILED, loop=name, reason=str(error))
        except Exception:
            log.exception(LOOP_FAILED, loop=name)
