"""What a person decides about a user: checked by the very judging that will obey it, then remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, cast

from adapters.records import Outcome, UserDecision
from tasks import codes, on_hold
from tasks.connector import Connector
from tasks.drafting import name_of
from tasks.explaining.locating import Located, locate
from tasks.explaining.reading_only import reading_only
from tasks.explaining.rehearsing import Rehearsed, rehearse, run_of
from tasks.matching import Match
from tasks.names import clean
from tasks.ports import Json, Ports

__all__ = ["MOST_LETTERS", "Action", "DecisionRefusedError", "Proposal", "decide", "end_of", "row_of"]

Action = Literal["link", "create", "ignore"]

MOST_CONTACTS = 100  # that one user could be; more are no people
MOST_LETTERS = 500  # of a reason


class DecisionRefusedError(ValueError):
    """A decision that cannot be taken: nothing has changed. The message says why, and what to do."""


@dataclass(frozen=True)
class Proposal:
    """What somebody wants to decide, and why."""

    action: Action
    reason: str
    by: str
    contact_id: str = ""
    until_ms: int | None = None


def decide(ports: Ports, connector: Connector, name: str, proposal: Proposal) -> UserDecision:
    """Settle a user, named by principal name or object id, for all runs to come; the next incremental one takes it up.

    Costs the calls of one or two explanations. A repeat changes nothing but the time. Raises DecisionRefusedError, and
    SyncError if a vendor or the store cannot be asked; nothing has changed then."""
    _check(ports, proposal)
    run = run_of(ports, connector, name)
    located = locate(ports.directory(run), name)
    user = located.user
    if user is None or (located.where == "nowhere" and not _is_known(ports, connector, user.id)):
        raise DecisionRefusedError(f"Microsoft 365 knows no user {name}; check the spelling and the connector")
    if located.others:
        names = ", ".join(map(name_of, (user, *located.others)))
        raise DecisionRefusedError(f"several users have the address {name}: {names}; name one by its object id")
    made = UserDecision(
        user_id=user.id,
        name=name_of(user),
        action=proposal.action,
        contact_id=proposal.contact_id,
        home="" if proposal.action == "ignore" else connector.home,
        reason=clean(proposal.reason),
        by=clean(proposal.by),
        at_ms=ports.runs.now_ms(),
        until_ms=proposal.until_ms,
    )
    if made.action != "ignore":
        made = _rehearsed(ports, connector, located, made)
    taken = ports.decisions.save(connector.connector_id, [made], rows={user.id: _row(made)})
    if taken is not None:
        other, _, whose = taken.partition("/")
        raise DecisionRefusedError(
            f"contact {made.contact_id} was given to user {whose} of {other} by a decision;"
            f" take that back first: contact-sync release {other} {whose}"
        )
    return made


def row_of(connector_id: str, decision: UserDecision, *, now_ms: int) -> Json:
    """Return a decision as lists show it."""
    return {
        "connector": connector_id,
        "user_principal_name": decision.name,
        "office365_id": decision.user_id,
        **on_hold.facts_of(decision, now_ms=now_ms),
    }


def end_of(day: date) -> int:
    """Return when a day is over (ms, UTC). Raises DecisionRefusedError for the last day that there is."""
    try:
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
    except OverflowError:
        raise DecisionRefusedError(f"{day} is the end of time: leave the date out") from None
    return int(end.timestamp() * 1000)


def _check(ports: Ports, proposal: Proposal) -> None:
    """Refuse what makes no sense, before anybody is asked."""
    if (proposal.action == "link") != bool(proposal.contact_id):
        raise DecisionRefusedError(
            "link needs the id of the contact" if proposal.action == "link" else f"{proposal.action} takes no contact"
        )
    if not clean(proposal.reason) or len(proposal.reason) > MOST_LETTERS:
        raise DecisionRefusedError(f"a reason is needed, of at most {MOST_LETTERS} letters: others will ask for it")
    if not clean(proposal.by):
        raise DecisionRefusedError("it must be said who decides")
    if proposal.until_ms is not None and proposal.until_ms <= ports.runs.now_ms():
        raise DecisionRefusedError("the decision would have ended already: name a later date")


def _is_known(ports: Ports, connector: Connector, user_id: str) -> bool:
    """Tell a user that is gone for good and of whom something is kept."""
    return bool(ports.memory.links(connector.home, [user_id]))


def _rehearsed(ports: Ports, connector: Connector, located: Located, made: UserDecision) -> UserDecision:
    """Try the decision out, and return it with what it has to know. Raises DecisionRefusedError if it would not do."""
    name = made.name
    if made.action == "create":
        found = _rehearse(ports, connector, located, None)
        match = found.verdict if isinstance(found.verdict, Match) else None
        if match is not None and match.contact is not None and match.key in ("link", "object_id"):
            raise DecisionRefusedError(
                f"{name} has contact {match.contact.id} already; take the user's object id off it in the PSA, or decide"
                " on another one by link"
            )
        made = made.model_copy(update={"not_contacts": _not_contacts(found)})
    found = _rehearse(ports, connector, located, made)
    if found.exclusion is not None or found.case is None:
        rule = found.exclusion.rule if found.exclusion is not None else "not in the directory any more"
        raise DecisionRefusedError(f"no run gives {name} a contact: it is out of scope ({rule})")
    if isinstance(found.decision, Outcome) and found.decision.status == "error":
        row = found.decision.row
        raise DecisionRefusedError(f"a run could not do it: {row.get('code')}: {row.get('message')}")
    match = found.verdict if isinstance(found.verdict, Match) else Match(None)
    if (match.contact.id if match.contact is not None else "") != made.contact_id:
        raise DecisionRefusedError(f"a run would do something else for {name}: see contact-sync explain {name}")
    return made


def _not_contacts(found: Rehearsed) -> tuple[str, ...]:
    contacts = set(found.case.contacts) if found.case is not None else set()
    if found.link is not None:
        contacts.add(found.link.contact_id)
    if len(contacts) > MOST_CONTACTS:
        raise DecisionRefusedError(f"{len(contacts)} contacts could be this user: tidy them up in the PSA first")
    return tuple(sorted(contacts))


def _rehearse(ports: Ports, connector: Connector, located: Located, made: UserDecision | None) -> Rehearsed:
    """Judge the user as the next run would if this alone were decided about it."""
    ports = replace(reading_only(ports), decisions=cast("Any", _Proposed(ports, connector, located, made)))
    user = located.user
    assert user is not None  # noqa: S101 - only a user that was found is judged
    entry = ports.memory.unfinished_of(connector.connector_id, user.id) or {}
    run = run_of(ports, connector, user.id)
    return rehearse(ports, run, connector, located=located, named=entry.get("named", ()))


class _Proposed:
    """The decisions that there are, but of one user this one, or none."""

    def __init__(self, ports: Ports, connector: Connector, located: Located, made: UserDecision | None) -> None:
        self._decisions, self._made = ports.decisions, made
        self._user_id = located.user.id if located.user is not None else ""
        self._owner = f"{connector.tenant_id}/{self._user_id}"

    def find(self, connector_id: str, user_ids: Sequence[str]) -> dict[str, UserDecision]:
        found = self._decisions.find(connector_id, [each for each in user_ids if each != self._user_id])
        return found | ({self._user_id: self._made} if self._made is not None and self._user_id in user_ids else {})

    def owners(self, home: str, contact_ids: Sequence[str], *, now_ms: int) -> Mapping[str, str]:
        owners = self._decisions.owners(home, contact_ids, now_ms=now_ms)
        return {each: owner for each, owner in owners.items() if owner != self._owner}


def _row(made: UserDecision) -> Json:
    message = f'"{made.action}" was decided; the next run takes it up'
    return {"office365_id": made.user_id, "user_principal_name": made.name, "code": codes.DECIDED, "message": message}
