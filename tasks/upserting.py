"""Gives one user its contact: lease, claim, intent, one write, outcome."""

import time

import structlog

from adapters.errors import (
    AnswerLostError,
    InstanceError,
    NotFoundError,
    RecordError,
    SyncError,
    TenantError,
    TransientError,
    WireError,
)
from adapters.records import Claim, Contact, Intent, Outcome
from tasks import deciding, failures, feeding, resolving, stepping
from tasks.addresses import addresses_of
from tasks.attempt import Attempt
from tasks.plans import carrying_out
from tasks.ports import Permit, Ports
from tasks.requesting import CARRIES_OUT

CLAIM_WAIT_S = 1.5  # the holder of the claim is about to end its one write
MOST_LOST = 3  # unanswered writes of one user of which nothing is found: a fourth might be a fourth contact
WRITTEN = ("created", "updated", "deactivated")  # events of a user that changed its contact

log = structlog.get_logger()


def upsert_contact(ports: Ports, run_id: str, user_id: str) -> float | None:
    """Give one user its contact; answer in how many seconds to come back, or None when the user has an outcome.

    A repeat finds the outcome and does nothing, or finds the intent of an attempt that died and resolves it first."""
    run = ports.runs.load_run(run_id)
    if run is None:
        return None
    began = ports.users.begin(run_id, user_id, holder=ports.presence.new_holder())
    if began is None or isinstance(began, float | int):
        return began
    planned, grant = began
    wait_s = _handle(Attempt(ports, run, planned, grant, unresolved=grant.intent is not None, lost=grant.lost))
    if wait_s is None:
        feeding.feed_if_room(ports, run.instance, lane=run.lane)
    return wait_s


def _handle(attempt: Attempt) -> float | None:
    """Turn every end of the attempt into an outcome or a time to come back."""
    ports, run = attempt.ports, attempt.run
    try:
        return _settle_and_write(attempt)
    except TransientError as error:
        if error.vendor == "store":
            raise
        return attempt.come_back(error)
    except (TenantError, InstanceError) as error:
        stepping.fail_run(ports, run, error)
        return attempt.leave()
    except WireError as error:
        return attempt.look_again(error)
    except SyncError as error:
        return attempt.record(failures.unfinished(ports, attempt.planned, error))
    except Exception:
        log.exception("upsert.failed", user_id=attempt.user_id)
        return attempt.look_again(WireError("internal_error", vendor="worker"))


# --- what an earlier attempt left -------------------------------------------------------------------------------------


def _settle_and_write(attempt: Attempt) -> float | None:
    """Find out what an earlier attempt's write came to, then do our own."""
    intent = attempt.grant.intent
    if intent is None and attempt.grant.suspect:
        if _was_written_since(attempt):
            return _decide_again(attempt)
        intent = resolving.suspected_intent(attempt.run, attempt.planned)
    if intent is None:
        return _claim_and_write(attempt)
    attempt.unresolved = True
    wait_s = resolving.wait_s(attempt.ports, intent)
    if wait_s > 0:
        return attempt.postpone(wait_s)
    contact = resolving.resolve(attempt.contacts, intent)
    if contact is not None and intent.run_id == attempt.run.run_id:
        return attempt.record(resolving.outcome_of(intent, contact, user_id=attempt.user_id))
    _settle(attempt, intent, contact)
    if attempt.run.stopping is not None:
        return attempt.leave()
    return _claim_and_write(attempt) if contact is None else _decide_again(attempt)


def _was_written_since(attempt: Attempt) -> bool:
    """Tell whether another run has written this user since ours was planned: what is found in the PSA is that write."""
    return any(
        event.kind in WRITTEN and event.run_id != attempt.run.run_id and event.at_ms >= attempt.planned.read_at_ms
        for event in attempt.ports.memory.history(attempt.connector.home, attempt.user_id)
    )


def _settle(attempt: Attempt, intent: Intent, contact: Contact | None) -> None:
    """Put down that nothing is found of a write, or that another run's has happened.

    If that run is closed its report stands: the link is kept, and no run counts the write."""
    users, grant = attempt.ports.users, attempt.grant
    if contact is not None:
        users.settle(grant, intent, resolving.outcome_of(intent, contact, user_id=attempt.user_id))
    else:
        attempt.lost += grant.intent is not None  # a mere suspicion was hardly ever sent
        users.clear_intent(grant, lost=attempt.lost)
    attempt.unresolved = False


# --- our own write ----------------------------------------------------------------------------------------------------


