"""Gives one user its contact: lease, claim, intent, one write, outcome."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import structlog

from adapters.errors import (
    AnswerLostError,
    BudgetError,
    InstanceError,
    NotFoundError,
    RecordError,
    SyncError,
    TenantError,
    TransientError,
    WireError,
)
from adapters.records import Contact, Grant, Intent, Outcome, Planned, Run
from tasks import closing, codes, deciding, feeding, report, resolving, stepping
from tasks.addresses import addresses_of
from tasks.connector import Connector
from tasks.ports import Contacts, Permit, Ports

CLAIM_WAIT_S = 1.5  # the holder of the claim is about to end its one write
MOST_LOST = 3  # unanswered writes of one user of which nothing is found: a fourth might be a fourth contact
COMPANY_FIELDS = ("company", "companyId")  # as the PSAs name what they refuse when a company is gone

log = structlog.get_logger()


@dataclass
class Work:
    """One user's write in one run, with everything around it."""

    ports: Ports
    run: Run
    planned: Planned
    grant: Grant
    unresolved: bool = False  # a write may have happened of which the ledger does not know
    looked: bool = False  # the plan was made just before, from what the vendors hold
    lost: int = 0  # writes before this one whose answer was lost

    @cached_property
    def connector(self) -> Connector:
        """The run's connector; a fault of this process's configuration shows here, within the attempt."""
        found: Connector = self.ports.configuration.connector(self.run.connector_id, version=self.run.config_version)
        return found

    @cached_property
    def contacts(self) -> Contacts:
        """The run's PSA."""
        return self.ports.contacts(self.run)

    @property
    def user_id(self) -> str:
        """The user's object id."""
        return self.planned.user.id


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
    work = Work(ports, run, planned, grant, unresolved=grant.intent is not None)
    wait_s = _handle(work)
    if wait_s is None:
        feeding.feed_if_room(ports, run.instance, lane=run.lane)
    return wait_s


def _handle(work: Work) -> float | None:
    """Turn every end of the attempt into an outcome or a time to come back."""
    try:
        return _settle_and_write(work)
    except TransientError as error:
        if error.vendor == "store":
            raise
        return _later(work, error)
    except (TenantError, InstanceError) as error:
        closing.fail_run(work.ports, work.run, code=stepping.code_of(error), message=stepping.message_of(error))
        return _leave(work)
    except WireError as error:
        return _unclear(work, error)
    except SyncError as error:
        return _record(work, _error(work, _failure_code(work), stepping.message_of(error), retry="retry"))
    except Exception:
        log.exception("upsert.failed", user_id=work.user_id)
        return _unclear(work, WireError("internal_error", vendor="worker"))


def _settle_and_write(work: Work) -> float | None:
    """Resolve what an earlier attempt left, then do our own write."""
    intent = work.grant.intent
    if intent is None and work.grant.suspect:
        intent = resolving.suspected_intent(work.run, work.planned)
    if intent is not None:
        is_ended, wait_s = _settle(work, intent)
        if is_ended:
            return wait_s
    if not _claim(work):
        return _wait_for_claim(work)
    if _is_overtaken(work) or _must_look_first(work):
        return _decide_again(work)
    return _write(work)


def _settle(work: Work, intent: Intent) -> tuple[bool, float | None]:
    """Find out what an intent came to; tells whether that ends the attempt, and how."""
    ports, run = work.ports, work.run
    work.unresolved = True
    wait_s = resolving.wait_s(ports, intent)
    if wait_s > 0:
        return True, _postpone(work, wait_s)
    contact = resolving.resolve(work.contacts, intent)
    if contact is None:
        ports.users.clear_intent(work.grant)
        work.unresolved = False
        work.lost = intent.lost + 1
        return (True, _leave(work)) if run.stopping is not None else (False, None)
    outcome = resolving.outcome_of(intent, contact, user_id=work.user_id)
    if intent.run_id == run.run_id:
        return True, _record(work, outcome)
    ports.users.settle(work.grant, intent, outcome)
    work.unresolved = False
    return True, _decide_again(work)


