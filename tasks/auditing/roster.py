"""Every user of the tenant, as far as contacts are recognised by it: ids, addresses, names. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from adapters.records import User
from tasks.addresses import Strength, addresses_of
from tasks.drafting import name_of
from tasks.names import fold
from tasks.profiles import ProfileGaps

__all__ = ["NOBODY", "Claim", "Roster", "RosterUser"]

NOBODY = -1  # in place of a user's number: several users have the address alike


class Claim(NamedTuple):
    """Whose address it is, and how strongly."""

    number: int
    strength: Strength


class RosterUser(NamedTuple):
    """What is kept of a user; names are folded."""

    id: str
    name: str  # the user principal name
    given_name: str
    surname: str


class Roster:
    """Users by number, in the order in which they were added; counts what the profiles of those in scope lack."""

    def __init__(self, is_in_scope: Callable[[User], bool]) -> None:
        """Begin with nobody."""
        self.gaps = ProfileGaps()
        self._is_in_scope = is_in_scope
        self._users: list[RosterUser] = []
        self._numbers: dict[str, int] = {}
        self._claims: dict[str, Claim] = {}
        self._scope = bytearray()
        self._met = bytearray()

    def add(self, user: User) -> None:
        """Take in a user; one that a page names again stays as it was first named."""
        user_id, number = user.id.lower(), len(self._users)
        if self._numbers.setdefault(user_id, number) != number:
            return
        self._users.append(
            RosterUser(user_id, name_of(user), fold(user.given_name or ""), fold(user.surname or "")),
        )
        is_in_scope = self._is_in_scope(user)
        self._scope.append(is_in_scope)
        self._met.append(0)
        if is_in_scope:
            self.gaps.add(user)
        for address, strength in addresses_of(user).items():
            self._claim(address, Claim(number, strength))

    def _claim(self, address: str, claim: Claim) -> None:
        """Give the address to the stronger one; to nobody while two claim it alike."""
        known = self._claims.setdefault(address, claim)
        if claim.strength > known.strength:
            self._claims[address] = claim
        elif claim.strength == known.strength and claim.number != known.number:
            self._claims[address] = Claim(NOBODY, claim.strength)

    def __len__(self) -> int:
        """Count the users."""
        return len(self._users)

    def __getitem__(self, number: int) -> RosterUser:
        """Return a user by its number."""
        return self._users[number]

    def number_of(self, object_id: str | None) -> int | None:
        """Return the number of a user; None if the tenant has none of that id (any more)."""
        return None if object_id is None else self._numbers.get(object_id)

    def claim_of(self, address: str) -> Claim | None:
        """Return whose a folded address is; None if it is nobody's, or several users' alike."""
        claim = self._claims.get(address)
        return None if claim is None or claim.number == NOBODY else claim

    def meet(self, number: int) -> None:
        """Note that a user has a contact."""
        self._met[number] = 1

    def in_scope_without_contact(self) -> int:
        """Count the users in scope of whom no contact was met."""
        return sum(1 for scope, met in zip(self._scope, self._met, strict=True) if scope and not met)
