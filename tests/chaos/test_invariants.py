"""Each kind of miss is found in what a trial leaves behind."""

from dataclasses import dataclass, field
from typing import Any, cast

from tests.chaos.invariants import Misses, check_report, check_writes
from tests.integration.stack import Json, Stack

TRUTH: Json = {
    "statistics": {"created": 1, "updated": 1, "skipped": 0, "users_processed": 2, "errors": {}},
    "users": [{"outcome": "created", "contact_id": None}, {"outcome": "updated", "contact_id": 7}],
}
WRITES: list[Json] = [{"method": "create", "contact_id": 8}, {"method": "update", "contact_id": 7}]


@dataclass
class Left:
    """What a trial left: the audit log's writes, the ground truth, and how the PSA differs from it."""

    audit: list[Json] = field(default_factory=lambda: list(WRITES))
    differences: list[Json] = field(default_factory=list)

    def writes(self, _since: int) -> list[Json]:
        return self.audit

    def truth(self) -> Json:
        return TRUTH

    def verdict(self) -> Json:
        return {"differences": self.differences}


def report(created: list[int], updated: list[int], **statistics: int) -> Json:
    """Make a report that names these contacts."""
    counts = {"contacts_created": len(created), "contacts_updated": len(updated), "contacts_skipped": 0, "errors": 0}
    return {
        "statistics": {**counts, "users_processed": len(created) + len(updated), **statistics},
        "created_contacts": [{"psa_contact_id": str(contact)} for contact in created],
        "updated_contacts": [{"psa_contact_id": str(contact)} for contact in updated],
    }


def kinds(left: Left, *reports: Json, counts_all: bool = True) -> list[str]:
    """Return the kinds of misses that are found."""
    misses, stack = Misses(), cast("Stack", cast("Any", left))
    check_writes(stack, misses, since=0, truth=TRUTH)
    check_report(stack, misses, reports, since=0, counts_all=counts_all)
    return sorted({kind for kind, _ in misses.found})


def test_what_is_right_is_no_miss() -> None:
    assert kinds(Left(), report([8], [7])) == []
    assert kinds(Left(), report([8], []), report([], [7])) == []
    assert kinds(Left(audit=[*WRITES, WRITES[1]]), report([8], [7])) == [], "a repeated update is counted once"


def test_user_without_its_contact_is_lost() -> None:
    assert kinds(Left(differences=[{"user": "ann", "what": "no contact"}]), report([8], [7])) == ["lost"]


def test_second_contact_is_a_double() -> None:
    assert kinds(Left(audit=[*WRITES, {"method": "create", "contact_id": 9}]), report([8, 9], [7])) == [
        "doubled",
        "miscounted",
    ]


def test_contact_that_was_nobodys_business_is_touched() -> None:
    assert kinds(Left(audit=[*WRITES, {"method": "update", "contact_id": 5}]), report([8], [7, 5])) == [
        "miscounted",
        "touched",
    ]


def test_report_that_is_not_the_audit_log_is_a_miscount() -> None:
    wrong = [
        [report([8], [])],
        [report([8], [7, 6])],
        [report([8], [7, 7])],
        [report([8], [7]), report([8], [])],
        [report([8], [7], contacts_updated=2)],
        [report([8], [7], contacts_skipped=1)],
        [report([8], [7], errors=1)],
    ]
    for reports in wrong:
        assert kinds(Left(), *reports) == ["miscounted"], reports
