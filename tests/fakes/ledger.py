"""The part of the ledger that requests and schedules touch, in memory, on a clock that the test sets."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from adapters.records import Run, Watermark
from tasks.connector import Connector
from tasks.ports import Ports, Timing


class FakeLedger:
    """Satisfies what dispatching and requesting ask of runs, memory, configuration and publisher."""

    def __init__(self, *connectors: Connector, now_ms: int) -> None:
        self.known = {connector.connector_id: connector for connector in connectors}
        self.now = now_ms
        self.runs: dict[str, Run] = {}
        self.ticks: dict[str, int] = {}
        self.watermarks: dict[str, Watermark] = {}
        self.log: list[str] = []
        self.purged_before: list[int] = []
        self.before_request: Callable[[], None] = lambda: None
        mine = cast("Any", self)
        self.ports = Ports(**{**dict.fromkeys(Ports.__dataclass_fields__, mine), "timing": Timing()})

    def spread(self, seconds: int) -> None:
        self.ports = replace(self.ports, timing=Timing(schedule_spread_s=seconds))

    def now_ms(self) -> int:
        return self.now

    def request_run(self, run: Run, *, tick: tuple[int, int] | None = None) -> bool:
        self.before_request()
        if run.run_id in self.runs or (tick is not None and self.ticks.get(run.connector_id) != tick[0]):
            return False
        if tick is not None:
            self.ticks[run.connector_id] = tick[1]
        self.runs[run.run_id] = run
        self.log.append(f"requested {run.run_id}")
        return True

    def start_run(self, run_id: str) -> None:
        self.log.append(f"published {run_id}")

    def last_tick(self, connector_id: str) -> int | None:
        return self.ticks.get(connector_id)

    def see_connector(self, connector_id: str, *, at_ms: int) -> None:
        self.ticks.setdefault(connector_id, at_ms)

    def watermark(self, connector_id: str) -> Watermark | None:
        return self.watermarks.get(connector_id)

    def busy_with(self, connector_id: str) -> set[str]:
        return set()

    def purge(self, *, older_than_ms: int) -> int:
        self.purged_before.append(older_than_ms)
        return 0

    def current_version(self) -> int:
        return 1

    def connectors(self, *, version: int) -> tuple[str, ...]:
        return tuple(self.known)

    def connector(self, connector_id: str, *, version: int) -> Connector:
        return self.known[connector_id]
