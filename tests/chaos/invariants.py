"""What must hold after every trial, judged by the sandbox's ground truth and audit log, never by our own word."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.integration.stack import Json, Stack

Kind = Literal["lost", "doubled", "touched", "miscounted", "hung", "unsettled"]
KINDS: tuple[Kind, ...] = ("lost", "doubled", "touched", "miscounted", "hung", "unsettled")
"""A user without its change; two contacts for one user; a contact that was nobody's business; a wrong report; a run
that did not go on in time; a next run that writes, or a delta link that is not kept."""


@dataclass
class Misses:
    """What a trial found wrong, by kind."""

    found: list[tuple[Kind, str]] = field(default_factory=list)

    def add(self, kind: Kind, text: str) -> None:
        """Note a miss."""
        self.found.append((kind, text))

    def expect(self, kind: Kind, what: str, *, found: object, wanted: object) -> None:
        """Note a miss unless both are equal."""
        if found != wanted:
            self.add(kind, f"{what}: {found}, not {wanted}")


def check_writes(stack: Stack, misses: Misses, *, since: int, truth: Json, changed: bool = False) -> None:
    """Each user has the contact that it should have, once; nobody else was touched.

    `changed`: somebody changed since that truth was told, so that the present one counts as well."""
    truths = [truth, stack.truth()] if changed else [truth]
    expected = {user["contact_id"] for each in truths for user in each["users"] if user["outcome"] == "updated"}
    writes = stack.writes(since)
    created = {write["contact_id"] for write in writes if write["method"] == "create"}
    if len(created) > truth["statistics"]["created"]:
        misses.add("doubled", f"{len(created)} contacts were created, not {truth['statistics']['created']}")
    for write in writes:
        if write["contact_id"] not in expected | created:
            misses.add("touched", f"contact {write['contact_id']}: {write['method']}")
    for difference in [] if changed else stack.verdict()["differences"]:
        misses.add("lost", f"{difference['user']}: {difference['what']}")


def check_report(stack: Stack, misses: Misses, reports: Sequence[Json], *, since: int, counts_all: bool) -> None:
    """The reports name what the audit log saw, each contact as often as it was written at most, a new one once.

    Two runs that go on at the same time may both write the same change, and both say so; nobody counts a repeat."""
    seen = Counter((write["method"], write["contact_id"]) for write in stack.writes(since))
    named = Counter[tuple[str, int]]()
    for report in reports:
        rows = {"create": report["created_contacts"], "update": report["updated_contacts"]}
        counts = (report["statistics"]["contacts_created"], report["statistics"]["contacts_updated"])
        misses.expect("miscounted", "counted", found=counts, wanted=tuple(map(len, rows.values())))
        written = Counter((method, int(row["psa_contact_id"])) for method in rows for row in rows[method])
        misses.expect("miscounted", "named twice in one report", found=_repeated(written), wanted=[])
        named += written
    misses.expect("miscounted", "written but not named", found=sorted(seen.keys() - named.keys()), wanted=[])
    misses.expect("miscounted", "named more often than written", found=sorted(named - seen), wanted=[])
    created = Counter({write: count for write, count in named.items() if write[0] == "create"})
    misses.expect("miscounted", "created in two reports", found=_repeated(created), wanted=[])
    if counts_all:
        truth = stack.truth()["statistics"]
        statistics = Counter[str]()
        for report in reports:
            statistics.update({name: int(count) for name, count in report["statistics"].items()})
        misses.expect("miscounted", "skipped", found=statistics["contacts_skipped"], wanted=truth["skipped"])
        misses.expect("miscounted", "processed", found=statistics["users_processed"], wanted=truth["users_processed"])
        wanted = sum(truth["errors"].values())
        misses.expect("miscounted", "errors", found=statistics["errors"], wanted=wanted)


def _repeated(named: Counter[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(write for write, count in named.items() if count > 1)


def check_next_run(stack: Stack, misses: Misses, *, timeout_s: float) -> None:
    """The next run has nothing to write, and the delta link of the last one was kept."""
    since = stack.last_write()
    try:
        stack.run(timeout_s=timeout_s)
    except AssertionError as error:
        misses.add("hung", f"the next run: {error}")
    for write in stack.writes(since):
        misses.add("unsettled", f"the next run: {write['method']} of contact {write['contact_id']}")
    if stack.store.memory.watermark("demo") is None:
        misses.add("unsettled", "no delta link is kept")


def check_settled(stack: Stack, misses: Misses, *, timeout_s: float) -> None:
    """A full run has nothing left to write, nor has the ground truth, seen from the PSA as it is."""
    since = stack.last_write()
    try:
        stack.run(sync_mode="full", timeout_s=timeout_s)
    except AssertionError as error:
        misses.add("hung", f"the full run afterwards: {error}")
    for write in stack.writes(since):
        misses.add("unsettled", f"the full run afterwards: {write['method']} of contact {write['contact_id']}")
    if stack.store.memory.watermark("demo") is None:
        misses.add("unsettled", "no delta link is kept")
    stack.control.post("rebase")
    left = stack.truth()["statistics"]
    misses.expect("lost", "left to create and update", found=(left["created"], left["updated"]), wanted=(0, 0))
