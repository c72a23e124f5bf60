"""Everything a step may touch, and the times that it obeys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.records import Run
from tasks.incidents import AlertRules
from tasks.ports.configuration import Configuration
from tasks.ports.decisions import Decisions
from tasks.ports.events import Events
from tasks.ports.kept_plans import KeptPlans
from tasks.ports.ledger import Index, Memory, Plan, Reading, Runs, Users
from tasks.ports.messages import Publisher
from tasks.ports.upkeep import Alerts, Budgets, Expiry, Journal, Notifier, Presence, Recovery, Reports
from tasks.ports.vendors import Contacts, Directory, Subscriptions


@dataclass(frozen=True)
class Timing:
    """The times and sizes that a run obeys; production values, made small in tests."""

    write_deadline_s: float = 20.0
    write_margin_s: float = 2.0
    user_horizon_s: float = 900.0
    instance_horizon_s: float = 1800.0
    index_age_s: float = 600.0
    due_s: float = 30.0
    step_due_s: float = 45.0
    longest_countdown_s: float = 300.0
    batch_size: int = 16
    most_in_flight: int = 48
    names_per_page: int = 20
    counts_asked: int = 3  # times, where the tenant's count disagrees with its list
    count_again_s: float = 2.0
    schedule_spread_s: int = 0  # scheduled runs start within so many seconds, each connector at its own
    event_window_s: float = 2.0  # changed users are collected for so long; one run takes them
    subscription_life_s: float = 28 * 86400.0  # Graph's most is 29 days; renewed at half of it
    subscription_check_s: float = 3600.0  # Graph is asked whether it still has them
    dispatch_s: float = 60.0  # beat speaks so often
    read_back_patience_s: float = 300.0  # nothing read back for so long: the run closes without the rest
    reports_days: int = 90  # a closed run's report is kept for so long
    journal_days: int = 30  # and what it wrote over for so long


@dataclass(frozen=True)
class Ports:
    """Everything a step may touch; built once per worker process."""

    runs: Runs
    reading: Reading
    index: Index
    plan: Plan
    users: Users
    memory: Memory
    decisions: Decisions
    events: Events
    reports: Reports
    journal: Journal
    kept: KeptPlans
    recovery: Recovery
    budgets: Budgets
    presence: Presence
    configuration: Configuration
    publisher: Publisher
    directory: Callable[[Run], Directory]
    contacts: Callable[[Run], Contacts]
    subscriptions: Callable[[str, int], Subscriptions]
    """Of a connector in a configuration version. Raises KeyError, TenantError."""
    alerts: Alerts
    notifier: Notifier
    expiries: Callable[[int], Sequence[Expiry]]
    """Name the credentials whose end is known, seen at this time (ms)."""
    alert_rules: AlertRules
    notification_url: str | None = None
    """Where Graph delivers; None: nothing is subscribed."""
    timing: Timing = Timing()
