"""Intents: what is about to be written, and what became of it when nobody was left to say."""

from typing import Any

from adapters.errors import NotFoundError
from adapters.records import Contact, ContactChange, Intent, Link, Outcome, Planned, Run
from tasks import planning, report
from tasks.ports import Contacts, Ports
from tasks.undo import journaling

Json = dict[str, Any]


def intent_of(run: Run, planned: Planned, *, not_after_ms: int) -> Intent:
    """Say what this plan is about to write, and the report's row if it happens."""
    if planned.draft is not None:
        target: Json = {
            "company_id": planned.draft.company_id,
            "entra_id": planned.draft.entra_id,
            "addresses": list(planned.addresses),
        }
    else:
        assert planned.change is not None  # noqa: S101 - Planned holds exactly one of the two
        target = planned.change.model_dump()
    return Intent(
        run_id=run.run_id,
        operation="create" if planned.draft is not None else "update",
        target=target,
        not_after_ms=not_after_ms,
        row=report.success_row(planned),
        link=planning.link_of(planned),
        warnings=planned.warnings,
        former=planned.former,
    )


def suspected_intent(run: Run, planned: Planned) -> Intent:
    """Take a user in flight for one with an unresolved intent: the store restarted and may have lost a second."""
    return intent_of(run, planned, not_after_ms=0)


def wait_s(ports: Ports, intent: Intent) -> float:
    """Return how long a write of this intent may still be under way, at the PSA too."""
    if intent.not_after_ms == 0:
        return 0.0
    last_ms = intent.not_after_ms + (ports.timing.write_deadline_s + ports.timing.write_margin_s) * 1000
    return max(0.0, (last_ms - ports.runs.now_ms()) / 1000)


def resolve(contacts: Contacts, intent: Intent) -> Contact | None:
    """Look up live whether the intent's write happened: a creation by existence, an update by its target fields."""
    if intent.operation == "create":
        return _find_created(contacts, intent.target)
    change = ContactChange.model_validate(intent.target)
    try:
        contact = contacts.fetch_contact(change.contact_id)
    except NotFoundError:
        return None
    return contact if planning.is_applied(change, contact) else None


def _find_created(contacts: Contacts, target: Json) -> Contact | None:
    found = contacts.find_contacts((target["company_id"],), entra_id=target["entra_id"], emails=target["addresses"])
    ours = [contact for contact in found if (contact.entra_id or "").casefold() == target["entra_id"].casefold()]
    unmarked = [contact for contact in found if not contact.entra_id and contact.active]
    return next(iter(ours or unmarked), None)


def with_entry(outcome: Outcome, intent: Intent, *, contact_id: str) -> Outcome:
    """Add the journal's entry to the outcome of a write that happened, and failed all the same."""
    company_id = outcome.link.company_id if outcome.link is not None else ""
    entry = journaling.entry_of(intent, contact_id=contact_id, company_id=company_id)
    return outcome.model_copy(update={"journal": entry})


def outcome_of(intent: Intent, contact: Contact, *, user_id: str) -> Outcome:
    """Make the outcome of a write that happened."""
    row = {**intent.row, "psa_contact_id": contact.id, "psa_company_id": contact.company_id}
    link = intent.link or Link(contact_id=contact.id, company_id=contact.company_id)
    return Outcome(
        user_id=user_id,
        status="created" if intent.operation == "create" else "updated",
        row=row,
        warnings=intent.warnings,
        journal=journaling.entry_of(intent, contact_id=contact.id, company_id=contact.company_id),
        link=link.model_copy(update={"contact_id": contact.id, "company_id": contact.company_id}),
    )
