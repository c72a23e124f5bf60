"""How news turns into incidents: which troubles are one, and who comes and goes. Pure: a state and news in, both out.

A cause is told once, after a short wait in which further members gather; again after a long time; and once when nobody
has been hit for a while.
"""

from collections.abc import Collection, Sequence
from typing import Any

from tasks import codes, guarding
from tasks.alerting.notices import take_notices
from tasks.incidents import (
    OF_RUNS,
    AlertRules,
    Condition,
    Health,
    Kind,
    Member,
    Notice,
    Standing,
    incident_at,
    key_of,
    meet,
)

Json = dict[str, Any]

SHARED_CODES = frozenset(
    {codes.CONTACT_CREATION_FAILED, codes.CONTACT_UPDATE_FAILED, codes.PSA_CONNECTION_ERROR, codes.PERMISSION_DENIED}
)
"""Codes of users' errors that, when many fail by them, are the PSA's trouble rather than one customer's."""


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
    return after, take_notices(after, rules, now_ms)


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
            _leave(
                standing, fact, "run_failed", but=[key_of("run_failed", fact["place"], fact["reason"])], at_once=True
            )
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
        _leave(standing, fact, "error_rate", but=[key_of("error_rate", place, code)], at_once=True)
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
    _leave(standing, fact, "claimed_twice", but=[key_of("claimed_twice", *cause) for cause in claimed])
    for cause in claimed:
        _join(standing, fact, "claimed_twice", place=cause[0], reason=cause[1])


def _join_cases(standing: Standing, fact: Json, new: int) -> None:
    """Add a connector's new cases to those that nobody was told of yet."""
    incident = incident_at(standing, "cases", "review", "new cases", at_ms=fact["at_ms"])
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
    incident = incident_at(standing, kind, place, reason, at_ms=fact["at_ms"])
    incident.run_id = fact["run_id"]
    known = incident.members.get(fact["connector"])
    meet(
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
    holds = {key_of(each.kind, each.place, each.reason): set[str]() for each in conditions}
    for each in conditions:
        incident = incident_at(standing, each.kind, each.place, each.reason, at_ms=now_ms)
        known = incident.members.get(each.member)
        meet(incident, each.member, Member(at_ms=known.at_ms if known else now_ms, detail=each.detail))
        incident.soonest_days = each.days_left
        holds[key_of(each.kind, each.place, each.reason)].add(each.member)
    for key, incident in standing.incidents.items():
        if incident.kind not in OF_RUNS:
            for member in set(incident.members) - holds.get(key, set()):
                del incident.members[member]