def _claim(work: Work) -> bool:
    target = work.planned.draft or work.planned.change
    assert target is not None  # noqa: S101 - Planned holds exactly one of the two
    return work.ports.users.claim(
        work.grant,
        instance=work.run.instance,
        company_id=target.company_id,
        addresses=work.planned.addresses,
        contact_id=work.planned.change.contact_id if work.planned.change else None,
    )


def _wait_for_claim(work: Work) -> float:
    work.ports.users.postpone(work.grant, work.run.run_id, wait_s=CLAIM_WAIT_S)
    return CLAIM_WAIT_S


def _is_overtaken(work: Work) -> bool:
    """Tell whether another run has been at this user since ours was planned: applied a newer record, or created."""
    link = work.ports.memory.links(work.connector.home, [work.user_id]).get(work.user_id)
    return link is not None and (work.planned.draft is not None or link.read_at_ms > work.planned.read_at_ms)


def _must_look_first(work: Work) -> bool:
    """Tell whether the look-up that this creation rests on has grown old, or was overtaken by another user's write."""
    draft = work.planned.draft
    if draft is None:
        return False
    looked_at_ms = work.run.index_at_ms or work.planned.read_at_ms
    age_ms = work.ports.runs.now_ms() - looked_at_ms
    return age_ms > work.ports.timing.index_age_s * 1000 or work.ports.users.written_since(
        work.grant,
        instance=work.run.instance,
        company_id=draft.company_id,
        addresses=work.planned.addresses,
        since_ms=looked_at_ms,
    )


def _decide_again(work: Work) -> float | None:
    """Read the user and its candidates anew and go by what is found."""
    planned = work.planned
    withheld = frozenset(addresses_of(planned.user)) - frozenset(planned.addresses)
    decision = deciding.decide_live(work.ports, work.run, work.connector, user_id=work.user_id, withheld=withheld)
    if isinstance(decision, Outcome):
        return _record(work, decision)
    work.planned, work.looked = decision, True
    return _write(work) if _claim(work) else _wait_for_claim(work)


def _write(work: Work) -> float | None:
    """Store the intent, send the one write, record its outcome."""
    ports, planned = work.ports, work.planned
    if work.lost >= MOST_LOST:
        message = "its answers were lost and nothing of it is found in the PSA; look there before the next run"
        return _record(work, _error(work, _failure_code(work), message, retry="retry"))
    deadline = time.monotonic() + ports.timing.write_deadline_s
    not_after_ms = ports.runs.now_ms() + int(ports.timing.write_deadline_s * 1000)
    intent = resolving.intent_of(work.run, planned, not_after_ms=not_after_ms, lost=work.lost)
    if not ports.users.store_intent(work.grant, intent):
        return CLAIM_WAIT_S  # another holder took the user over
    try:
        contact = _send(work, _permit(ports, deadline))
    except NotFoundError as error:
        ports.users.clear_intent(work.grant)
        return _refused(work, error) if work.looked or planned.draft is not None else _decide_again(work)
    except RecordError as error:
        return _refused(work, error)
    return _record(work, resolving.outcome_of(intent, contact, user_id=work.user_id))


def _send(work: Work, permit: Permit) -> Contact:
    """Send the write. Whatever ends it leaves it unresolved, but an error that says that nothing was taken."""
    work.unresolved = True
    try:
        return _push(work, permit)
    except (AnswerLostError, WireError):
        raise
    except SyncError:
        work.unresolved = False
        raise


def _push(work: Work, permit: Permit) -> Contact:
    if work.planned.draft is not None:
        return work.contacts.create_contact(work.planned.draft, permit=permit)
    assert work.planned.change is not None  # noqa: S101 - Planned holds exactly one of the two
    return work.contacts.update_contact(work.planned.change, permit=permit)