def _claim_and_write(attempt: Attempt) -> float | None:
    """Claim contact and addresses; write if the plan still stands by what the store knows at that moment."""
    ports, planned = attempt.ports, attempt.planned
    # counted from before the store tells its time, so that no permit outlasts the intent
    deadline = time.monotonic() + ports.timing.write_deadline_s
    target = planned.draft or planned.change
    assert target is not None  # noqa: S101 - Planned holds exactly one of the two
    claim = ports.users.claim(
        attempt.grant,
        instance=attempt.run.instance,
        company_id=target.company_id,
        addresses=planned.addresses,
        contact_id=planned.change.contact_id if planned.change else None,
    )
    if claim is None:
        return attempt.postpone(CLAIM_WAIT_S)
    if _is_overtaken(attempt, claim) or _must_look_first(attempt, claim):
        return _decide_again(attempt)
    if attempt.lost >= MOST_LOST:
        return attempt.record(failures.lost(ports, planned))
    not_after_ms = claim.at_ms + int(ports.timing.write_deadline_s * 1000)
    intent = resolving.intent_of(attempt.run, planned, not_after_ms=not_after_ms)
    return _write(attempt, intent, _permit(ports, deadline))


def _is_overtaken(attempt: Attempt, claim: Claim) -> bool:
    """Tell whether another run has been at this user since ours was planned: applied a newer record, or created."""
    if attempt.looked or claim.applied_read_at_ms is None:
        return False
    return attempt.planned.draft is not None or claim.applied_read_at_ms > attempt.planned.read_at_ms


def _must_look_first(attempt: Attempt, claim: Claim) -> bool:
    """Tell whether the look-up that this creation rests on has grown old, or was overtaken by another user's write.

    Before a contact is switched off, and before anything is undone, they are always looked at once more; a line of a
    plan is where some time has passed since it was judged again."""
    planned, looked_at_ms = attempt.planned, attempt.run.index_at_ms or attempt.planned.read_at_ms
    is_old = claim.at_ms - looked_at_ms > attempt.ports.timing.index_age_s * 1000
    if planned.draft is None:
        is_grave = attempt.run.undoes or (planned.change is not None and planned.change.active is False)
        return not attempt.looked and bool(is_grave or (is_old and CARRIES_OUT in attempt.run.notes))
    if attempt.looked:
        return claim.others_wrote_at_ms >= planned.read_at_ms
    return is_old or claim.others_wrote_at_ms >= looked_at_ms


def _decide_again(attempt: Attempt) -> float | None:
    """Read the user and its candidates anew and go by what is found."""
    planned = attempt.planned
    withheld = frozenset(addresses_of(planned.user)) - frozenset(planned.addresses)
    decision = deciding.decide_live(attempt.ports, attempt.run, attempt.connector, planned=planned, withheld=withheld)
    decision = carrying_out.hold_to(attempt.run, planned, decision, stamped=attempt.stamped)
    if isinstance(decision, Outcome):
        return attempt.record(decision)
    attempt.planned, attempt.looked = decision, True
    return _claim_and_write(attempt)


def _write(attempt: Attempt, intent: Intent, permit: Permit) -> float | None:
    """Store the intent, send the one write, record its outcome."""
    ports, planned = attempt.ports, attempt.planned
    if not ports.users.store_intent(attempt.grant, intent):
        return CLAIM_WAIT_S  # another holder took the user over
    try:
        contact = _send(attempt, permit)
    except NotFoundError as error:
        ports.users.clear_intent(attempt.grant, lost=attempt.lost)
        if attempt.looked or planned.draft is not None:
            return attempt.record(failures.refused(ports, planned, error))
        return _decide_again(attempt)
    except RecordError as error:
        return attempt.record(failures.refused(ports, planned, error))
    except WireError as error:
        if error.contact_id is None or planned.draft is None:
            raise
        attempt.unresolved = False
        outcome = failures.distorted(ports, planned, contact_id=error.contact_id)
        return attempt.record(resolving.with_entry(outcome, intent, contact_id=error.contact_id))
    return attempt.record(resolving.outcome_of(intent, contact, user_id=attempt.user_id))


def _send(attempt: Attempt, permit: Permit) -> Contact:
    """Send the write. Whatever ends it leaves it unresolved, but an error that says that nothing was taken."""
    attempt.unresolved = True
    try:
        return _push(attempt, permit)
    except (AnswerLostError, WireError):
        raise
    except SyncError:
        attempt.unresolved = False
        raise


def _push(attempt: Attempt, permit: Permit) -> Contact:
    if attempt.planned.draft is not None:
        return attempt.contacts.create_contact(attempt.planned.draft, permit=permit)
    assert attempt.planned.change is not None  # noqa: S101 - Planned holds exactly one of the two
    return attempt.contacts.update_contact(attempt.planned.change, permit=permit)


def _permit(ports: Ports, deadline: float) -> Permit:
    """Let a write be sent only before its deadline, and only by a process that is not taken for dead."""

    def permit() -> float:
        ports.presence.check_fresh()
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TransientError("write_deadline_passed", vendor="worker")
        return left_s

    return permit
