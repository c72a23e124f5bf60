"""Which contact is a user's: what was decided, then link, object id, addresses; never a guess. Pure: it asks for facts.

What happens when two users of one run want the same address or contact is in conflicts.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from adapters.records import Contact, ContactDraft, Link, User, UserDecision
from tasks import refusals
from tasks.addresses import Strength, fold_address, sought_addresses
from tasks.connector import Connector
from tasks.contact_keys import index_keys, name_key, object_id_of, strength_of, user_keys
from tasks.names import fold
from tasks.refusals import Refusal
from tasks.request import SyncRequest

__all__ = ["Facts", "Match", "MatchKey", "Matcher", "Needs", "Refusal", "index_keys", "user_keys"]

Json = dict[str, Any]
MatchKey = Literal["decision", "link", "object_id", "mail", "principal_name", "alias", "none"]

_KEY_OF: dict[Strength, MatchKey] = {
    Strength.MAIL: "mail",
    Strength.PRINCIPAL_NAME: "principal_name",
    Strength.ALIAS: "alias",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a user's possible contacts, from wherever it was read.

    `contacts` are all that were found under the user's keys, and those that were asked for; `owners` says of each of
    them to which user it is linked, or was given by a decision ("tenant/user")."""

    link: Link | None = None
    contacts: Iterable[Contact] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    deleted_contacts: frozenset[str] = frozenset()  # the PSA answered that they do not exist
    living_users: frozenset[str] = frozenset()  # object ids that the directory knows
    gone_users: frozenset[str] = frozenset()  # object ids that it does not know
    decision: UserDecision | None = None  # that stands: a link or a creation


@dataclass(frozen=True, slots=True)
class Needs:
    """Facts that are missing: contacts by id, read live, or whether users still exist. Ask, then match again."""

    kind: Literal["contacts", "users"]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The user's contact and how it was found; no contact means that one is to be created."""

    contact: Contact | None
    key: MatchKey = "none"
    relink: bool = False  # it carries the object id of a user that is gone
    warnings: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    user: User
    draft: ContactDraft
    facts: Facts
    addresses: Mapping[str, Strength]  # those that are sought
    all_addresses: frozenset[str]  # and those that another user of the run has the better right to
    linked: Contact | None

    def strength(self, contact: Contact) -> Strength | None:
        """Return how strongly this contact's addresses speak for the user."""
        return strength_of(contact, self.addresses)

    def is_mine(self, contact: Contact) -> bool:
        """Tell whether it carries the user's object id."""
        return object_id_of(contact) == self.user.id.lower()

    def has_my_surname(self, contact: Contact) -> bool:
        """Tell whether the surnames agree; where neither has one, the first names."""
        theirs = fold(contact.fields.get("last_name", ""))
        mine = {fold(self.draft.fields.get("last_name", "")), fold(self.user.surname or "")}
        return theirs in mine and (bool(theirs) or self.has_my_name(contact))

    def has_my_name(self, contact: Contact) -> bool:
        """Tell whether first and last name agree."""
        return name_key(contact.fields) == name_key(self.draft.fields)

    def could_share_an_alias(self, contact: Contact) -> bool:
        """Tell whether an alias alone makes it the user's: the same surname, and no relative of other addresses."""
        has_other_address = any(fold_address(address) not in self.all_addresses for address in contact.emails)
        return self.has_my_surname(contact) and (self.has_my_name(contact) or not has_other_address)


