"""What is kept of each write, so that it can be undone: whose contact, what it held before, what was sent. Pure."""

from typing import Any

from adapters.records import Intent

__all__ = ["entry_of"]

Json = dict[str, Any]

_NAMES = ("office365_id", "user_principal_name", "display_name")


def entry_of(intent: Intent, *, contact_id: str, company_id: str) -> Json:
    """Return the journal's entry of a write that happened.

    `changes` holds each field's old value and the one that was sent; `site_id` is the site that a company rule names,
    `site` the mapped field. The old values of a creation are null."""
    changes: Json = dict(intent.row.get("changes", {}))
    if intent.target.get("site_id") is not None and "site" in changes:
        changes["site_id"] = changes.pop("site")
    entry: Json = {
        **{name: intent.row.get(name) for name in _NAMES},
        "psa_contact_id": contact_id,
        "psa_company_id": company_id,
        "operation": intent.operation,
        "changes": changes,
    }
    if intent.former is not None:
        entry["former"] = intent.former.model_dump(exclude_defaults=True)
    return entry
