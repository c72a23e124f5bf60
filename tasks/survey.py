"""The first look at all users of a run: how many, who, and which addresses several of them have."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b

from adapters.records import User
from tasks.addresses import address_digest, address_digests
from tasks.judgement import Judgement
from tasks.profiles import ProfileGaps


class Survey:
    """Counts, and two lists of digests: eight bytes a user and an address."""

    def __init__(self, judgement: Judgement) -> None:
        """Look at every user that was read."""
        self.users = 0
        self.enabled = 0
        self.in_scope = 0
        self.gaps = ProfileGaps()
        ids, digests = array("Q"), array("Q")
        for entries in judgement.slices():
            self.users += len(entries)
            for user, _ in entries:
                ids.append(_id_digest(user.id))
                self.enabled += user.account_enabled is True
                if judgement.rule_against(user) is None:
                    self.in_scope += 1
                    self.gaps.add(user)
                    digests.extend(address_digests(user))
        self._ids = array("Q", sorted(ids))
        self._digests = array("Q", sorted(digests))

    def has(self, user_id: str) -> bool:
        """Tell whether a user was read."""
        return _count(self._ids, _id_digest(user_id)) > 0

    def is_shared(self, user: User) -> bool:
        """Tell whether another user in scope has one of this user's addresses."""
        return any(_count(self._digests, digest) > 1 for digest in address_digests(user))

    def has_another(self, addresses: Iterable[str], user: User) -> bool:
        """Tell whether one of these addresses that is not this user's belongs to another user in scope."""
        own = set(address_digests(user))
        return any(digest not in own and _count(self._digests, digest) for digest in map(address_digest, addresses))


def _id_digest(user_id: str) -> int:
    return int.from_bytes(blake2b(user_id.lower().encode(), digest_size=8).digest())


def _count(digests: "array[int]", digest: int) -> int:
    at = bisect_left(digests, digest)
    found = 0
    while at + found < len(digests) and digests[at + found] == digest and found < 2:  # noqa: PLR2004 - two are enough
        found += 1
    return found
