"""Incidents: which troubles are one, when somebody is told, and when it is over. Pure: a state and news in, both out.

An incident is a cause: a kind of trouble, a place and a reason. Whoever is hit by it is a member. It is told once,
after a short wait in which further members gather; again after a long time; and once when nobody has been hit for a
while.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from adapters.records import Run
from adapters.records.runs import CANCELLED
from tasks import codes, guarding
from tasks.request import SyncRequest

Json = dict[str, Any]
Kind = Literal["run_failed", "error_rate", "cases", "held", "claimed_twice", "not_successful", "expiry", "budget"]
NoticeKind = Literal["opened", "reminder", "over"]

OF_RUNS: frozenset[str] = frozenset({"run_failed", "error_rate", "cases", "held", "claimed_twice"})
"""Kinds whose members come and go with reports; those of the others are told anew each round."""
TOLD_ONCE: frozenset[str] = frozenset({"cases"})
"""Kinds that are news and no state: nobody is reminded of them, and they are never over."""
NO_FAILURE = frozenset({CANCELLED, codes.CONNECTOR_BUSY, codes.UNKNOWN_CONNECTOR})
EVERYWHERE = {codes.GRAPH_CONNECTION_ERROR: "Microsoft 365", codes.INTERNAL_ERROR: "contact-sync"}
SHARED_CODES = frozenset(
    {codes.CONTACT_CREATION_FAILED, codes.CONTACT_UPDATE_FAILED, codes.PSA_CONNECTION_ERROR, codes.PERMISSION_DENIED}
)
"""Codes of users' errors that, when many fail by them, are the PSA's trouble rather than one customer's."""
CASES = frozenset({codes.DUPLICATE_CONTACT, codes.COMPANY_MISMATCH, codes.CONTACT_DELETED, codes.DECISION_UNUSABLE})
"""Codes of refused users that wait for a person: each is told once, and is no trouble of a run."""
DAY_S = 86400.0
SOON_DAYS = 7  # before what expires, reminders come daily instead of weekly


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


def fact_of(run: Run, head: Json, *, at_ms: int) -> Json | None:
    """Return what a closed run tells: put away by the step that closes it. None: nothing that anybody must hear of."""
    if run.dry_run or run.stopping in NO_FAILURE:
        return None
    place, reason = _cause(run)
    statistics = head["statistics"]
    request = SyncRequest.from_run(run.request)
    processed = statistics["users_processed"]
    held, claimed = run.notes.get("held") or [], run.notes.get("claimed") or []
    return {
        "kind": "held" if held else "claimed_twice" if claimed else "ended",
        "held": held,
        "claimed": claimed,
        "run_id": run.run_id,
        "connector": run.connector_id,
        "instance": run.instance,
        "failed": bool(run.stopping),
        "place": place,
        "reason": reason,
        "whole": not request.is_narrowed,
        "errors": statistics["errors"],
        "processed": processed if request.is_narrowed else max(processed, statistics["total_office365_users"]),
        "at_ms": at_ms,
    }


def _cause(run: Run) -> tuple[str, str]:
    """Say where a stopped run's trouble is, and what it is; two runs of one cause are one incident."""
    if noted := run.notes.get("cause"):
        return str(noted[0]), str(noted[1])
    code = run.stopping or ""
    place = run.instance if code == codes.PSA_CONNECTION_ERROR else EVERYWHERE.get(code, run.connector_id)
    return place, code


def advance(
    standing: Standing,
    *,
    facts: Sequence[Json],
    conditions: Sequence[Condition],
    connectors: Collection[str],
    rules: AlertRules,
    now_ms: int,
) -> tuple[Standing, list[Notice]]:
    """Take news in; return what is remembered from here on, and who is to be told what.

    `facts` are taken once each. `conditions` are all that hold now; `connectors` all that are configured."""
    after = standing.model_copy(deep=True)
    _forget_gone(after, connectors)
    for connector in connectors:
        after.health.setdefault(connector, Health(seen_at_ms=now_ms))
    for fact in sorted(facts, key=lambda each: int(each["at_ms"])):
        if fact["connector"] in after.health:
            _take_fact(after, fact, rules)
    _take_conditions(after, conditions, now_ms)
    return after, _notices(after, rules, now_ms)


