"""What a plan changes in a contact, value by value. Pure."""

from typing import Any

from adapters.records import Planned

__all__ = ["old_and_new", "written_values"]

Json = dict[str, Any]


def old_and_new(planned: Planned) -> dict[str, list[str | None]]:
    """Return each changed field's old and new value, in the order of the mapping; the old one of a creation is null."""
    return {name: [planned.before.get(name), value] for name, value in written_values(planned).items()}


def written_values(planned: Planned) -> dict[str, str | None]:
    """Return the new value of each field that a plan writes; null empties it."""
    if planned.draft is not None:
        return {name: planned.draft.fields[name] for name in planned.changed_fields or planned.draft.fields}
    change = planned.change
    assert change is not None  # noqa: S101 - Planned holds exactly one of the two
    marks = {
        "company": change.company_id,
        "site": change.site_id,
        "entra_id": change.entra_id,
        "active": None if change.active is None else str(change.active).lower(),
    }
    return {name: change.fields.get(name, marks.get(name)) for name in planned.changed_fields}
