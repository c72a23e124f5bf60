"""What exact means: the PSA is as the ground truth says, each write happened once, and the report counts just those."""

from collections import Counter
from collections.abc import Sequence

from tests.integration.stack import Json, Stack


def assert_exact(stack: Stack, report: Json) -> None:
    """One contact a user, as the truth has it; the report counts what the PSA's audit saw, no more and no less."""
    assert_one_contact_each(stack, report["errors"])
    truth = stack.control.get("truth").json()["statistics"]
    statistics = report["statistics"]
    assert statistics["contacts_created"] == truth["created"]
    assert statistics["contacts_updated"] == truth["updated"]
    assert statistics["contacts_skipped"] == truth["skipped"]
    assert statistics["errors"] == sum(truth["errors"].values())
    assert statistics["users_processed"] == truth["users_processed"]
    ids = [row["office365_id"] for row in report["created_contacts"] + report["updated_contacts"]]
    assert len(ids) == len(set(ids)), "a user is reported twice"


def assert_one_contact_each(stack: Stack, errors: Sequence[Json] = ()) -> None:
    """The PSA is as the truth has it, whatever runs brought it there, and no contact was created twice."""
    verdict = stack.verdict()
    assert verdict["agree"], (verdict["differences"][:5], errors[:5])
    truth = stack.control.get("truth").json()["statistics"]
    creations = Counter(write["contact_id"] for write in stack.writes() if write["method"] == "create")
    assert len(creations) == truth["created"], "a contact was created twice, or not at all"
