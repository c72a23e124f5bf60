"""Does an answer show what was written? A status of success alone proves nothing. Pure."""

from collections.abc import Callable

from adapters.records import Contact, ContactChange

Shows = Callable[[str, str | None, str], bool]
"""A vendor's own comparison: the field, the value that was wanted (None: cleared), the value that is shown."""


def find_contradictions(change: ContactChange, answer: Contact, *, shows: Shows) -> list[str]:
    """Name the fields of the change that an answer, or a read made after it, does not show.

    `shows` forgives a value that the server cut, or a number that it writes in another way."""
    found = [name for name, value in change.fields.items() if not shows(name, value, answer.fields.get(name, ""))]
    if change.entra_id is not None and (answer.entra_id or "").casefold() != change.entra_id.casefold():
        found.append("entra_id")
    if change.active is not None and answer.active != change.active:
        found.append("active")
    if change.site_id is not None and answer.site_id != change.site_id:
        found.append("site")
    if change.company_id != answer.company_id:
        found.append("company")
    return found
