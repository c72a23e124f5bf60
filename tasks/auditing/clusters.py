"""Contacts of one company that are the same person: the connected components over the keys that join them. Pure."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from tasks.auditing.belonging import belongings_of
from tasks.auditing.grouping import Key, Traits, join, keys_of
from tasks.auditing.listed import Listed, id_order
from tasks.auditing.roster import Roster
from tasks.auditing.survivors import Candidate, rank, reason_of

__all__ = ["Cluster", "Clustering", "Evidence", "Pair"]

MOST_PAIRS = 300  # of a cluster, each with its evidence; beyond it as many as hold the cluster together


class Evidence(NamedTuple):
    """Why two contacts are one person: object_id, same_user, mail or phone_and_name; `value` is what they share."""

    kind: str
    value: str
    by: tuple[str, ...] = ()  # of same_user: how each of the two belongs to the user


class Pair(NamedTuple):
    """Two contacts, and all that speaks for their being one person."""

    contact_ids: tuple[str, str]
    evidence: tuple[Evidence, ...]


class Cluster(NamedTuple):
    """Two or more contacts of one company, the one that should stay first, the others as they rank."""

    company_id: str
    candidates: tuple[Candidate, ...]
    pairs: tuple[Pair, ...]
    has_all_pairs: bool
    reason: str  # why the first one should stay
    users: tuple[str, ...]  # living users that they belong to, by user principal name

    @property
    def name(self) -> str:
        """Name it by what stays the same as long as its oldest contact does."""
        return f"{self.company_id}/{min((each.listed.id for each in self.candidates), key=id_order)}"

    @property
    def survivor(self) -> Candidate | None:
        """The contact that should stay; None where the contacts belong to several users: somebody has to look first."""
        return self.candidates[0] if len(self.users) <= 1 else None


class Clustering:
    """Finds the clusters once; builds each when it is asked for."""

    def __init__(self, packed: Sequence[bytes], roster: Roster, *, tenant_id: str) -> None:
        """Look at every contact (`Listed`, packed; each id once); tells the roster whose contacts it met."""
        self._packed = packed
        self._roster = roster
        self._tenant_id = tenant_id
        self._parents = array("l", range(len(packed)))
        self.active = self.active_without_user = 0
        self._joined: dict[Key, list[list[int]]] = {}
        self._join_all(self._shared_keys())
        self._components = self._find_components()

    def __len__(self) -> int:
        """Count the clusters."""
        return len(self._components)

    @property
    def surplus(self) -> int:
        """Count the contacts that would go if each cluster became one contact."""
        return sum(len(members) - 1 for members in self._components)

    def __iter__(self) -> Iterator[Cluster]:
        """Yield the clusters by company and oldest contact."""
        return map(self._build, self._components)

    def _shared_keys(self) -> dict[Key, list[int]]:
        """Return the keys that several contacts have."""
        first: dict[Key, int] = {}
        shared: dict[Key, list[int]] = {}
        for at in range(len(self._packed)):
            listed, belongings = self._candidate(at)
            self._count(listed, is_somebodys=any(each.lives for each in belongings))
            for each in belongings:
                if each.number is not None:
                    self._roster.meet(each.number)
            for key in keys_of(listed, belongings):
                before = first.setdefault(key, at)
                if before != at:
                    shared.setdefault(key, [before]).append(at)
        return shared

    def _count(self, listed: Listed, *, is_somebodys: bool) -> None:
        if listed.active:
            self.active += 1
            self.active_without_user += not is_somebodys

    def _join_all(self, shared: dict[Key, list[int]]) -> None:
        for key, members in shared.items():
            traits = (
                [Traits.of(*self._candidate(at)) for at in members] if key.kind != "user" else [_ANYBODY] * len(members)
            )
            groups = [[members[position] for position in group] for group in join(key.kind, traits)]
            if groups:
                self._joined[key] = groups
            for group in groups:
                for one, other in pairwise(group):
                    self._union(one, other)

    def _find(self, at: int) -> int:
        parents = self._parents
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    def _union(self, one: int, other: int) -> None:
        first, second = sorted((self._find(one), self._find(other)))
        self._parents[second] = first

    def _find_components(self) -> list[list[int]]:
        members = defaultdict(list)
        for at in {at for groups in self._joined.values() for group in groups for at in group}:
            members[self._find(at)].append(at)
        found = []
        for component in members.values():
            listed = [Listed.unpack(self._packed[at]) for at in component]
            order = min(id_order(each.id) for each in listed)
            found.append((listed[0].company_id, order, sorted(component)))
        return [component for _, _, component in sorted(found)]

    def _candidate(self, at: int) -> Candidate:
        listed = Listed.unpack(self._packed[at])
        return Candidate(listed, belongings_of(listed, self._roster, tenant_id=self._tenant_id))

    def _build(self, component: Sequence[int]) -> Cluster:
        candidates = {at: self._candidate(at) for at in component}
        ranked = rank(list(candidates.values()))
        pairs, has_all = self._pairs(candidates)
        living = {each.name for candidate in ranked for each in candidate.belongings if each.lives}
        return Cluster(
            company_id=ranked[0].listed.company_id,
            candidates=tuple(ranked),
            pairs=pairs,
            has_all_pairs=has_all,
            reason=reason_of(ranked),
            users=tuple(sorted(living)),
        )

    def _pairs(self, candidates: dict[int, Candidate]) -> tuple[tuple[Pair, ...], bool]:
        """Return the pairs with their evidence; of a large cluster those between neighbours by id."""
        groups = [
            (key, sorted(group, key=lambda at: id_order(candidates[at].listed.id)))
            for key in sorted({key for each in candidates.values() for key in keys_of(*each)})
            for group in self._joined.get(key, ())
            if group[0] in candidates
        ]
        has_all = sum(len(group) * (len(group) - 1) // 2 for _, group in groups) <= MOST_PAIRS
        found: dict[tuple[int, int], list[Evidence]] = {}
        for key, group in groups:
            for one, other in combinations(group, 2) if has_all else pairwise(group):
                found.setdefault((one, other), []).append(_evidence(key, candidates[one], candidates[other]))
        pairs = [
            Pair((candidates[one].listed.id, candidates[other].listed.id), tuple(evidence))
            for (one, other), evidence in found.items()
        ]
        return tuple(sorted(pairs, key=lambda pair: [id_order(each) for each in pair.contact_ids])), has_all


_ANYBODY = Traits("", "", None)


def _evidence(key: Key, one: Candidate, other: Candidate) -> Evidence:
    if key.kind == "mail":
        return Evidence("mail", key.value)
    if key.kind == "phone_and_name":
        number, _, _ = key.value.partition("|")
        return Evidence("phone_and_name", f"…{number}, {one.listed.name}")
    bases = tuple(next(each for each in side.belongings if each.user == key.value) for side in (one, other))
    if one.listed.object_id == other.listed.object_id == key.value:
        return Evidence("object_id", key.value)
    return Evidence("same_user", bases[0].name, tuple(each.basis for each in bases))
