"""Writes that failed: what the report says of them, and whether the next run tries the user again."""

from typing import Literal

from adapters.errors import RecordError, SyncError, TransientError
from adapters.records import Link, Outcome, Planned
from tasks import closing, codes, report, stepping
from tasks.drafting import name_of
from tasks.ports import Ports

COMPANY_FIELDS = ("company", "companyId")  # as the PSAs name what they refuse when a company is gone


def unfinished(ports: Ports, planned: Planned, error: SyncError) -> Outcome:
    """Give up for this run what may work in the next."""
    code = stepping.code_of(error) if isinstance(error, TransientError) else _code(planned)
    return _error(ports, planned, code, stepping.message_of(error), retry="retry")


def refused(ports: Ports, planned: Planned, error: RecordError) -> Outcome:
    """Report what the PSA does not take, with its own words."""
    psa_error = error.vendor_message or error.reason
    if error.field in COMPANY_FIELDS:
        company_id = _target_company(planned)
        message = f"the PSA does not take contacts for company {company_id}; correct the company rules"
        return _error(ports, planned, codes.MISSING_COMPANY_ID, message, psa_error=psa_error)
    what = "create the contact" if planned.draft is not None else "update the contact"
    field = f" because of its field {error.field}" if error.field else ""
    message = f"the PSA refused to {what}{field}; correct the value in Microsoft 365 or the mapping"
    return _error(ports, planned, _code(planned), message, psa_error=psa_error)


def lost(ports: Ports, planned: Planned) -> Outcome:
    """Give up what was sent several times without an answer and without a trace."""
    what = "created" if planned.draft is not None else "updated"
    message = (
        f"the contact was to be {what} several times, but no answer came and nothing of it is found in the PSA;"
        " look there before the next run"
    )
    return _error(ports, planned, _code(planned), message, retry="retry")


def distorted(ports: Ports, planned: Planned, *, contact_id: str) -> Outcome:
    """Report a contact that was made otherwise than it was to be; it is the user's from here on, so none is made again.

    Its link knows of nothing that was written, so that the next run compares everything."""
    message = (
        f"the PSA made contact {contact_id}, but company, object id or another value did not arrive there;"
        " correct the contact, and what our key may write in the PSA"
    )
    link = Link(contact_id=contact_id, company_id=_target_company(planned), read_at_ms=planned.read_at_ms)
    return _error(ports, planned, _code(planned), message, retry="retry").model_copy(update={"link": link})


def _code(planned: Planned) -> str:
    return codes.CONTACT_CREATION_FAILED if planned.draft is not None else codes.CONTACT_UPDATE_FAILED


def _target_company(planned: Planned) -> str:
    target = planned.draft or planned.change
    return target.company_id if target else ""


def _error(
    ports: Ports,
    planned: Planned,
    code: str,
    message: str,
    *,
    psa_error: str | None = None,
    retry: Literal["retry", "refused"] = "refused",
) -> Outcome:
    user = planned.user
    row = report.error_row(
        name_of(user), code=code, message=message, psa_error=psa_error, at=closing.now(ports), office365_id=user.id
    )
    return Outcome(user_id=user.id, status="error", row=row, retry=retry)
