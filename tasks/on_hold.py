"""Users whose contacts are left alone, as after an undo, so that no night redoes it; and how a decision is shown."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from adapters.records import Outcome, User, UserDecision
from tasks import codes
from tasks.drafting import name_of
from tasks.names import fold
from tasks.ports import Json, Ports
from tasks.refusals import warning
from tasks.report import iso_time

__all__ = ["UnknownUsersError", "facts_of", "put_on_hold", "release", "release_users", "skip_of", "undone"]


class UnknownUsersError(ValueError):
    """Users that are not on hold; nobody was released."""


_UNDONE = "undone: "


def undone(run_id: str) -> str:
    """Return the reason of a hold that comes from an undo."""
    return f"{_UNDONE}{run_id}"


def put_on_hold(ports: Ports, connector_id: str, users: Sequence[User], *, reason: str, by: str) -> None:
    """Let no run touch these users' contacts until they are released. A repeat changes nothing but the time.

    Whom a person has put on hold for good stays so, by that person and for that reason."""
    at_ms, known = ports.runs.now_ms(), ports.decisions.find(connector_id, [user.id for user in users])
    held = [
        UserDecision(user_id=user.id, name=name_of(user), reason=reason, by=by, at_ms=at_ms)
        for user in users
        if user.id not in known or not _is_for_good(known[user.id])
    ]
    ports.decisions.save(connector_id, held, rows={})


def _is_for_good(decision: UserDecision) -> bool:
    is_by_undo = decision.reason.startswith(_UNDONE)
    return decision.action == "ignore" and decision.until_ms is None and not is_by_undo


def release_users(ports: Ports, connector_id: str, users: Sequence[User], *, reason: str) -> int:
    """Let runs have those users again that are on hold for this reason, the next incremental one first.

    Returns how many that were; what else was decided about users stands."""
    known = ports.decisions.find(connector_id, [user.id for user in users])
    names = {user.id: name_of(user) for user in users if user.id in known and known[user.id].reason == reason}
    return ports.decisions.release(connector_id, {user_id: _row(user_id, name) for user_id, name in names.items()})


def release(ports: Ports, connector_id: str, *, names: Iterable[str] = (), run_id: str | None = None) -> int:
    """Release users by principal name or object id, or those of one undone run, or all; returns how many.

    Raises UnknownUsersError for a name that is not on hold, and nobody is released."""
    wanted = {fold(name): name for name in names}
    found: dict[str, Json] = {}
    met: set[str] = set()
    for each in ports.decisions.iter_all(connector_id):
        own = {fold(each.name), fold(each.user_id)} & wanted.keys()
        if (own or not wanted) and (run_id is None or each.reason == undone(run_id)):
            found[each.user_id] = _row(each.user_id, each.name)
            met |= own
    if missing := [name for folded, name in wanted.items() if folded not in met]:
        raise UnknownUsersError(f"not on hold: {', '.join(missing)}")
    return ports.decisions.release(connector_id, found)


def skip_of(user: User, decision: UserDecision) -> Outcome:
    """Return the outcome of a user on hold."""
    message = (
        f"The contact of {name_of(user)} is left alone ({decision.reason}) until somebody releases the user:"
        " `contact-sync release`"
    )
    return Outcome(user_id=user.id, status="skipped", warnings=(warning(user, codes.ON_HOLD, message),))


def facts_of(decision: UserDecision, *, now_ms: int) -> Json:
    """Return a decision as it is shown; `counts` says whether its time is not over."""
    return {
        "action": decision.action,
        "psa_contact_id": decision.contact_id or None,
        "reason": decision.reason,
        "by": decision.by,
        "since": _time(decision.at_ms),
        "until": None if decision.until_ms is None else _time(decision.until_ms),
        "counts": not decision.has_ended(now_ms),
    }


def _time(at_ms: int) -> str:
    return iso_time(datetime.fromtimestamp(at_ms / 1000, UTC))


def _row(user_id: str, name: str) -> Json:
    message = "was on hold and was released; the next run takes it up"
    return {"office365_id": user_id, "user_principal_name": name, "code": codes.ON_HOLD, "message": message}
