"""The contacts that could be a user's: the key that speaks for each, which one is taken, and why the others are not."""

from typing import Any

from adapters.records import Contact
from tasks.connector import Connector
from tasks.contact_keys import object_id_of
from tasks.explaining.rehearsing import Rehearsed
from tasks.inquiry import Case
from tasks.matching import Match, MatchKey, Refusal

__all__ = ["candidates_of"]

Json = dict[str, Any]

KEYS: dict[MatchKey, str] = {
    "decision": "a decision",
    "link": "the link to this user that we keep",
    "object_id": "this user's object id on the contact",
    "mail": "the user's mail",
    "principal_name": "the user principal name as an address",
    "alias": "an alias address",
    "none": "nothing",
}


def candidates_of(found: Rehearsed, connector: Connector) -> list[Json]:
    """Return the contacts that were looked at: the one that is taken first, then in the order of their keys."""
    if found.case is None:
        return [_left(contact, found, connector) for contact in found.left]
    order = {contact_id: at for at, contact_id in enumerate(found.keys)}
    contacts = sorted(found.case.contacts.values(), key=lambda each: (order.get(each.id, len(order)), each.id))
    rows = [_candidate(each, found, found.case, connector=connector) for each in contacts]
    return sorted(rows, key=lambda row: not row["chosen"])


def _candidate(contact: Contact, found: Rehearsed, case: Case, *, connector: Connector) -> Json:
    key, verdict = found.keys.get(contact.id), found.verdict
    chosen = verdict.contact if isinstance(verdict, Match) else None
    is_chosen = chosen is not None and chosen.id == contact.id
    if is_chosen and key is not None:
        reason = f"taken, by {KEYS[key]}"
    elif isinstance(verdict, Refusal) and contact.id in verdict.contact_ids:
        reason = f"in doubt: {verdict.message}"
    elif key is None:
        reason = _why_nobodys(contact, case, connector)
    elif chosen is not None:
        reason = _why_lost(contact, key, chosen=chosen, by=found.keys.get(chosen.id, "none"))
    else:
        reason = f"could be the user's by {KEYS[key]}, but the user is refused"
    return {**_contact(contact), "key": key or _weak_key(contact, case), "chosen": is_chosen, "reason": reason}


def _why_lost(contact: Contact, key: MatchKey, *, chosen: Contact, by: MatchKey) -> str:
    if chosen.active and not contact.active:
        return f"could be the user's by {KEYS[key]}, but is inactive, and active contacts go before"
    if key != by:
        return f"could be the user's by {KEYS[key]}, but {KEYS[by]} goes before"
    return f"could be the user's by {KEYS[key]}, but is in company {contact.company_id}"


def _why_nobodys(contact: Contact, case: Case, connector: Connector) -> str:
    owner = case.owners.get(contact.id)
    carried = object_id_of(contact)
    if contact.company_id not in connector.company_ids:
        return f"is in company {contact.company_id}, which is none of this connector's"
    if owner not in (None, f"{connector.tenant_id}/{case.user.id}"):
        return f"has an address of the user, but is linked to another user ({str(owner).rpartition('/')[2]})"
    if carried not in (None, case.user.id.lower()):
        return f"has an address of the user, but carries the object id of another user ({carried})"
    if case.link is not None and case.link.contact_id == contact.id:
        return "was this user's, but has neither object id nor address nor name of the user any more"
    return "has the user's name only, and a name alone is no proof"


def _weak_key(contact: Contact, case: Case) -> str | None:
    """Name what led to a contact that cannot be the user's."""
    if case.link is not None and case.link.contact_id == contact.id:
        return "link"
    draft = case.drafted.draft
    names = ("first_name", "last_name")
    is_namesake = draft is not None and all(
        contact.fields.get(name, "").casefold() == draft.fields.get(name, "").casefold() for name in names
    )
    return "namesake" if is_namesake else None


def _left(contact: Contact, found: Rehearsed, connector: Connector) -> Json:
    is_linked = found.link is not None and found.link.contact_id == contact.id
    key: MatchKey = "link" if is_linked else "object_id"
    state = "active" if contact.active else "inactive already"
    if contact.company_id not in connector.company_ids:
        state = f"moved to company {contact.company_id}, which is none of this connector's; {state}"
    return {**_contact(contact), "key": key, "chosen": True, "reason": f"this user's, by {KEYS[key]}; {state}"}


def _contact(contact: Contact) -> Json:
    name = " ".join(filter(None, (contact.fields.get("first_name"), contact.fields.get("last_name"))))
    return {
        "psa_contact_id": contact.id,
        "psa_company_id": contact.company_id,
        "name": name or None,
        "email": contact.emails[0] if contact.emails else None,
        "active": contact.active,
        "protected": contact.protected,
    }