def not_successful(standing: Standing, connector: str, *, rules: AlertRules, now_ms: int) -> int | None:
    """Return since when a connector has had no run to its end, if that is longer than the rules allow.

    None too while it is known why: its runs fail, and that is told already."""
    health = standing.health.get(connector)
    since_ms = 0 if health is None else health.ended_at_ms or health.seen_at_ms
    if not since_ms or now_ms - since_ms <= rules.not_successful_s * 1000:
        return None
    told = any(each.kind == "run_failed" and connector in each.members for each in standing.incidents.values())
    return None if told else since_ms


def _forget_gone(standing: Standing, connectors: Collection[str]) -> None:
    for connector in [each for each in standing.health if each not in connectors]:
        del standing.health[connector]
        for incident in standing.incidents.values():
            if incident.kind in OF_RUNS:
                incident.members.pop(connector, None)


# --- news ---------------------------------------------------------------------------------------------------------


def _take_fact(standing: Standing, fact: Json, rules: AlertRules) -> None:
    health = standing.health[fact["connector"]]
    if fact["failed"]:
        health.failed += 1
        health.failed_whole = health.failed_whole or fact["whole"]
        if health.failed >= rules.failed_runs:
            _leave(standing, fact, "run_failed", but=[_key("run_failed", fact["place"], fact["reason"])], at_once=True)
            _join(standing, fact, "run_failed", place=fact["place"], reason=fact["reason"])
        return
    if fact["whole"]:
        health.ended_at_ms = fact["at_ms"]
    if fact["whole"] or not health.failed_whole:
        health.failed, health.failed_whole = 0, False
    _leave(standing, fact, "run_failed")
    errors = fact["errors"] - fact.get("waiting", 0)
    if errors >= rules.error_users and errors > rules.error_rate * fact["processed"]:
        code = str(fact.get("code", "errors"))
        place = fact["instance"] if code in SHARED_CODES else fact["connector"]
        _leave(standing, fact, "error_rate", but=[_key("error_rate", place, code)], at_once=True)
        _join(standing, fact, "error_rate", place=place, reason=code)
    else:
        _leave(standing, fact, "error_rate")
    _take_findings(standing, fact)


def _take_findings(standing: Standing, fact: Json) -> None:
    """Take in what a run held back, and what two connectors claim."""
    place, held = fact["connector"], fact.get("held")
    told_ms = standing.health[place].cases_told_ms
    if new := [since_ms for since_ms in fact.get("cases", ()) if since_ms > told_ms]:
        standing.health[place].cases_told_ms = max(new)
        _join_cases(standing, fact, len(new))
    if held:
        reason = "approve or correct them, or raise its limit"
        _join(standing, fact, "held", place=place, reason=reason, detail=_held(held))
    else:
        _leave(standing, fact, "held")
    claimed = fact.get("claimed", ())
    _leave(standing, fact, "claimed_twice", but=[_key("claimed_twice", *cause) for cause in claimed])
    for cause in claimed:
        _join(standing, fact, "claimed_twice", place=cause[0], reason=cause[1])


def _join_cases(standing: Standing, fact: Json, new: int) -> None:
    """Add a connector's new cases to those that nobody was told of yet."""
    incident = _incident(standing, "cases", "review", "new cases", at_ms=fact["at_ms"])
    known = incident.members.get(fact["connector"])
    fact = {**fact, "errors": new + (known.failed if known else 0)}
    detail = f"{fact['errors']} new, {len(fact['cases'])} in all"
    _join(standing, fact, "cases", place=incident.place, reason=incident.reason, detail=detail)


def _held(excesses: Sequence[Json]) -> str:
    return ", ".join(
        f"its first automatic run waits with {each['number']} changes"
        if each["kind"] == guarding.FIRST_RUN
        else f"{each['number']} {each['kind']} (limit {each['limit']})"
        for each in excesses
    )


