"""How many changes of one kind a run may make unasked: the limits, and what is held back. Pure.

Writing only the object id is no such change. A first run is outside the guard: whoever starts it has approved it.
"""

import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from adapters.records import Churn, Planned, Record
from tasks import report
from tasks.connector import Guard, GuardLimit
from tasks.differences import written_values

__all__ = [
    "COUNTED_TOGETHER_S",
    "FIRST_RUN",
    "Excess",
    "churn_of",
    "explain_hold",
    "find_excesses",
    "fingerprint_of",
    "held_row",
    "kinds_of",
    "kinds_written",
    "limit_of",
    "mark_of",
]

Json = dict[str, Any]

CREATIONS = "creations"
DEACTIVATIONS = "deactivations"
REWRITES = "rewrites"
FIRST_RUN = "first_run"  # everything that a connector's first automatic run would write
UNGUARDED_FIELDS = frozenset({"entra_id"})
RUNS_REMEMBERED = 30
COUNTED_TOGETHER_S = 86_400.0  # the changes of runs that nobody asked for
FEWEST_RUNS = 5  # of which something can be called usual


class Excess(Record):
    """More changes of a kind than the guard lets through."""

    kind: str  # creations, deactivations, rewrites, first_run
    field: str | None = None  # of rewrites
    number: int
    earlier: int = 0  # that other runs which nobody asked for made within a day
    limit: int
    contacts: int  # that the connector has
    usual: float  # changes of this kind a run

    @property
    def name(self) -> str:
        """The kind as `kinds_of` names it."""
        return f"{self.kind}.{self.field}" if self.field else self.kind


def kinds_of(planned: Planned) -> tuple[str, ...]:
    """Name the guarded kinds of change that a plan is: creations, deactivations, or rewrites.FIELD for each field."""
    if planned.draft is not None:
        return (CREATIONS,)
    if planned.change is not None and planned.change.active is False:
        return (DEACTIVATIONS,)
    return tuple(f"{REWRITES}.{name}" for name in planned.changed_fields if name not in UNGUARDED_FIELDS)