def _permit(ports: Ports, deadline: float) -> Permit:
    """Let a write be sent only before its deadline, and only by a process that is not taken for dead."""

    def permit() -> float:
        ports.presence.check_fresh()
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TransientError("write_deadline_passed", vendor="worker")
        return left_s

    return permit


def _failure_code(work: Work, field: str | None = None) -> str:
    if field in COMPANY_FIELDS:
        return codes.MISSING_COMPANY_ID
    return codes.CONTACT_CREATION_FAILED if work.planned.draft is not None else codes.CONTACT_UPDATE_FAILED


def _refused(work: Work, error: RecordError) -> float | None:
    what = "create the contact" if work.planned.draft is not None else "update the contact"
    field = f" because of its field {error.field}" if error.field else ""
    message = f"the PSA refused to {what}{field}; correct the value in Microsoft 365 or the mapping"
    if error.field in COMPANY_FIELDS:
        message = f"the PSA does not take contacts for company {_company_id(work)}; correct the company rules"
    code = _failure_code(work, error.field)
    return _record(work, _error(work, code, message, psa_error=error.vendor_message or error.reason))


def _company_id(work: Work) -> str:
    target = work.planned.draft or work.planned.change
    return target.company_id if target else ""


def _error(
    work: Work, code: str, message: str, *, psa_error: str | None = None, retry: Literal["retry", "refused"] = "refused"
) -> Outcome:
    return closing.error_outcome(
        work.ports, work.planned.user, code=code, message=message, psa_error=psa_error, retry=retry
    )


def _later(work: Work, error: TransientError) -> float | None:
    """Postpone a user whose write was not taken, or whose answer was lost, until its horizon."""
    ports = work.ports
    if work.run.stopping is not None:
        return _leave(work)
    is_failing = not isinstance(error, BudgetError) and ports.budgets.down_since_ms(work.run.instance) is None
    if is_failing and _tried_for_s(work) > ports.timing.user_horizon_s:
        return _record(work, _error(work, stepping.code_of(error), stepping.message_of(error), retry="retry"))
    wait_s = error.retry_after_s if error.retry_after_s is not None else min(2.0 * work.grant.attempts, 30.0)
    if isinstance(error, AnswerLostError):
        wait_s = ports.timing.write_margin_s
    return _postpone(work, min(max(wait_s, 0.2), ports.timing.longest_countdown_s))


def _tried_for_s(work: Work) -> float:
    now_ms = work.ports.runs.now_ms()
    return (now_ms - (work.grant.first_tried_at_ms or now_ms)) / 1000


def _unclear(work: Work, error: SyncError) -> float | None:
    """Come back to look before anything else: the answer is not understood, and a write may have happened."""
    if _tried_for_s(work) > work.ports.timing.user_horizon_s:
        return _record(work, _error(work, _failure_code(work), stepping.message_of(error), retry="retry"))
    log.warning("upsert.unclear", reason=error.reason, vendor=error.vendor, status=error.status)
    return _postpone(work, work.ports.timing.write_margin_s)


def _postpone(work: Work, wait_s: float) -> float:
    work.ports.users.postpone(work.grant, work.run.run_id, wait_s=wait_s, keep_intent=work.unresolved)
    return wait_s


def _leave(work: Work) -> float | None:
    """End a user of a stopping run; an unresolved intent stays for whoever comes next."""
    row = report.unprocessed_row(work.planned.user)
    return _record(work, Outcome(user_id=work.user_id, status="unprocessed", row=row))


def _record(work: Work, outcome: Outcome) -> float | None:
    """Record the outcome. With a stale fence nothing is recorded: the holder that took over does it."""
    keep_intent = work.unresolved and outcome.status in ("error", "unprocessed")
    work.ports.users.record(work.grant, work.run.run_id, outcome, keep_intent=keep_intent)
    return None
