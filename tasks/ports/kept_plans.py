"""Plans that wait to be carried out, and which connectors may run by themselves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from adapters.records import KeptPlan, Run
from tasks.ports.vendors import Json


class KeptPlans(Protocol):
    """Plans in the reports of closed runs, as long as the reports are kept. Every method is one step."""

    def load(self, run_id: str) -> KeptPlan | None:
        """Return the plan that a closed run keeps; None if it keeps none, or there is no such report (any more)."""

    def find(self, number: int) -> str | None:
        """Name the run that keeps the plan of this number; None if there is none (any more)."""

    def lines(self, run_id: str) -> Iterable[Json]:
        """Yield the lines of a plan in their order, some hundred in memory at a time."""

    def lines_from(
        self, run_id: str, cursor: Sequence[int] | None, *, most: int, operation: str | None = None
    ) -> tuple[list[Json], list[int] | None]:
        """Return up to so many lines (of one operation) from a place on, and the next place; None: that was the end.

        Fewer, or none, may come before the end."""

    def carry_out(self, run: Run, *, source: str, expected: str) -> bool:
        """Write this run as requested, and put it down as the one that carries out the plan of `source`.

        False, and nothing written, if another than the expected run is put down, or a newer plan replaced this one."""

    def replace_first(self, connector_id: str, run_id: str) -> None:
        """Put a run down as the one that holds its connector's first plan; a repeat changes nothing.

        The lines of the one before it go, unless somebody has asked for it to be carried out."""

    def first_of(self, connector_id: str) -> str | None:
        """Name the run that holds the connector's newest first plan."""

    def approvals(self, connector_id: str) -> Mapping[str, Any]:
        """Return by which run each pairing of the connector (tenant and instance) was approved for automatic runs."""

    def approve(self, connector_id: str, home: str, *, run_id: str) -> None:
        """Let the connector run by itself from now on, with this tenant and instance. The first approval stands."""

    def disapprove(self, connector_id: str, *, run_id: str) -> None:
        """Take back what that run has approved of, where no other run had before; a repeat changes nothing."""
