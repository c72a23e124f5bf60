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


def check_writes(stack: Stack, misses: Misses, *, since: int, truth: Json) -> None:
    """Each user has the contact that it should have, once; nobody else was touched."""
    expected = {user["contact_id"] for user in truth["users"] if user["outcome"] == "updated"}
    writes = stack.writes(since)
    created = {write["contact_id"] for write in writes if write["method"] == "create"}
    if len(created) > truth["statistics"]["created"]:
        misses.add("doubled", f"{len(created)} contacts were created, not {truth['statistics']['created']}")
    for write in writes:
        if write["contact_id"] not in expected | created:
            misses.add("touched", f"contact {write['contact_id']}: {write['method']}")
    for difference in stack.verdict()["differences"]:
        misses.add("lost", f"{difference['user']}: {difference['what']}")


def check_report(stack: Stack, misses: Misses, reports: Sequence[Json], *, since: int, counts_all: bool) -> None:
    """The reports of runs that had the same work count what the audit log saw, and name each user once."""
    writes = stack.writes(since)
    seen = Counter(
        write["method"] for write in {(write["method"], write["contact_id"]): write for write in writes}.values()
    )
    statistics = Counter[str]()
    for report in reports:
        statistics.update({name: int(count) for name, count in report["statistics"].items()})
    misses.expect("miscounted", "created", found=statistics["contacts_created"], wanted=seen["create"])
    misses.expect("miscounted", "updated", found=statistics["contacts_updated"], wanted=seen["update"])
    rows = [
        row["office365_id"] for report in reports for row in report["created_contacts"] + report["updated_contacts"]
    ]
    misses.expect("miscounted", "users named", found=len(set(rows)), wanted=len(rows))
    misses.expect("miscounted", "rows", found=len(rows), wanted=seen["create"] + seen["update"])
    if counts_all:
        truth = stack.truth()["statistics"]
        misses.expect("miscounted", "skipped", found=statistics["contacts_skipped"], wanted=truth["skipped"])
        misses.expect("miscounted", "processed", found=statistics["users_processed"], wanted=truth["users_processed"])
        wanted = sum(truth["errors"].values())
        misses.expect("miscounted", "errors", found=statistics["errors"], wanted=wanted)


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
