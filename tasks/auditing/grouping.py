"""By which keys contacts may be the same person, and which of those that share a key are joined by it. Pure.

Three keys join: belonging to one user, the same address where the names do not contradict each other, and the same
phone number together with the same first and last name. A phone number or a name alone never does. A key that contacts
of several living users share, such as the address of a whole department, joins nobody."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from tasks.addresses import fold_address
from tasks.auditing.belonging import Belonging
from tasks.auditing.listed import Listed
from tasks.names import fold
from tasks.phones import comparable

__all__ = ["Key", "KeyKind", "Traits", "join", "keys_of"]

KeyKind = Literal["user", "mail", "phone_and_name"]

PHONE_DIGITS = 7  # the subscriber's own: with and without country and area code a number ends alike
FEWEST_DIGITS = 5  # fewer are an extension


class Key(NamedTuple):
    """What several contacts may share; only contacts of one company are compared."""

    company_id: str
    kind: KeyKind
    value: str


class Traits(NamedTuple):
    """What decides whether a shared key joins: folded names, and the living user whose contact it is."""

    first_name: str
    last_name: str
    user: str | None

    @classmethod
    def of(cls, listed: Listed, belongings: Sequence[Belonging]) -> "Traits":
        """Return a contact's traits."""
        living = next((each.user for each in belongings if each.lives), None)
        return cls(fold(listed.first_name), fold(listed.last_name), living)

    @property
    def is_nameless(self) -> bool:
        """Tell a contact without any name."""
        return not (self.first_name or self.last_name)


def keys_of(listed: Listed, belongings: Sequence[Belonging]) -> Iterator[Key]:
    """Yield a contact's keys, each once."""
    company_id = listed.company_id
    for user in dict.fromkeys(each.user for each in belongings):
        yield Key(company_id, "user", user)
    for address in dict.fromkeys(map(fold_address, listed.emails)):
        if address:
            yield Key(company_id, "mail", address)
    first, last = fold(listed.first_name), fold(listed.last_name)
    if first and last:
        for number in dict.fromkeys(map(_phone_end, listed.phones)):
            if number:
                yield Key(company_id, "phone_and_name", f"{number}|{first}|{last}")


def join(kind: KeyKind, traits: Sequence[Traits]) -> list[list[int]]:
    """Return which of the contacts that share a key it joins, as groups of positions; one that is alone is left out.

    The order of the contacts does not matter."""
    everybody = list(range(len(traits)))
    if kind == "user":
        return [everybody]
    users = {each.user for each in traits}
    if len(users - {None}) > 1:
        return []
    if kind == "phone_and_name" or None not in users:
        return [everybody]
    return _of_agreeing_names(traits)


def _of_agreeing_names(traits: Sequence[Traits]) -> list[list[int]]:
    """Group by names of which a part agrees; who has no name at all goes with the others if those are one person."""
    groups: list[tuple[set[str], set[str], list[int]]] = []
    nameless = [at for at, each in enumerate(traits) if each.is_nameless]
    for at, each in enumerate(traits):
        if each.is_nameless:
            continue
        firsts, lasts, members = {each.first_name} - {""}, {each.last_name} - {""}, [at]
        apart = []
        for group in groups:
            if group[0] & firsts or group[1] & lasts:
                firsts, lasts, members = firsts | group[0], lasts | group[1], members + group[2]
            else:
                apart.append(group)
        groups = [*apart, (firsts, lasts, members)]
    if len(groups) == 1:
        return [sorted(groups[0][2] + nameless)]
    found = [*(members for _, _, members in groups), nameless]
    return sorted(sorted(members) for members in found if len(members) > 1)


def _phone_end(number: str) -> str | None:
    """Return the last digits of a number without its extension; None for what is no number, or too short."""
    main = comparable(number).partition("x")[0]
    if not re.fullmatch(r"\d+", main) or len(main) < FEWEST_DIGITS:
        return None
    return main[-PHONE_DIGITS:]
