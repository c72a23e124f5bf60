"""Which user of the tenant a contact belongs to: by object id, by our link, else by its addresses. Pure.

The rules are those by which a run matches; only that a contact is asked for its user, not a user for its contact."""

from typing import Literal, NamedTuple

from tasks.addresses import Strength, fold_address
from tasks.auditing.listed import Listed
from tasks.auditing.roster import Claim, Roster, RosterUser
from tasks.names import fold

__all__ = ["Basis", "Belonging", "belongings_of"]

Basis = Literal["object_id", "link", "mail", "principal_name", "alias"]

_BASIS_OF: dict[Strength, Basis] = {
    Strength.MAIL: "mail",
    Strength.PRINCIPAL_NAME: "principal_name",
    Strength.ALIAS: "alias",
}


class Belonging(NamedTuple):
    """Whose contact it is, and why."""

    user: str  # object id, or "tenant/object id" of another tenant
    name: str  # the user principal name where the tenant has that user, else as `user`
    basis: Basis
    lives: bool  # the tenant has that user; of another tenant's user it is taken for granted
    number: int | None = None  # in the roster


def belongings_of(listed: Listed, roster: Roster, *, tenant_id: str) -> tuple[Belonging, ...]:
    """Return the users that a contact belongs to: at most one that lives, the first, and those it carries of gone ones.

    An object id goes before a link, a link before addresses: those count only where neither names a living user."""
    found = [each for each in (_by_object_id(listed, roster), _by_link(listed, roster, tenant_id)) if each is not None]
    living = next((each for each in found if each.lives), None) or _by_address(listed, roster)
    gone = [each for each in found if not each.lives]
    same = [each for each in found if living is not None and each.user == living.user and each != living]
    return (*([living] if living is not None else ()), *same, *gone)


def _by_object_id(listed: Listed, roster: Roster) -> Belonging | None:
    return None if listed.object_id is None else _known(listed.object_id, roster, "object_id")


def _by_link(listed: Listed, roster: Roster, tenant_id: str) -> Belonging | None:
    if listed.owner is None:
        return None
    tenant, _, object_id = listed.owner.rpartition("/")
    if tenant.casefold() == tenant_id.casefold():
        return _known(object_id.lower(), roster, "link")
    return Belonging(listed.owner, listed.owner, "link", lives=True)


def _known(object_id: str, roster: Roster, basis: Basis) -> Belonging:
    number = roster.number_of(object_id)
    name = object_id if number is None else roster[number].name
    return Belonging(object_id, name, basis, lives=number is not None, number=number)


def _by_address(listed: Listed, roster: Roster) -> Belonging | None:
    """Return the user whose name agrees best, then the one whose address is the stronger, then the first."""
    claims = [roster.claim_of(fold_address(address)) for address in listed.emails]
    best: tuple[tuple[int, int, int], Claim] | None = None
    for position, claim in enumerate(claims):
        if claim is None:
            continue
        agreement = _agreement(listed, roster[claim.number])
        if claim.strength is Strength.ALIAS and not _may_share_alias(agreement, claims, claim.number):
            continue
        rank = (agreement, int(claim.strength), -position)
        if best is None or rank > best[0]:
            best = (rank, claim)
    if best is None:
        return None
    user, basis = roster[best[1].number], _BASIS_OF[best[1].strength]
    return Belonging(user.id, user.name, basis, lives=True, number=best[1].number)


def _agreement(listed: Listed, user: RosterUser) -> int:
    """Say how far the names agree: 2 in both parts, 1 in the surname, else 0; nothing agrees with nothing."""
    same_surname = fold(listed.last_name) == user.surname
    same_first = fold(listed.first_name) == user.given_name
    if same_surname and same_first and (user.surname or user.given_name):
        return 2
    return int(same_surname and bool(user.surname))


def _may_share_alias(agreement: int, claims: list[Claim | None], number: int) -> bool:
    """Tell whether an alias alone makes it the user's: the same surname, and no relative with other addresses."""
    is_alone = all(claim is not None and claim.number == number for claim in claims)
    return agreement > 1 or (agreement == 1 and is_alone)
