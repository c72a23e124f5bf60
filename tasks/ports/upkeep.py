"""What keeps an installation well: recovery, budgets, heartbeats, retention, alerts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.records import Member, Run
from tasks.ports.vendors import Json


class Reports(Protocol):
    """What is kept of closed runs."""

    def heads(self, limit: int = 20, *, connector_id: str | None = None) -> list[Json]:
        """Return the heads of the last closed runs, of one connector or of all, the newest first."""

    def head(self, run_id: str) -> Json | None:
        """Return a closed run's head; None if there is no such report (any more)."""

    def purge(self, *, older_than_ms: int) -> int:
        """Forget some reports of runs that closed before this instant; returns how many. A repeat goes on."""


class Journal(Protocol):
    """What each write of a run found and wrote, kept beyond the run."""

    def entries(self, run_id: str) -> Iterator[Json]:
        """Yield a run's writes (`tasks.undo.journaling`), a chunk in memory at a time."""

    def is_kept(self, run_id: str) -> bool:
        """Tell a run that wrote something, and whose journal is not forgotten yet."""

    def purge(self, *, older_than_ms: int) -> int:
        """Forget some journals that were begun before this instant; returns how many. A repeat goes on."""


class Recovery(Protocol):
    """What a crash left."""

    def take_turn(self, *, holder: str, seconds: float) -> bool:
        """Take the reconciler's short lock."""

    def bury_workers(self) -> list[str]:
        """Make every user that a dead worker was at due at once; returns the dead incarnations."""

    def overdue_users(self, *, limit: int, grace_s: float) -> list[Member]:
        """Name frozen users without outcome whose due time has passed; puts it `grace_s` ahead in the same step."""

    def overdue_runs(self, *, limit: int, grace_s: float) -> list[Run]:
        """Name open runs whose due time has passed; puts it `grace_s` ahead in the same step. Renews their leases."""

    def stale_batches(self, *, older_s: float) -> list[tuple[str, str]]:
        """Name batches whose members all have outcomes but that are not sealed since so many seconds: (run, batch)."""

    def hungry_lanes(self) -> list[tuple[str, str]]:
        """Name (instance, lane) pairs with a spool that is not empty."""


class Budgets(Protocol):
    """What the tasks ask of the budgets; the calls themselves are reserved in the transport."""

    def is_open(self, instance: str) -> bool:
        """Tell whether the breaker of this instance lets only a probe through."""

    def down_since_ms(self, instance: str) -> int | None:
        """Return since when no call to this instance has succeeded, while its breaker is open."""

    def paused(self, instances: Sequence[str]) -> dict[str, float]:
        """Return for how many seconds each of these instances wants nothing sent; the others are absent."""

    def window(self, instance: str, *, most: int, lane: str) -> int:
        """Return how many users may be in flight: what the budget admits soon; 1 while the breaker is open."""


class Presence(Protocol):
    """This process among the living."""

    def beat(self) -> None:
        """Say that this process lives; it is taken for dead when it has not for a while."""

    def leave(self) -> None:
        """Say that this process ends by itself, so that nobody waits for its heartbeat to run out."""

    def note_schedule(self) -> None:
        """Note that a message of beat's has come through; a repeat is harmless."""

    def new_holder(self) -> str:
        """Return "incarnation/nonce" for one piece of work."""

    def check_fresh(self) -> None:
        """Raise TransientError if our own heartbeat is stale: we may be taken for dead, so we may not write."""


class Alerts(Protocol):
    """What closed runs tell, the incidents made of it (opaque here), and messages that wait to be sent."""

    def load(self) -> tuple[int, str]:
        """Return the version of the incidents and the incidents; 0 and empty before the first."""

    def facts(self, *, limit: int) -> list[Json]:
        """Return facts that no incident has taken in, the oldest first."""

    def commit(self, version: int, state: str, *, facts: Sequence[Json], messages: Sequence[Json]) -> bool:
        """Replace the incidents of that version, drop these facts and put messages in, in one step; False if they
        have changed meanwhile."""

    def waiting(self, *, limit: int, grace_s: float) -> list[Json]:
        """Return messages to send; nobody else gets them for `grace_s`, then they come again unless dropped."""

    def drop(self, message: Json) -> None:
        """Forget a message that has arrived."""

    def first_errors(self, run_id: str, *, most: int) -> list[Json]:
        """Return a closed run's first error rows, those of the whole run before its users'."""


class Notifier(Protocol):
    """Where somebody is told."""

    @property
    def targets(self) -> Sequence[str]:
        """Name the targets, each by a digest that says nothing of its address."""

    def send(self, target: str, *, title: str, body: str) -> None:
        """Send a message to one target; a repeat sends it twice. Raises TransientError if it did not arrive."""

    def ping(self) -> None:
        """Tell who watches over us that we live; nothing where nobody does. Raises TransientError."""


@dataclass(frozen=True)
class Expiry:
    """A credential that ends by itself."""

    place: str
    what: str
    says: str
    days_left: int
