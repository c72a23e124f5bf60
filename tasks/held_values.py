"""What a contact holds under the names of a journal, against what a write sent. Pure."""

from collections.abc import Iterator
from typing import Any

from adapters.records import Contact
from tasks.comparing import are_same, comparable_form, guess_kind

__all__ = ["MARKS", "compare", "held_value"]

Json = dict[str, Any]

MARKS = ("company", "site_id", "entra_id", "active")
"""What is no mapped field."""
SHORTEST_FIELD = 15  # characters; Autotask's names, the shortest free text known, have 20: less blanks at the end


def held_value(contact: Contact, name: str) -> str | None:
    """Return what a contact holds under a name of the journal."""
    marks = {
        "company": contact.company_id,
        "site_id": contact.site_id,
        "entra_id": contact.entra_id,
        "active": str(contact.active).lower(),
    }
    return marks[name] if name in marks else contact.fields.get(name)


def compare(entry: Json, contact: Contact) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield each field that a write sent and the contact does not hold: its name, what was sent, what is there.

    Values compare by their meaning (phones by their digits, addresses and names folded for case); a PSA trims, and it
    may cut a free text that is longer than its field: neither is a difference."""
    sent = {name: value for name, (_, value) in entry["changes"].items()}
    if entry["operation"] == "create":
        sent |= {"entra_id": entry["office365_id"], "active": "true"}
    for name, value in sent.items():
        held = held_value(contact, name)
        if not _agree(name, value, held):
            yield name, value, held


def _agree(name: str, sent: str | None, held: str | None) -> bool:
    if name in MARKS:
        return (sent or "").strip().casefold() == (held or "").strip().casefold()
    kind = guess_kind(name)
    if are_same(kind, sent, held):
        return True
    cut = comparable_form("text", held or "")
    return kind == "text" and len(cut) >= SHORTEST_FIELD and comparable_form("text", sent or "").startswith(cut)
