"""Which contact of a cluster should stay, and why: the first criterion by which it is ahead. Pure and deterministic."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tasks.auditing.belonging import Belonging
from tasks.auditing.listed import Listed, id_order

__all__ = ["CRITERIA", "Candidate", "rank", "reason_of"]

Rank = tuple[int, ...] | tuple[int, int, str]


class Candidate(NamedTuple):
    """A contact of a cluster, with the users that it belongs to."""

    listed: Listed
    belongings: tuple[Belonging, ...]

    def has(self, basis: str) -> bool:
        """Tell whether it belongs to a living user by that."""
        return any(each.basis == basis and each.lives for each in self.belongings)


CRITERIA: dict[str, Callable[[Candidate], Rank]] = {
    "linked by contact-sync": lambda each: (-int(each.has("link")),),
    "carries the user's object id": lambda each: (-int(each.has("object_id")),),
    "active": lambda each: (-int(each.listed.active),),
    "protected by the PSA": lambda each: (-int(each.listed.protected is not None),),
    "most complete": lambda each: (-each.listed.filled,),
    "oldest": lambda each: id_order(each.listed.id),  # no PSA's list tells when it was made; ids count upwards
}
"""What is asked of each contact, the first that differs decides; the smaller goes first."""


def rank(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the contacts, the one that should stay first."""
    return sorted(candidates, key=lambda each: [measure(each) for measure in CRITERIA.values()])


def reason_of(ranked: Sequence[Candidate]) -> str:
    """Name the criterion by which the first is ahead of the next best."""
    first, second = ranked[0], ranked[1]
    return next(name for name, measure in CRITERIA.items() if measure(first) != measure(second))
