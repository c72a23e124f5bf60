"""One attempt at one user's write: its facts, and the ways in which it ends for now or for good."""

from dataclasses import dataclass
from functools import cached_property

import structlog

from adapters.errors import AnswerLostError, BudgetError, TransientError, WireError
from adapters.records import Grant, Outcome, Planned, Run
from tasks import closing, failures, report
from tasks.connector import Connector
from tasks.ports import Contacts, Json, Ports

LONGEST_WAIT_S = 30.0  # where the vendor names none
SHORTEST_WAIT_S = 0.2

log = structlog.get_logger()


@dataclass
class Attempt:
    """One user's write in one run, with everything around it. An end answers in how many seconds to come back."""

    ports: Ports
    run: Run
    planned: Planned
    grant: Grant
    unresolved: bool = False  # a write may have happened of which the ledger does not know
    looked: bool = False  # the plan was made just before, from what the vendors hold
    lost: int = 0  # writes before this one of which nothing was found

    @cached_property
    def connector(self) -> Connector:
        """The run's connector; a fault of this process's configuration shows here, within the attempt."""
        found: Connector = self.ports.configuration.connector(self.run.connector_id, version=self.run.config_version)
        return found

    @cached_property
    def contacts(self) -> Contacts:
        """The run's PSA."""
        return self.ports.contacts(self.run)

    @property
    def user_id(self) -> str:
        """The user's object id."""
        return self.planned.user.id

    def stamped(self, row: Json) -> Json:
        """Give a warning its time."""
        return report.warning_row(row, at=closing.now(self.ports))

    def record(self, outcome: Outcome) -> float | None:
        """Record the outcome. With a stale fence nothing is recorded: the holder that took over does it."""
        if self.run.undoes:
            outcome = outcome.model_copy(update={"retry": None})  # the next run over the tenant undoes nothing
        keep_intent = self.unresolved and outcome.status in ("error", "unprocessed")
        self.ports.users.record(self.grant, self.run.run_id, outcome, keep_intent=keep_intent)
        return None

    def leave(self) -> float | None:
        """End a user of a stopping run; an unresolved intent stays for whoever comes next."""
        row = report.unprocessed_row(self.planned.user)
        return self.record(Outcome(user_id=self.user_id, status="unprocessed", row=row))

    def postpone(self, wait_s: float) -> float:
        """Give everything back but an unresolved intent."""
        self.ports.users.postpone(self.grant, self.run.run_id, wait_s=wait_s, keep_intent=self.unresolved)
        return wait_s

    def come_back(self, error: TransientError) -> float | None:
        """Postpone a user whose write was not taken, or whose answer was lost, until its horizon."""
        ports = self.ports
        if self.run.stopping is not None:
            return self.leave()
        is_failing = not isinstance(error, BudgetError) and ports.budgets.down_since_ms(self.run.instance) is None
        if is_failing and self._is_beyond_horizon():
            return self.record(failures.unfinished(ports, self.planned, error))
        if isinstance(error, AnswerLostError):
            return self.postpone(ports.timing.write_margin_s)
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = min(2.0 * self.grant.attempts, LONGEST_WAIT_S)
        return self.postpone(min(max(wait_s, SHORTEST_WAIT_S), ports.timing.longest_countdown_s))

    def look_again(self, error: WireError) -> float | None:
        """Come back to look before anything else: the answer is not understood, and a write may have happened."""
        if self._is_beyond_horizon():
            return self.record(failures.unfinished(self.ports, self.planned, error))
        log.warning("upsert.unclear", reason=error.reason, vendor=error.vendor, status=error.status)
        return self.postpone(self.ports.timing.write_margin_s)

    def _is_beyond_horizon(self) -> bool:
        now_ms = self.ports.runs.now_ms()
        tried_for_s = (now_ms - (self.grant.first_tried_at_ms or now_ms)) / 1000
        return tried_for_s > self.ports.timing.user_horizon_s
