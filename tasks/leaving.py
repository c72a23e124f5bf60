"""What becomes of the contact of a user that left: whose it is, whether it may be switched off. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.records import Contact, Link, Outcome, Planned, User
from tasks import codes
from tasks.addresses import addresses_of, fold_address
from tasks.connector import Connector
from tasks.contact_keys import object_id_of, strength_of
from tasks.drafting import name_of
from tasks.names import fold
from tasks.planning import plan_deactivation
from tasks.refusals import warning
from tasks.scope import DISABLED, Departure, Exclusion

__all__ = ["DELETED", "Leaver", "contact_of", "decide_leaver", "is_kept", "is_recognised", "leaver_of", "name_known"]

Json = dict[str, Any]

DELETED = "deleted"  # stands in for a rule, of a user that is not in the directory any more


@dataclass(frozen=True, slots=True)
class Leaver:
    """A user that left, or that a lasting rule leaves out. Of one that is gone, `user` may hold the id alone."""

    user: User
    read_at_ms: int
    rule: str
    departure: Departure
    is_proved: bool = True
    is_absent: bool = False  # known only by not being in the list of all users

    @property
    def is_gone(self) -> bool:
        """Tell a user that is not in the directory any more."""
        return self.rule == DELETED


def leaver_of(planned: Planned, user: User | None, exclusion: Exclusion | None, *, read_at_ms: int) -> Leaver | None:
    """Look again at a user whose contact is to be switched off; None: that was not planned, or is not wanted any more.

    One that is still not found was proved gone when it was planned."""
    if planned.change is None or planned.change.active is not False:
        return None
    if user is None:
        return Leaver(planned.user, read_at_ms, DELETED, "left")
    if exclusion is None or exclusion.departure is None:
        return None
    return Leaver(user, read_at_ms, exclusion.rule, exclusion.departure)


def contact_of(
    leaver: Leaver, contacts: Iterable[Contact], *, link: Link | None, owners: Mapping[str, str], tenant_id: str
) -> Contact | None:
    """Return the active contact that carries this user's object id, or that is linked to it and carries none.

    The linked one comes first. One that another user is linked to is nobody else's."""
    me = f"{tenant_id}/{leaver.user.id}"
    own_id, linked_id = leaver.user.id.lower(), link.contact_id if link is not None else None
    theirs = [
        contact
        for contact in contacts
        if contact.active
        and owners.get(contact.id, me) == me
        and object_id_of(contact) in ((own_id, None) if contact.id == linked_id else (own_id,))
    ]
    return min(theirs, key=lambda contact: (contact.id != linked_id, contact.id), default=None)


def is_recognised(contact: Contact, user: User) -> bool:
    """Tell whether a contact carries the user's object id or, without any, an address or the name of the user.

    Of a user of whom nothing but the id is left, the link alone has to do."""
    addresses = addresses_of(user)
    if object_id_of(contact) is not None or not addresses:
        return True
    name = f"{contact.fields.get('first_name', '')} {contact.fields.get('last_name', '')}"
    return strength_of(contact, addresses) is not None or fold(name) == fold(user.display_name or "")


def is_kept(user: User, contact: Contact, *, keep_active: Collection[str]) -> bool:
    """Tell whether the keep-active list names the user or its contact; of a user that is gone by the addresses too."""
    named = {fold_address(name) for name in keep_active}
    own = {user.id, user.user_principal_name or "", contact.id, *contact.emails}
    return not named.isdisjoint(fold_address(name) for name in own if name)


def name_known(user: User, contact: Contact, *, deleted: User | None) -> User:
    """Return a user that is gone with all that is still known of it: from the deleted users, else from its contact."""
    if deleted is not None:
        return deleted
    name = " ".join(filter(None, (contact.fields.get("first_name"), contact.fields.get("last_name"))))
    return user.model_copy(update={"display_name": user.display_name or name or None})


def decide_leaver(
    leaver: Leaver, contact: Contact, *, link: Link | None, connector: Connector, successor: str | None
) -> Planned | Outcome:
    """Return the write that switches the contact off, or a skip that says by a warning why it stays active."""
    user = leaver.user
    policy = connector.on_leaver if leaver.departure == "left" else connector.on_out_of_scope
    if contact.company_id not in connector.company_ids:
        return _stays(user, _moved_away(leaver, contact))
    if policy == "report" or not leaver.is_proved:
        return _stays(user, _reported(leaver, contact, policy=policy))
    if not is_recognised(contact, user):
        message = (
            f"{name_of(user)} left, but contact {contact.id}, which was this user's, has neither object id nor address"
            " nor name of it any more and was left alone; deactivate it in the PSA if it is still the same person"
        )
        return _stays(user, warning(user, codes.USER_LEFT, message))
    if is_kept(user, contact, keep_active=connector.keep_active):
        message = f"Contact {contact.id} of {name_of(user)} is on the list keep_active and stays active"
        return _stays(user, warning(user, codes.CONTACT_KEPT_ACTIVE, message))
    return plan_deactivation(user, contact, read_at_ms=leaver.read_at_ms, link=link, successor=successor)


def _stays(user: User, row: Json) -> Outcome:
    return Outcome(user_id=user.id, status="skipped", warnings=(row,))


def _moved_away(leaver: Leaver, contact: Contact) -> Json:
    user = leaver.user
    message = (
        f"{name_of(user)} {_departed(leaver)}, but its contact {contact.id} was moved in the PSA to company"
        f" {contact.company_id}, which is none of this connector's, and is still active there; it was left alone:"
        " deactivate it in the PSA if it is not wanted"
    )
    return warning(user, codes.CONTACT_MOVED, message)


def _departed(leaver: Leaver) -> str:
    if leaver.departure == "out_of_scope":
        return f'is left out by the rule "{leaver.rule}"'
    if leaver.rule == DISABLED:
        return "was switched off in Microsoft 365"
    return "is gone in Microsoft 365" if leaver.is_proved else "is not found in Microsoft 365"


def _reported(leaver: Leaver, contact: Contact, *, policy: str) -> Json:
    user, still = leaver.user, f"contact {contact.id} is still active"
    if leaver.departure == "out_of_scope":
        message = (
            f"{name_of(user)} {_departed(leaver)}, but {still}; deactivate it in the PSA if it is not wanted, or set"
            ' on_out_of_scope to "deactivate"'
        )
        return warning(user, codes.USER_OUT_OF_SCOPE, message)
    if policy == "report":
        advice = 'deactivate it in the PSA, or set on_leaver to "deactivate"'
    else:
        advice = "nothing proves yet that the user was deleted, so it was left alone; the next full run looks again"
    return warning(user, codes.USER_LEFT, f"{name_of(user)} {_departed(leaver)}, but {still}; {advice}")
