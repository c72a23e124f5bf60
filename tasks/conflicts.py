"""Two users of one run that want the same address or the same contact: who has the better right. Pure.

A run finds the groups by `address_digests`, and by the contact ids of its matches; the groups are small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.records import Contact, ContactDraft, User
from tasks import refusals
from tasks.addresses import Strength, address_digests, addresses_of, fold_address
from tasks.matching import MatchKey
from tasks.refusals import Refusal

__all__ = [
    "AddressClaim",
    "ContactClaim",
    "address_digests",
    "resolve_address_conflict",
    "resolve_contact_conflict",
    "shared_addresses",
]

_CERTAIN: frozenset[MatchKey] = frozenset({"decision", "link", "object_id"})
_RANKS: dict[MatchKey, int] = {
    "decision": 5,
    "link": 4,
    "object_id": 4,
    "mail": 3,
    "principal_name": 2,
    "alias": 1,
    "none": 0,
}


@dataclass(frozen=True, slots=True)
class AddressClaim:
    """A user that has the address; `key` is how its contact was found while every address was its own."""

    user: User
    draft: ContactDraft
    key: MatchKey = "none"


@dataclass(frozen=True, slots=True)
class ContactClaim:
    """A user that was matched to the contact, and how."""

    user: User
    key: MatchKey


def shared_addresses(users: Sequence[User]) -> dict[str, tuple[User, ...]]:
    """Return the folded addresses that several of these users have, with those users."""
    found: dict[str, list[User]] = {}
    for user in users:
        for address in addresses_of(user):
            found.setdefault(address, []).append(user)
    return {address: tuple(sharers) for address, sharers in found.items() if len(sharers) > 1}


def resolve_address_conflict(
    address: str, claims: Sequence[AddressClaim]
) -> dict[str, Literal["keeps", "withheld"] | Refusal]:
    """Say by user id who keeps a shared address, who goes on without it, and who is refused.

    Users that were decided about, or found by link or object id, do not depend on the address and always keep it; else
    the strongest one does, and two of the same strength are both refused. Whoever would be given the address as its own
    mail is refused, too."""
    certain = [claim for claim in claims if claim.key in _CERTAIN]
    uncertain = [claim for claim in claims if claim.key not in _CERTAIN]
    strongest = max((_strength(claim, address) for claim in uncertain), default=Strength.ALIAS)
    tied = [claim for claim in uncertain if _strength(claim, address) == strongest]
    keepers = certain or (tied if len(tied) == 1 else [])
    verdict: dict[str, Literal["keeps", "withheld"] | Refusal] = {claim.user.id: "keeps" for claim in keepers}
    for claim in uncertain:
        if claim.user.id in verdict:
            continue
        if _strength(claim, address) is Strength.MAIL or (not keepers and claim in tied):
            verdict[claim.user.id] = refusals.shared_address(claim.user, [other.user for other in claims])
        else:
            verdict[claim.user.id] = "withheld"
    return verdict


def resolve_contact_conflict(contact: Contact, claims: Sequence[ContactClaim]) -> dict[str, Refusal]:
    """Return refusals by user id for all but the user with the best right to the contact; of two equals, for both."""
    best = max(_RANKS[claim.key] for claim in claims)
    winners = [claim for claim in claims if _RANKS[claim.key] == best]
    winner = winners[0] if len(winners) == 1 else None
    users = [claim.user for claim in claims]
    return {
        claim.user.id: refusals.shared_contact(claim.user, users, contact) for claim in claims if claim is not winner
    }


def _strength(claim: AddressClaim, address: str) -> Strength:
    if fold_address(claim.draft.fields.get("email", "")) == address:
        return Strength.MAIL
    return addresses_of(claim.user).get(address, Strength.ALIAS)
