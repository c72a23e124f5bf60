"""Ports from which nothing can be written, and a run's ledger that is a few lists in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, cast

from adapters.records import Outcome, Planned, Run, Tombstone, User
from tasks.ports import Json, Ports

__all__ = ["READS", "Notebook", "reading_only"]

READS: Mapping[str, tuple[str, ...]] = {
    "runs": ("now_ms",),
    "memory": (
        "links",
        "owners",
        "count_links",
        "watermark",
        "pairings",
        "unfinished_of",
        "history",
        "recent_changes",
    ),
    "decisions": ("find", "owners"),
    "kept": ("approvals",),
    "reports": ("heads",),
    "presence": ("new_holder",),
    "configuration": ("current_version", "connector", "connectors"),
}
"""All that an explanation may ask of each port; what is not named here it does not have."""

OF_DIRECTORY = ("fetch_user", "find_users", "fetch_deleted_user", "fetch_deleted_users", "count_users")
OF_CONTACTS = (
    "fetch_schema",
    "fetch_company",
    "fetch_sites",
    "fetch_contacts",
    "count_contacts",
    "fetch_contact",
    "find_contacts",
    "find_namesakes",
)
VALUES = frozenset({"alert_rules", "timing", "notification_url"})  # parts of Ports that are no ports


class OnlyReads:
    """A port with these methods and no others."""

    def __init__(self, port: object, names: Sequence[str]) -> None:
        """Take over the methods; the port itself is not kept."""
        for name in names:
            setattr(self, name, getattr(port, name))


class Notebook:
    """What a run reads and plans, as ports.Reading and ports.Plan, for one judging and nobody else."""

    def __init__(self, entries: Sequence[tuple[User | Tombstone, int]], unknown: Sequence[str] = ()) -> None:
        """Take what was read."""
        self._entries = sorted(entries, key=lambda entry: entry[0].id)
        self._unknown = list(unknown)
        self._spool: list[Planned] = []
        self.planned: dict[str, Planned] = {}
        self.rows: dict[str, list[Json]] = {}

    def slices(self, run_id: str) -> Iterator[list[tuple[User | Tombstone, int]]]:
        """Yield what was read."""
        del run_id
        yield self._entries

    def find(self, run_id: str, user_id: str) -> User | Tombstone | None:
        """Return what was read of one user."""
        del run_id
        return next((entry for entry, _ in self._entries if entry.id == user_id), None)

    def unknown_names(self, run_id: str) -> list[str]:
        """Return the names that nobody has."""
        del run_id
        return self._unknown

    def add(self, run_id: str, *, holder: str, planned: Sequence[Planned], outcomes: Sequence[Outcome]) -> None:
        """Keep what is planned; outcomes are the caller's own."""
        del run_id, holder, outcomes
        self._spool += planned
        self.planned.update({one.user.id: one for one in planned})

    def add_rows(self, run_id: str, *, holder: str, rows: Mapping[str, Sequence[Json]]) -> None:
        """Keep the report's rows."""
        del run_id, holder
        for kind, some in rows.items():
            self.rows.setdefault(kind, []).extend(some)

    def take(self, run_id: str, *, holder: str, most: int) -> list[Planned]:
        """Pop what is planned."""
        del run_id, holder
        taken, self._spool = self._spool[:most], self._spool[most:]
        return taken

    def waiting(self, run_id: str) -> int:
        """Count what is planned and not taken."""
        del run_id
        return len(self._spool)


class _Clock(OnlyReads):
    """The store's clock; that the work goes on is said to nobody."""

    def touch(self, run_id: str, *, due_in_s: float) -> None:
        """Do nothing: no run waits for it."""


def reading_only(ports: Ports, notebook: Notebook | None = None) -> Ports:
    """Return ports with which a user can be judged and nothing be written, neither here nor at a vendor.

    A run's reading and plan go to the notebook; every method that is not in `READS` is absent."""
    narrowed: dict[str, Any] = {
        each.name: OnlyReads(getattr(ports, each.name), READS.get(each.name, ()))
        for each in fields(Ports)
        if each.name not in VALUES
    }
    narrowed["runs"] = _Clock(ports.runs, READS["runs"])
    if notebook is not None:
        narrowed |= {"reading": notebook, "plan": notebook}
    narrowed["directory"] = lambda run: _only(ports.directory(run), OF_DIRECTORY)
    narrowed["contacts"] = lambda run: _only(ports.contacts(_dry(run)), OF_CONTACTS)
    return replace(ports, **cast("Any", narrowed))


def _only(port: object, names: Sequence[str]) -> Any:
    return OnlyReads(port, names)


def _dry(run: Run) -> Run:
    return run if run.dry_run else run.model_copy(update={"dry_run": True})
