"""Incidents: causes of trouble, who is hit by them, and what is remembered of them. Pure.

An incident is a cause: a kind of trouble, a place and a reason. Whoever is hit by it is a member.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

Kind = Literal["run_failed", "error_rate", "cases", "held", "claimed_twice", "not_successful", "expiry", "budget"]
NoticeKind = Literal["opened", "reminder", "over"]

OF_RUNS: frozenset[str] = frozenset({"run_failed", "error_rate", "cases", "held", "claimed_twice"})
"""Kinds whose members come and go with reports; those of the others are told anew each round."""
TOLD_ONCE: frozenset[str] = frozenset({"cases"})
"""Kinds that are news and no state: nobody is reminded of them, and they are never over."""
DAY_S = 86400.0


@dataclass(frozen=True)
class AlertRules:
    """[service.alerts]: from when on it is trouble, and how often somebody is told."""

    failed_runs: int = 1
    error_rate: float = 0.1
    error_users: int = 3
    not_successful_s: float = 36 * 3600.0
    expiry_days: int = 30
    budget_wait_s: float = 300.0
    gather_s: float = 45.0
    over_s: float = 600.0
    remind_s: float = DAY_S


@dataclass(frozen=True)
class Condition:
    """A trouble that can be seen at any time: who is hit by which cause."""

    kind: Kind
    place: str
    reason: str
    member: str
    detail: str = ""
    days_left: int | None = None  # of what expires


class Member(BaseModel):
    """Who is hit, and by which run that was seen first."""

    at_ms: int
    run_id: str = ""
    whole: bool = True
    failed: int = 0
    processed: int = 0
    detail: str = ""


class Incident(BaseModel):
    """One cause, as long as it is known."""

    kind: Kind
    place: str
    reason: str
    opened_at_ms: int
    seen_at_ms: int = 0
    """When the first round met it: others are waited for from there on."""
    told_at_ms: int = 0
    clear_since_ms: int = 0
    members: dict[str, Member] = {}
    met: list[str] = []
    """Everybody who was ever a member."""
    run_id: str = ""
    """The last run that was hit."""
    soonest_days: int | None = None


class Health(BaseModel):
    """What is remembered of a connector between its runs."""

    seen_at_ms: int
    ended_at_ms: int = 0
    """When a run over the whole tenant last came to its end."""
    failed: int = 0
    failed_whole: bool = False
    cases_told_ms: int = 0
    """Until when cases have come up that somebody was told of."""


class Standing(BaseModel):
    """All that is remembered."""

    incidents: dict[str, Incident] = {}
    health: dict[str, Health] = {}


@dataclass(frozen=True)
class Notice:
    """Somebody is to be told this about an incident, as it stood then."""

    kind: NoticeKind
    key: str
    incident: Incident
    at_ms: int


def key_of(kind: str, place: str, reason: str) -> str:
    """Return under which key an incident is remembered."""
    return f"{kind}\n{place}\n{reason}"


def incident_at(standing: Standing, kind: Kind, place: str, reason: str, *, at_ms: int) -> Incident:
    """Return the incident of a cause, opened if there is none."""
    incident = Incident(kind=kind, place=place, reason=reason, opened_at_ms=at_ms)
    return standing.incidents.setdefault(key_of(kind, place, reason), incident)


def meet(incident: Incident, name: str, member: Member) -> None:
    """Make somebody a member of an incident, or take what is new of one."""
    incident.members[name] = member
    if name not in incident.met:
        incident.met.append(name)
