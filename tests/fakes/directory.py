"""A tenant in memory that satisfies `tasks.ports.Directory`: pages, deltas and tombstones as Graph has them."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from adapters.errors import ResyncError, SyncError
from adapters.records import DirectoryPage, Tombstone, User
from tests.fakes.moments import Moments

VENDOR = "fake"
BASE = "https://graph.fake/v1.0"


class FakeDirectory:
    """Users in memory, safe to use from several threads.

    The list names every property; a delta names those that were ever set (absent is not null). `page_size` cuts both.
    `blank_pages` puts an empty page with a next link before each page that has one, `repeats` lets a delta name a user
    once for each change. `calls` counts every call by method name; `fail` scripts errors, `moments` what else happens.
    """

    def __init__(self, *, page_size: int = 999, blank_pages: bool = False, repeats: bool = False) -> None:
        """Start empty."""
        self.page_size = page_size
        self.blank_pages = blank_pages
        self.repeats = repeats
        self.users: dict[str, User] = {}
        self.calls: Counter[str] = Counter()
        self.moments = Moments()
        self.is_listed: Callable[[User], bool] = lambda _: (
            True
        )  # accident: the list leaves the others out without a word
        self.counts_all = True  # accident: the count leaves them out, too
        self.miscounted: deque[int] = deque()  # by how many the next counts are wrong
        self._deleted: dict[str, User] = {}
        self._log: list[str] = []  # user ids, in the order of their changes; a delta token counts into it
        self._dead_before: int = 0
        self._pages_era = 0
        self._failures: dict[str, deque[SyncError]] = defaultdict(deque)
        self._next_number = 1
        self._lock = threading.RLock()

    # --- what a test arranges ---------------------------------------------------------------------------------------

    def add_user(self, name: str = "", **fields: Any) -> User:
        """Create an enabled member with a mailbox, called `name`@contoso.com; `fields` are User's own names."""
        with self._lock:
            number, self._next_number = self._next_number, self._next_number + 1
            name = name or f"user{number}"
            address = f"{name}@contoso.com"
            defaults: dict[str, Any] = {
                "id": f"00000000-0000-4000-8000-{number:012d}",
                "user_principal_name": address,
                "mail": address,
                "display_name": f"{name.title()} Example",
                "given_name": name.title(),
                "surname": "Example",
                "account_enabled": True,
                "user_type": "Member",
                "created_date_time": "2026-01-01T08:00:00Z",
                "proxy_addresses": (f"SMTP:{address}",),
            }
            user = User(**{**defaults, **fields})
            self._keep(user)
            return user

    def add_users(self, number: int, **fields: Any) -> list[User]:
        """Create some enabled members of whom nothing is to be warned."""
        return [self.add_user(business_phones=("+49 30 1",), **fields) for _ in range(number)]

    def change_user(self, user_id: str, **fields: Any) -> User:
        """Change a user; None clears."""
        with self._lock:
            before = self.users[user_id]
            self._keep(User.model_validate({**before.model_dump(exclude_unset=True), **fields}))
            return self.users[user_id]

    def delete_user(self, user_id: str, *, permanently: bool = False) -> None:
        """Delete a user: restorable, or for good."""
        with self._lock:
            user = self.users.pop(user_id, None) or self._deleted[user_id]
            self._deleted[user_id] = user
            if permanently:
                del self._deleted[user_id]
            self._log.append(user_id)

    def restore_user(self, user_id: str) -> None:
        """Bring a deleted user back under its id."""
        with self._lock:
            self._keep(self._deleted.pop(user_id))

    def expire_page_links(self) -> None:
        """Let every page link that was given out die."""
        self._pages_era += 1

    def expire_delta_links(self) -> None:
        """Let every delta link that was given out die, pages of a round included."""
        with self._lock:
            self._log.append("")  # so that the next link differs from the dead ones
            self._dead_before = len(self._log)

    def forget_changes(self) -> None:
        """Leave what was changed so far out of every delta, as Graph does with a change that it lists late."""
        with self._lock:
            self._log = [""] * len(self._log)

    def fail(self, method: str, error: SyncError, *, times: int = 1) -> None:
        """Let the next calls of this method raise."""
        self._failures[method].extend([error] * times)

    def heal(self) -> None:
        """Forget every failure that was not used up."""
        self._failures.clear()

    # --- the port ---------------------------------------------------------------------------------------------------

    def fetch_users(self, link: str | None = None, *, created_since: str | None = None) -> DirectoryPage:
        """Return one page of the list, in an order of its own."""
        with self._call("fetch_users"):
            era, since, after = _token(link, "$skiptoken=") if link else (str(self._pages_era), created_since or "", "")
            if era != str(self._pages_era):
                raise ResyncError("page_link_expired", vendor=VENDOR, status=400)
            rest = [
                user
                for user_id, user in sorted(self.users.items())
                if user_id > after.rstrip("+") and (user.created_date_time or "") >= since and self.is_listed(user)
            ]
            if self.blank_pages and len(rest) > self.page_size and not after.endswith("+"):
                return DirectoryPage(entries=(), next_link=f"{BASE}/users?$skiptoken={era}|{since}|{after}+")
            page = rest[: self.page_size]
            more = f"{BASE}/users?$skiptoken={era}|{since}|{page[-1].id}" if len(rest) > len(page) else None
            return DirectoryPage(entries=tuple(_complete(user) for user in page), next_link=more)

    def fetch_delta(self, link: str) -> DirectoryPage:
        """Return one page of the changes since the link was given out."""
        with self._call("fetch_delta"):
            if "$deltatoken=" in link:
                start, end, offset = int(link.partition("$deltatoken=")[2]), len(self._log), "0"
            else:
                first, last, offset = _token(link, "$skiptoken=")
                start, end = int(first), int(last)
            if start < self._dead_before:
                raise ResyncError("delta_link_dead", vendor=VENDOR, status=410)
            changed = [user_id for user_id in self._log[start:end] if user_id]
            rest = (changed if self.repeats else list(dict.fromkeys(changed)))[int(offset.rstrip("+")) :]
            if self.blank_pages and len(rest) > self.page_size and not offset.endswith("+"):
                return DirectoryPage(entries=(), next_link=f"{BASE}/users/delta?$skiptoken={start}|{end}|{offset}+")
            page = tuple(self._entry(user_id) for user_id in rest[: self.page_size])
            if len(rest) > len(page):
                after = int(offset.rstrip("+")) + len(page)
                return DirectoryPage(entries=page, next_link=f"{BASE}/users/delta?$skiptoken={start}|{end}|{after}")
            return DirectoryPage(entries=page, delta_link=_delta_link(end))

    def fetch_latest_delta_link(self) -> str:
        """Return a delta link that starts now."""
        with self._call("fetch_latest_delta_link"):
            return _delta_link(len(self._log))

    def fetch_user(self, name: str) -> User | None:
        """Return one user by object id or user principal name."""
        wanted = name.casefold()
        with self._call("fetch_user"):
            for user in self.users.values():
                if wanted in {user.id.casefold(), (user.user_principal_name or "").casefold()}:
                    return _complete(user)
            return None

    def find_users(self, address: str) -> tuple[User, ...]:
        """Return the users of that mail, else of that alias."""
        wanted = address.casefold()
        with self._call("find_users"):
            users = list(self.users.values())
            found = [user for user in users if (user.mail or "").casefold() == wanted]
            aliased = [user for user in users if f"smtp:{wanted}" in map(str.casefold, user.proxy_addresses)]
            return tuple(map(_complete, found or aliased))

    def fetch_deleted_user(self, user_id: str) -> User | None:
        """Return a deleted user that can be restored, with its names."""
        names = {"id", "display_name", "user_principal_name", "mail"}
        with self._call("fetch_deleted_user"):
            user = self._deleted.get(user_id)
            return None if user is None else User(**user.model_dump(include=names))

    def fetch_deleted_users(self, link: str | None = None) -> DirectoryPage:
        """Return one page of the deleted users that can be restored."""
        with self._call("fetch_deleted_users"):
            after = _token(link, "$skiptoken=")[0] if link else ""
            rest = [user for user_id, user in sorted(self._deleted.items()) if user_id > after]
            page = rest[: self.page_size]
            names = {"id", "display_name", "user_principal_name", "mail", "department"}
            shown = tuple(User(**user.model_dump(include=names)) for user in page)
            path = f"{BASE}/directory/deletedItems/microsoft.graph.user"
            more = f"{path}?$skiptoken={page[-1].id}" if len(rest) > len(page) else None
            return DirectoryPage(entries=shown, next_link=more)

    def count_users(self, *, enabled_only: bool) -> int:
        """Count the users that are not deleted."""
        with self._call("count_users"):
            counted = [user for user in self.users.values() if self.counts_all or self.is_listed(user)]
            wrong = self.miscounted.popleft() if self.miscounted else 0
            return wrong + sum(1 for user in counted if user.account_enabled or not enabled_only)

    # --- inside -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, method: str) -> Iterator[None]:
        with self._lock:
            self.calls[method] += 1
            self.moments.reach(method, "before")
            if self._failures[method]:
                raise self._failures[method].popleft()
            yield
            self.moments.reach(method, "after")

    def _keep(self, user: User) -> None:
        self.users[user.id] = user
        self._log.append(user.id)

    def _entry(self, user_id: str) -> User | Tombstone:
        if user_id in self.users:
            return self.users[user_id]
        return Tombstone(id=user_id, reason="changed" if user_id in self._deleted else "deleted")


def _complete(user: User) -> User:
    """Name every property, as a list does."""
    return User.model_validate(user.model_dump())


def _delta_link(position: int) -> str:
    return f"{BASE}/users/delta?$deltatoken={position}"


def _token(link: str, name: str) -> Sequence[str]:
    return link.partition(name)[2].split("|")
