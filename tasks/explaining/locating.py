"""Where a user is found by object id, principal name, mail or alias: in the tenant, among the deleted, or nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from adapters.records import Tombstone, User
from tasks.addresses import fold_address
from tasks.contact_keys import is_object_id
from tasks.ports import Directory

__all__ = ["Located", "locate"]

MOST_PAGES = 20  # of deleted users, 999 each

Where = Literal["tenant", "deleted", "nowhere"]
By = Literal["object_id", "user_principal_name", "mail", "alias"]


@dataclass(frozen=True)
class Located:
    """A user, or what is left of it: of one that is nowhere, its object id if that is what was asked for."""

    where: Where
    by: By | None = None
    user: User | None = None
    others: tuple[User, ...] = ()  # that have the same address

    @property
    def entry(self) -> User | Tombstone | None:
        """What a run reads of this user; None: nothing but an unknown name."""
        if self.where == "tenant" or self.user is None:
            return self.user
        return Tombstone(id=self.user.id, reason="changed" if self.where == "deleted" else "missing")


def locate(directory: Directory, name: str) -> Located:
    """Find a user: 1 call by object id or principal name, up to 3 by address; then the list of deleted users."""
    if is_object_id(name):
        return _by_id(directory, name.lower())
    user = directory.fetch_user(name)
    if user is not None:
        return Located("tenant", "user_principal_name", user)
    found = sorted(directory.find_users(name), key=lambda each: each.id) if "@" in name else []
    if found:
        by: By = "mail" if fold_address(found[0].mail or "") == fold_address(name) else "alias"
        return Located("tenant", by, found[0], tuple(found[1:]))
    for deleted in _deleted_users(directory):
        for how, address in (("user_principal_name", deleted.user_principal_name), ("mail", deleted.mail)):
            if address and fold_address(address) == fold_address(name):
                return Located("deleted", "mail" if how == "mail" else "user_principal_name", deleted)
    return Located("nowhere")


def _by_id(directory: Directory, user_id: str) -> Located:
    user = directory.fetch_user(user_id)
    if user is not None:
        return Located("tenant", "object_id", user)
    deleted = directory.fetch_deleted_user(user_id)
    if deleted is not None:
        return Located("deleted", "object_id", deleted)
    return Located("nowhere", "object_id", User(id=user_id))


def _deleted_users(directory: Directory) -> Iterator[User]:
    link = None
    for _ in range(MOST_PAGES):
        page = directory.fetch_deleted_users(link)
        yield from (entry for entry in page.entries if isinstance(entry, User))
        link = page.next_link
        if link is None:
            return
