"""The ledger: everything the product remembers, in one Valkey. `Store` is all of it; its parts satisfy tasks' ports."""

from adapters.calls import VendorCalls
from adapters.store.alerts import Alerts
from adapters.store.budgets import Budgets, InstanceBudget, Rate
from adapters.store.connection import Connection
from adapters.store.decisions import Decisions
from adapters.store.events import Events
from adapters.store.index import Index
from adapters.store.journal import Journal
from adapters.store.kept_plans import KeptPlans
from adapters.store.keys import PREFIX
from adapters.store.memory import Memory
from adapters.store.outbox import Outbox
from adapters.store.plan import Plan
from adapters.store.presence import Presence
from adapters.store.reading import Reading
from adapters.store.recovery import Recovery
from adapters.store.reports import Reports
from adapters.store.runs import Runs
from adapters.store.snapshots import Snapshots
from adapters.store.timing import StoreTiming
from adapters.store.totals import Totals
from adapters.store.users import Users

__all__ = ["InstanceBudget", "Rate", "Store", "StoreTiming", "open_store"]


class Store:
    """One connection and all that speaks through it. Thread-safe; build it after a fork."""

    def __init__(self, connection: Connection, *, timing: StoreTiming) -> None:
        """Make the parts; nothing is sent yet."""
        self.connection = connection
        self.runs = Runs(connection, timing=timing)
        self.reading = Reading(connection)
        self.index = Index(connection, timing=timing)
        self.plan = Plan(connection, timing=timing)
        self.users = Users(connection, timing=timing)
        self.memory = Memory(connection)
        self.decisions = Decisions(connection)
        self.events = Events(connection)
        self.recovery = Recovery(connection)
        self.budgets = Budgets(connection)
        self.snapshots = Snapshots(connection)
        self.reports = Reports(connection)
        self.journal = Journal(connection)
        self.kept = KeptPlans(connection)
        self.outbox = Outbox(connection)
        self.alerts = Alerts(connection, outbox=self.outbox, reports=self.reports)
        self.totals = Totals(connection)
        self.calls = VendorCalls()
        self.presence = Presence(connection, timing=timing, calls=self.calls)

    def close(self) -> None:
        """Close the sockets."""
        self.connection.close()


def open_store(redis_url: str, *, prefix: str = PREFIX, timing: StoreTiming | None = None) -> Store:
    """Open the store at this address; every key stands under the prefix. Sockets are opened at first use."""
    return Store(Connection(redis_url, prefix=prefix), timing=timing or StoreTiming())
