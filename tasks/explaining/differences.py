"""What would be written into each field, what would not, and the policy that decides it."""

from typing import Any

from adapters.records import Planned
from tasks.connector import Connector
from tasks.differences import old_and_new
from tasks.explaining.rehearsing import Rehearsed
from tasks.planning import ComparedField
from tasks.update_policies import fate_of

__all__ = ["fields_of"]

Json = dict[str, Any]

MARKS = {
    "entra_id": "the user's object id is put on its contact",
    "active": "whether the contact is active follows the user",
    "company": "the company rules and on_company_change decide",
    "site": "the company rule names the site",
}
POLICIES = {
    "always": "a difference is written",
    "source_changed": "written when the value in Microsoft 365 changes",
    "if_empty": "written while the contact has nothing there",
    "on_create": "written into a new contact only",
    "never": "never written",
}


def fields_of(found: Rehearsed, connector: Connector) -> list[Json]:
    """Return each field whose value differs or would be written, in the order of the mapping, with its policy."""
    changes = old_and_new(found.decision) if isinstance(found.decision, Planned) else {}
    compared = {each.name: each for each in found.fields if not each.is_same}
    rows = [_compared(each, is_written=each.name in changes) for each in compared.values()]
    for name, (old, new) in changes.items():
        if name not in compared:
            rule = connector.field_mapping.get(name)
            is_new = isinstance(found.decision, Planned) and found.decision.draft is not None
            policy = rule.update if rule is not None and name not in MARKS else None
            reason = "the contact is new" if is_new else MARKS.get(name, "written")
            rows.append(_row(name, old, new, policy=policy, is_written=True, reason=reason))
    order = list(changes)
    return sorted(rows, key=lambda row: (not row["written"], order.index(row["name"]) if row["written"] else 0))


def _compared(each: ComparedField, *, is_written: bool) -> Json:
    reason = f'update = "{each.rule.update}": {POLICIES[each.rule.update]}'
    row = _row(each.name, each.current, each.wanted, policy=each.rule.update, is_written=is_written, reason=reason)
    if each.is_edited:
        row["edited"] = True
        row["reason"] = f"edited in the PSA since our last write (ManualEdit): {fate_of(each.rule, writes=is_written)}"
    return row


def _row(name: str, old: str | None, new: str | None, *, policy: str | None, is_written: bool, reason: str) -> Json:
    return {
        "name": name,
        "old": old,
        "new": new,
        "policy": policy,
        "written": is_written,
        "edited": False,
        "reason": reason,
    }
