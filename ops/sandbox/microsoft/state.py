"""The directories: tenants, their users with a log of changes, and their application registrations."""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple
from uuid import UUID

from ops.sandbox.clock import Clock, iso
from ops.sandbox.http import Json

SOFT_DELETED_LIFE_S = 30 * 86_400  # page "Recover or remove a recently deleted user"
READ_ROLES = frozenset({"User.Read.All", "Directory.Read.All", "Organization.Read.All"})


@dataclass(eq=False)
class App:
    """An application registration as one tenant knows it; `roles` are the consented application permissions."""

    client_id: str
    secret: str
    expired_secret: str
    roles: frozenset[str] = READ_ROLES
    enabled: bool = True
    secret_expired: bool = False
    accepts_certificate: bool = True
    is_registered_here: bool = True  # false: another tenant's app, of which this one holds the service principal only


class Change(NamedTuple):
    """One entry of a tenant's log; `names` None concerns the whole user (created, deleted, restored, replayed)."""

    real_time: float
    user_id: str
    names: frozenset[str] | None


def smtp_addresses(user: Json) -> Iterator[str]:
    """Mail addresses among the proxy addresses."""
    for address in user.get("proxyAddresses") or ():
        if address[:5].lower() == "smtp:":
            yield address[5:]


class Tenant:
    """One customer's directory. User dicts are replaced, never changed in place, so a shallow copy is a snapshot."""

    def __init__(self, tenant_id: str, *, name: str, domain: str, clock: Clock) -> None:
        self.id = tenant_id
        self.name = name
        self.domain = domain
        self.exists = True
        self.tokens_valid_from = 0.0
        self.apps: dict[str, App] = {}
        self.users: dict[str, Json] = {}
        self.deleted: dict[str, Json] = {}
        self.order: list[str] = []  # ids in the order of creation, also of users that are gone
        self.log: list[Change] = []
        self.managers: dict[str, str] = {}
        self.purposes: dict[str, str] = {}  # mailboxSettings/userPurpose where it is not "user"
        self.by_upn: dict[str, str] = {}
        self.by_mail: dict[str, set[str]] = {}
        self.version = 0
        self.on_change: Callable[[Tenant, str, str], None] | None = None  # told of each change: user and `updated`, …
        self._clock = clock
        self._ids = Random(tenant_id)

    def now(self) -> float:
        """The tenant's own time."""
        return self._clock.now(self.id)

    def new_id(self) -> str:
        """An object id that no user had before."""
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    def find(self, name: str) -> Json | None:
        """A user by id or user principal name."""
        return (
            self.users.get(name) or self.users.get(name.lower()) or self.users.get(self.by_upn.get(name.casefold(), ""))
        )

    def load(self, users: list[Json]) -> None:
        """Take seeded users, without entries in the log: nobody has asked for changes yet."""
        for user in users:
            self.order.append(user["id"])
            self._put(user)
        self.version += 1

    def create(self, properties: Json) -> Json:
        """Add a user."""
        user = {"id": self.new_id(), "createdDateTime": iso(self.now()), **properties}
        self.order.append(user["id"])
        self._put(user)
        self._record(user["id"], None)
        return user

    def update(self, user_id: str, properties: Json) -> Json:
        """Set properties; null clears."""
        old = self.users[user_id]
        changed = frozenset(name for name, value in properties.items() if old.get(name) != value)
        self._unindex(old)
        user = {**old, **properties}
        self._put(user)
        if changed:
            self._record(user_id, changed)
        return user

    def soft_delete(self, user_id: str) -> None:
        """Move a user among the deleted items."""
        user = self.users.pop(user_id)
        self._unindex(user)
        self.deleted[user_id] = {**user, "deletedDateTime": iso(self.now())}
        self._record(user_id, None)

    def hard_delete(self, user_id: str) -> None:
        """Forget a user for good."""
        if user_id in self.users:
            self._unindex(self.users.pop(user_id))
        self.deleted.pop(user_id, None)
        self._record(user_id, None, kind="deleted")

    def restore(self, user_id: str) -> Json:
        """Bring a deleted user back under its old id."""
        user = {key: value for key, value in self.deleted.pop(user_id).items() if key != "deletedDateTime"}
        self._put(user)
        self._record(user_id, None)
        return user

    def replay(self, user_ids: list[str]) -> None:
        """Let the next delta round name users again that have not changed."""
        for user_id in user_ids:
            self._record(user_id, None, kind=None)

    def purge(self) -> None:
        """Forget users whose thirty days among the deleted items are over."""
        limit = iso(self.now() - SOFT_DELETED_LIFE_S)
        for user_id in [key for key, user in self.deleted.items() if user["deletedDateTime"] < limit]:
            self.hard_delete(user_id)

    def log_end(self, lag_s: float) -> int:
        """Where the log ends for a reader who sees changes so many real seconds late."""
        if lag_s <= 0:
            return len(self.log)
        return bisect_right(self.log, time.time() - lag_s, key=lambda change: change.real_time)

    def _put(self, user: Json) -> None:
        self.users[user["id"]] = user
        self.by_upn[str(user.get("userPrincipalName", "")).casefold()] = user["id"]
        if user.get("mail"):
            self.by_mail.setdefault(user["mail"].casefold(), set()).add(user["id"])

    def _unindex(self, user: Json) -> None:
        self.by_upn.pop(str(user.get("userPrincipalName", "")).casefold(), None)
        if user.get("mail"):
            self.by_mail.get(user["mail"].casefold(), set()).discard(user["id"])

    def _record(self, user_id: str, names: frozenset[str] | None, *, kind: str | None = "updated") -> None:
        self.version += 1
        self.log.append(Change(time.time(), user_id, names))
        if kind is not None and self.on_change is not None:
            self.on_change(self, user_id, kind)


@dataclass(eq=False)
class Directory:
    """All tenants."""

    clock: Clock
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def find(self, name: str | None) -> Tenant | None:
        """A tenant by id, domain or display name; None is the first."""
        if name is None:
            return next(iter(self.tenants.values()), None)
        if name in self.tenants:
            return self.tenants[name]
        return next((t for t in self.tenants.values() if name in {t.domain, t.name} or name.lower() == t.id), None)