class Matcher:
    """Matches the users of one run."""

    def __init__(self, connector: Connector, request: SyncRequest) -> None:
        """Take from them the companies and the policies."""
        self._tenant_id = connector.tenant_id
        self._companies = {*connector.company_ids, request.company_id}
        self._moves = connector.on_company_change == "move" and request.company_id is None
        self._recreates = connector.on_contact_deleted == "recreate"

    def match(
        self, user: User, draft: ContactDraft, facts: Facts, *, withheld: frozenset[str] = frozenset()
    ) -> Match | Refusal | Needs:
        """Return the user's contact, a refusal, or the facts without which neither is certain.

        `withheld` are folded addresses that another user of the run has the better right to. Active contacts go before
        inactive ones at every key. Asks at most once for the linked contact and once for each other user it meets."""
        facts = self._with_decision(user, facts)
        if facts.decision is not None and facts.decision.action == "link":
            return self._obey(self._case(user, draft, facts, withheld), facts.decision)
        link, contacts = facts.link, {contact.id: contact for contact in facts.contacts}
        if link is not None and link.contact_id not in contacts and link.contact_id not in facts.deleted_contacts:
            return Needs("contacts", (link.contact_id,))
        case = self._case(user, draft, facts, withheld)
        inside = self._inside(facts)
        pools = self._pools(case, inside)
        for active in (True, False):
            for key, pool in pools:
                alike = [contact for contact in pool if contact.active is active]
                if alike:
                    return self._judge(case, key, alike)
        return self._unmatched(case, inside)

    def weigh(
        self, user: User, draft: ContactDraft, facts: Facts, *, withheld: frozenset[str] = frozenset()
    ) -> dict[str, MatchKey]:
        """Return the key by which each contact could be the user's, in the order of the keys; no other contact could.

        What `match` makes of them: the first pool with active contacts, else the first one with inactive ones."""
        facts, found = self._with_decision(user, facts), dict[str, MatchKey]()
        if facts.decision is not None and facts.decision.contact_id:
            found[facts.decision.contact_id] = "decision"
        case = self._case(user, draft, facts, withheld)
        for key, pool in self._pools(case, self._inside(facts)):
            for contact in pool:
                how = case.strength(contact) or Strength.ALIAS
                found.setdefault(contact.id, _KEY_OF[how] if key == "mail" else key)
        return found

    def _case(self, user: User, draft: ContactDraft, facts: Facts, withheld: frozenset[str]) -> _Case:
        known = sought_addresses(user, draft)
        addresses = {address: how for address, how in known.items() if address not in withheld}
        linked = [each for each in facts.contacts if facts.link is not None and each.id == facts.link.contact_id]
        return _Case(user, draft, facts, addresses, frozenset(known), linked[0] if linked else None)

    def _with_decision(self, user: User, facts: Facts) -> Facts:
        """Drop the contacts that are none of the user's, where a new one was decided and is not made yet."""
        decision, link = facts.decision, facts.link
        if decision is None or decision.action != "create":
            return facts
        if link is not None and link.contact_id not in decision.not_contacts:
            return replace(facts, decision=None)  # it was made
        mine = (None, user.id.lower())
        left = [
            each
            for each in facts.contacts
            if each.id not in decision.not_contacts
            and object_id_of(each) in mine
            and facts.owners.get(each.id) in (None, f"{self._tenant_id}/{user.id}")
        ]
        return replace(facts, link=None, contacts=left)

    def _obey(self, case: _Case, decision: UserDecision) -> Match | Refusal | Needs:
        """Take the contact that was decided, if it is there and nobody else's mark is on it."""
        contact = next((each for each in case.facts.contacts if each.id == decision.contact_id), None)
        if contact is None and decision.contact_id not in case.facts.deleted_contacts:
            return Needs("contacts", (decision.contact_id,))
        verdict: Match | Refusal | Needs | str
        if contact is None:
            verdict = "it does not exist in the PSA (any more)"
        elif contact.company_id not in self._companies:
            verdict = f"it is in company {contact.company_id}, which is none of this connector's"
        else:
            verdict = self._take(case, "decision", contact)
        if isinstance(verdict, Match | Needs):
            return verdict
        return refusals.decision_unusable(case.user, decision, verdict)

    def _inside(self, facts: Facts) -> list[Contact]:
        contacts = {contact.id: contact for contact in facts.contacts}
        return [contact for contact in contacts.values() if contact.company_id in self._companies]

    def _pools(self, case: _Case, inside: list[Contact]) -> list[tuple[MatchKey, list[Contact]]]:
        """Return the contacts that could be the user's, by key, the strongest key first."""
        linked = [case.linked] if case.linked and _is_valid(case, case.linked) else []
        marked = [contact for contact in inside if case.is_mine(contact)]
        hits = {contact.id: how for contact in inside if (how := case.strength(contact)) is not None}
        named = [contact for contact in inside if hits.get(contact.id, Strength.ALIAS) > Strength.ALIAS]
        aliased = [contact for contact in inside if hits.get(contact.id) is Strength.ALIAS]
        addressed = named + [contact for contact in aliased if case.could_share_an_alias(contact)] or aliased
        if linked or marked:
            addressed = [contact for contact in named if self._is_free(case, contact)]
        return [("link", linked), ("object_id", marked), ("mail", addressed)]

    def _is_free(self, case: _Case, contact: Contact) -> bool:
        """Tell whether nobody else has a mark on this contact."""
        return object_id_of(contact) in (None, case.user.id.lower()) and self._owner(case, contact) is None

    def _owner(self, case: _Case, contact: Contact) -> str | None:
        """Return the other user that this contact is linked to ("tenant/user")."""
        owner = case.facts.owners.get(contact.id)
        return None if owner == f"{self._tenant_id}/{case.user.id}" else owner

    def _judge(self, case: _Case, key: MatchKey, pool: list[Contact]) -> Match | Refusal | Needs:
        """Settle on the one contact of a pool, if there is one and nobody else's mark is on it."""
        pool = [contact for contact in pool if contact.company_id == case.draft.company_id] or pool
        if len(pool) > 1:
            return refusals.several_contacts(case.user, pool)
        contact = pool[0]
        if key == "mail":
            how = case.strength(contact) or Strength.ALIAS
            key = _KEY_OF[how]
            if how is Strength.ALIAS and not case.could_share_an_alias(contact):
                return refusals.other_name(case.user, contact)
        return self._take(case, key, contact)

    def _take(self, case: _Case, key: MatchKey, contact: Contact) -> Match | Refusal | Needs:
        """Take this contact if nobody else's mark is on it."""
        others = set() if case.is_mine(contact) else self._others(case, contact)
        for other in sorted(others):
            if other.startswith("/") or other in case.facts.living_users:
                return refusals.belongs_to_another(case.user, contact, other)
        unknown = others - case.facts.gone_users
        if unknown:
            return Needs("users", tuple(sorted(unknown)))
        if contact.company_id != case.draft.company_id and not self._moves:
            return refusals.other_company(case.user, contact, case.draft.company_id)
        relink = object_id_of(contact) in others
        warnings: tuple[Json, ...] = (refusals.relinked(case.user, contact),) if relink else ()
        link = case.facts.link if key != "decision" else None
        if link is not None and link.contact_id in case.facts.deleted_contacts:
            warnings += (refusals.merged(case.user, contact, link.contact_id),)
        return Match(contact, key, relink, warnings)

    def _others(self, case: _Case, contact: Contact) -> set[str]:
        """Return the object ids of the other users whose mark is on it; "/…" is one of another tenant."""
        others = {object_id_of(contact)} - {None, case.user.id.lower()}
        owner = self._owner(case, contact)
        if owner is not None:
            tenant_id, _, user_id = owner.partition("/")
            others.add(user_id.lower() if tenant_id == self._tenant_id else f"/{owner}")
        return {other for other in others if other}

    def _unmatched(self, case: _Case, inside: list[Contact]) -> Match | Refusal:
        """Allow a creation, unless there is a contact of which we cannot tell that it is somebody else."""
        linked = case.linked
        if case.facts.decision is not None:
            return Match(None, "decision")
        if linked is not None and object_id_of(linked) is None and self._owner(case, linked) is None:
            return refusals.changed_beyond_recognition(case.user, linked)
        namesakes = [
            contact
            for contact in inside
            if contact.active
            and contact.company_id == case.draft.company_id
            and not contact.emails
            and case.has_my_name(contact)
            and self._is_free(case, contact)
        ]
        if namesakes:
            return refusals.namesakes(case.user, namesakes)
        link = case.facts.link
        if link is None or link.contact_id not in case.facts.deleted_contacts:
            return Match(None)
        if not self._recreates:
            return refusals.deleted(case.user, link.contact_id)
        return Match(None, warnings=(refusals.recreated(case.user, link.contact_id),))


def _is_valid(case: _Case, linked: Contact) -> bool:
    """Tell whether our link still holds: it carries the user's object id, or none and an address or the name."""
    if object_id_of(linked) is not None:
        return case.is_mine(linked)
    return case.strength(linked) is not None or case.has_my_name(linked)
