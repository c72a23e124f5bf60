"""Why a user gets no contact although a guess could be made, and what is warned of when one is taken: the words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.records import Contact, User, UserDecision
from tasks import codes
from tasks.drafting import name_of

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error before any write, with the contacts and users whose change may undo it."""

    code: str
    message: str
    contact_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()

    def row(self, user: User) -> Json:
        """Return the report's row, without its timestamp."""
        return {"user_principal_name": name_of(user), "code": self.code, "message": self.message}


def several_contacts(user: User, contacts: Sequence[Contact]) -> Refusal:
    """Refuse a choice between contacts."""
    ids = _ids(contacts)
    message = (
        f"Several contacts could be {name_of(user)}: {_list(ids)}; merge them or deactivate all but one in the PSA"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, ids)


def other_name(user: User, contact: Contact) -> Refusal:
    """Refuse a contact that shares a mere alias."""
    message = (
        f"Contact {contact.id} has an alias address of {name_of(user)} but another name;"
        " remove the address from it, or put the user's object id or main address on it if it is the same person"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, (contact.id,))


def belongs_to_another(user: User, contact: Contact, other_id: str) -> Refusal:
    """Refuse a contact with another user's mark."""
    message = (
        f"Contact {contact.id} could be {name_of(user)}, but belongs to another user ({other_id.lstrip('/')});"
        " separate the two users' addresses in Microsoft 365 or in the PSA"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, (contact.id,), (other_id,))


def other_company(user: User, contact: Contact, company_id: str) -> Refusal:
    """Refuse to move, and to make a second contact elsewhere."""
    message = (
        f"Contact {contact.id} of {name_of(user)} is in company {contact.company_id}, but by this run's input or rules"
        f" it belongs to company {company_id}; move it in the PSA, or correct the company rules"
    )
    return Refusal(codes.COMPANY_MISMATCH, message, (contact.id,))


def changed_beyond_recognition(user: User, contact: Contact) -> Refusal:
    """Refuse a linked contact that has nothing in common with its user any more."""
    message = (
        f"Contact {contact.id} was {name_of(user)}'s, but has neither object id nor address nor name of this user"
        " any more; put one of them back, or give the contact to somebody else, in the PSA"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, (contact.id,))


def namesakes(user: User, contacts: Sequence[Contact]) -> Refusal:
    """Refuse to create a second contact of one name, where the first one says nothing more."""
    ids = _ids(contacts)
    message = (
        f"A contact of the name of {name_of(user)} has no address: {_list(ids)};"
        " give it the user's address if it is the same person, or another one if it is not"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, ids)


def deleted(user: User, contact_id: str) -> Refusal:
    """Report a deleted contact instead of making it anew."""
    message = (
        f"Contact {contact_id} of {name_of(user)} was deleted in the PSA;"
        ' exclude the user, or set on_contact_deleted to "recreate"'
    )
    return Refusal(codes.CONTACT_DELETED, message, (contact_id,))


def decision_unusable(user: User, decision: UserDecision, why: Refusal | str) -> Refusal:
    """Refuse to do something else than what was decided."""
    refused = why if isinstance(why, Refusal) else Refusal("", why, (decision.contact_id,))
    message = (
        f"It was decided that contact {decision.contact_id} is {name_of(user)}'s (by {decision.by}: {decision.reason}),"
        f" but: {refused.message}; or decide again: `contact-sync decide`, or `contact-sync release`"
    )
    return Refusal(codes.DECISION_UNUSABLE, message, refused.contact_ids, refused.user_ids)


def shared_address(user: User, others: Iterable[User]) -> Refusal:
    """Refuse one address to several users."""
    others = [other for other in others if other.id != user.id]
    message = (
        f"{name_of(user)} shares an address with {_list(sorted(map(name_of, others)))}, and has no better right to it;"
        " correct the addresses in Microsoft 365"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, (), tuple(other.id for other in others))


def shared_contact(user: User, others: Iterable[User], contact: Contact) -> Refusal:
    """Refuse one contact to several users."""
    others = [other for other in others if other.id != user.id]
    message = (
        f"Contact {contact.id} could be {name_of(user)} or {_list(sorted(map(name_of, others)))};"
        " correct the addresses of the users in Microsoft 365 or of the contact in the PSA"
    )
    return Refusal(codes.DUPLICATE_CONTACT, message, (contact.id,), tuple(other.id for other in others))


def relinked(user: User, contact: Contact) -> Json:
    """Warn that a contact changes hands from a user that is gone."""
    message = f"Contact {contact.id} carried the object id of a user that is gone; it was given to {name_of(user)}"
    return warning(user, codes.CONTACT_RELINKED, message)


def recreated(user: User, contact_id: str) -> Json:
    """Warn that a deleted contact is made anew."""
    message = (
        f"Contact {contact_id} of {name_of(user)} was deleted in the PSA and made anew; exclude the user to prevent it"
    )
    return warning(user, codes.CONTACT_RECREATED, message)


def merged(user: User, contact: Contact, gone_id: str) -> Json:
    """Warn that the linked contact is gone and another one takes its place."""
    message = (
        f"Contact {gone_id} of {name_of(user)} was deleted in the PSA, or merged into another one; contact {contact.id}"
        " has the user's object id or address and is used from now on"
    )
    return warning(user, codes.CONTACT_MERGED, message)


def unlinked(user: User, contact: Contact) -> Json:
    """Warn that somebody took the object id off a contact, which is put back."""
    message = (
        f"The object id of {name_of(user)} was taken off contact {contact.id} in the PSA, and is put back; to separate"
        " the two, exclude the user, or give the contact to somebody else"
    )
    return warning(user, codes.CONTACT_UNLINKED, message)


def moved(user: User, contact: Contact, company_id: str) -> Json:
    """Warn that a contact was moved in the PSA since our last write."""
    message = (
        f"Contact {contact.id} of {name_of(user)} was moved in the PSA,"
        f" from company {company_id} to company {contact.company_id}"
    )
    return warning(user, codes.CONTACT_MOVED, message)


def edited(user: User, contact: Contact, name: str, *, fate: str) -> Json:
    """Warn that a field was changed in the PSA since our last write; `fate` says what becomes of it, and why."""
    message = f"{name} of contact {contact.id} of {name_of(user)} was edited in the PSA since our last write; {fate}"
    return warning(user, codes.MANUAL_EDIT, message)


def warning(user: User, code: str, message: str) -> Json:
    """Return a warning row, without its timestamp."""
    return {"user_principal_name": name_of(user), "code": code, "message": message}


def _ids(contacts: Iterable[Contact]) -> tuple[str, ...]:
    return tuple(sorted((contact.id for contact in contacts), key=lambda contact_id: (len(contact_id), contact_id)))


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