def _join(standing: Standing, fact: Json, kind: Kind, *, place: str, reason: str, detail: str = "") -> None:
    incident = _incident(standing, kind, place, reason, at_ms=fact["at_ms"])
    incident.run_id = fact["run_id"]
    known = incident.members.get(fact["connector"])
    _meet(
        incident,
        fact["connector"],
        Member(
            at_ms=known.at_ms if known else fact["at_ms"],
            run_id=fact["run_id"],
            whole=fact["whole"] or bool(known and known.whole),
            failed=fact["errors"],
            processed=fact["processed"],
            detail=detail,
        ),
    )


def _leave(standing: Standing, fact: Json, kind: Kind, *, but: Collection[str] = (), at_once: bool = False) -> None:
    """Take a connector out of its incidents but some; a run of named users says nothing about a run of all.

    At once: whatever was said before, its trouble is another one now."""
    for key, incident in standing.incidents.items():
        member = incident.members.get(fact["connector"])
        if incident.kind == kind and key not in but and member and (fact["whole"] or at_once or not member.whole):
            del incident.members[fact["connector"]]


def _take_conditions(standing: Standing, conditions: Sequence[Condition], now_ms: int) -> None:
    holds = {_key(each.kind, each.place, each.reason): set[str]() for each in conditions}
    for each in conditions:
        incident = _incident(standing, each.kind, each.place, each.reason, at_ms=now_ms)
        known = incident.members.get(each.member)
        _meet(incident, each.member, Member(at_ms=known.at_ms if known else now_ms, detail=each.detail))
        incident.soonest_days = each.days_left
        holds[_key(each.kind, each.place, each.reason)].add(each.member)
    for key, incident in standing.incidents.items():
        if incident.kind not in OF_RUNS:
            for member in set(incident.members) - holds.get(key, set()):
                del incident.members[member]


def _key(kind: str, place: str, reason: str) -> str:
    return f"{kind}\n{place}\n{reason}"


def _incident(standing: Standing, kind: Kind, place: str, reason: str, *, at_ms: int) -> Incident:
    incident = Incident(kind=kind, place=place, reason=reason, opened_at_ms=at_ms)
    return standing.incidents.setdefault(_key(kind, place, reason), incident)


def _meet(incident: Incident, name: str, member: Member) -> None:
    incident.members[name] = member
    if name not in incident.met:
        incident.met.append(name)


# --- who is told --------------------------------------------------------------------------------------------------


def _notices(standing: Standing, rules: AlertRules, now_ms: int) -> list[Notice]:
    notices = []
    for key, incident in list(standing.incidents.items()):
        incident.seen_at_ms = incident.seen_at_ms or now_ms
        kind = _due(incident, rules, now_ms)
        if incident.members:
            incident.clear_since_ms = 0
        elif not incident.clear_since_ms:
            incident.clear_since_ms = now_ms
        if kind in {"opened", "reminder"}:
            incident.told_at_ms = now_ms
        if kind is not None:
            notices.append(Notice(kind, key, incident.model_copy(deep=True), now_ms))
        is_told = kind == "over" or (kind == "opened" and incident.kind in TOLD_ONCE)
        if is_told or not (incident.members or incident.told_at_ms or incident.kind in OF_RUNS):
            del standing.incidents[key]
    return notices


def _due(incident: Incident, rules: AlertRules, now_ms: int) -> NoticeKind | None:
    if not incident.told_at_ms:
        is_due = now_ms - incident.seen_at_ms >= rules.gather_s * 1000
        return "opened" if is_due and (incident.members or incident.kind in OF_RUNS) else None
    if incident.members:
        return "reminder" if now_ms - incident.told_at_ms >= _remind_s(incident, rules) * 1000 else None
    is_over = incident.clear_since_ms and now_ms - incident.clear_since_ms >= rules.over_s * 1000
    return "over" if is_over else None


def _remind_s(incident: Incident, rules: AlertRules) -> float:
    is_far = incident.soonest_days is not None and incident.soonest_days > SOON_DAYS
    return SOON_DAYS * rules.remind_s if is_far else rules.remind_s