def kinds_written(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the guarded kinds of change that a write was, by its entry in the journal."""
    changes = entry["changes"]
    if entry["operation"] == "create":
        return (CREATIONS,)
    if changes.get("active", (None, None))[1] == "false":
        return (DEACTIVATIONS,)
    names = ("site" if name == "site_id" else name for name in changes)
    return tuple(f"{REWRITES}.{name}" for name in names if name not in UNGUARDED_FIELDS)


def limit_of(limit: GuardLimit, *, guard: Guard, contacts: int, usual: float = 0.0) -> int:
    """Return how many changes are let through: the greatest of a number, a share of the contacts and the usual.

    Of a customer with few contacts a share says little, and the number would be all of them: it has limits apart."""
    is_small = contacts < guard.small_below
    absolute, share = (limit.small_absolute, limit.small_share) if is_small else (limit.absolute, limit.share)
    return math.floor(max(absolute, share * contacts, limit.churn * usual))


def usual_number(churn: Sequence[Churn], name: str) -> float:
    """Return how many changes of a kind the last runs made on average; 0 while they are too few to tell."""
    known = [number for number in (_number(each, name) for each in churn) if number is not None]
    return sum(known) / len(known) if len(known) >= FEWEST_RUNS else 0.0


def find_excesses(
    tally: Mapping[str, int],
    *,
    guard: Guard,
    contacts: int,
    churn: Sequence[Churn],
    earlier: Mapping[str, int] | None = None,
) -> list[Excess]:
    """Return the kinds of which a plan holds more than may be written; `tally` counts its changes by kind.

    `earlier` are the changes of other runs that count together with it: many small runs are as bad as a large one."""
    excesses = []
    for name, number in sorted(tally.items()):
        kind, _, field = name.partition(".")
        usual, before = usual_number(churn, name), (earlier or {}).get(name, 0)
        limit = limit_of(getattr(guard, kind), guard=guard, contacts=contacts, usual=usual)
        if number + before > limit:
            facts = {"number": number, "earlier": before, "limit": limit, "contacts": contacts}
            excesses.append(Excess(kind=kind, field=field or None, usual=round(usual, 1), **facts))
    return excesses


def churn_of(tally: Mapping[str, int], *, held: Collection[str] = ()) -> Churn:
    """Return what one run adds to the usual: nothing of a kind that it held back."""
    rewrites = {
        name.partition(".")[2]: number
        for name, number in tally.items()
        if name.startswith(f"{REWRITES}.") and name not in held
    }
    return Churn(
        creations=None if CREATIONS in held else tally.get(CREATIONS, 0),
        deactivations=None if DEACTIVATIONS in held else tally.get(DEACTIVATIONS, 0),
        rewrites=rewrites,
    )


def held_row(planned: Planned, kinds: Collection[str]) -> Json:
    """Return the row of a change that is held: what would be written where, and the mark of exactly this change."""
    row = report.success_row(planned)
    return {
        **{name: row[name] for name in ("office365_id", "user_principal_name", "display_name")},
        "psa_contact_id": row["psa_contact_id"],
        "psa_company_id": row["psa_company_id"],
        "kinds": sorted(kinds),
        "changed_fields": list(planned.changed_fields),
        "before": planned.before,
        "after": written_values(planned),
        **mark_of(planned),
        "read_at_ms": planned.read_at_ms,
    }


def mark_of(planned: Planned) -> Json:
    """Return what makes a report's row the line of a plan: the operation, and the mark of exactly this change."""
    return {"operation": operation_of(planned), "fingerprint": fingerprint_of(planned)}


def operation_of(planned: Planned) -> str:
    """Say what is done to the contact: create, update or deactivate."""
    if planned.draft is not None:
        return "create"
    return "deactivate" if planned.change is not None and planned.change.active is False else "update"


def fingerprint_of(planned: Planned) -> str:
    """Return a digest of one change: user, contact, the values that it finds there and those that it writes."""
    target = planned.draft or planned.change
    assert target is not None  # noqa: S101 - Planned holds exactly one of the two
    facts = [planned.user.id, target.model_dump(), planned.before]
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return urlsafe_b64encode(blake2b(text.encode(), digest_size=12).digest()).decode()


def explain_hold(excesses: Sequence[Excess], *, run_id: str) -> str:
    """Say what is held, why, and what to do about it."""
    through = f"`contact-sync approve {run_id}` lets exactly them through"
    if any(each.kind == FIRST_RUN for each in excesses):
        return (
            f"this is the connector's first automatic run, so its {excesses[0].number} changes are a plan that waits,"
            f" and nothing was written: look at them by `contact-sync report {run_id} --held`; {through}, and lets the"
            " connector run by itself from then on. A run by hand over the whole tenant does the same"
        )
    parts = [
        f"{each.number} {_words(each)}{_and_earlier(each)}, more than the {each.limit} that its guard lets through"
        f" ({each.contacts} contacts, usually {each.usual:g} a run)"
        for each in excesses
    ]
    return (
        f"nothing of these was written: {'; '.join(parts)}. Look at them by `contact-sync report {run_id} --held`;"
        f" {through}. Else correct Microsoft 365, the rules or the mapping, or raise the guard's limit"
    )


def _and_earlier(excess: Excess) -> str:
    return f" after {excess.earlier} within a day" if excess.earlier else ""


def _words(excess: Excess) -> str:
    return f"contacts whose {excess.field} would change" if excess.field else excess.kind


def _number(churn: Churn, name: str) -> int | None:
    kind, _, field = name.partition(".")
    if kind == REWRITES:
        return churn.rewrites.get(field, 0)
    number: int | None = getattr(churn, kind)
    return number
