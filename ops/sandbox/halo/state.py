"""The records of one HaloPSA, with the indexes that keep look-ups short."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from ops.sandbox.audit import Audit
from ops.sandbox.clock import Clock, iso
from ops.sandbox.http import Json

VENDOR = "halo"
RIGHTS = ("contacts.read", "contacts.write", "companies.read", "reports.read", "reports.write")


@dataclass(eq=False)
class Access:
    """Who may call."""

    tenant: str = "sandbox"
    client_id: str = "7a10c1de-7777-4a10-8f00-0000000000ca"
    client_secret: str = "sbHaloSecret-7777-0001"
    rights: set[str] = field(
        default_factory=lambda: {"contacts.read", "contacts.write", "companies.read", "reports.read", "reports.write"}
    )
    tokens_valid_from: float = 0.0


class Halo:
    """All records. User dicts are replaced, never changed in place, so a shallow copy is a snapshot."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self.clock = clock
        self.audit = audit
        self.access = Access()
        self.users: dict[int, Json] = {}
        self.by_client: dict[int, list[int]] = {}
        self.clients: dict[int, Json] = {}
        self.sites: dict[int, Json] = {}
        self.reports: dict[int, Json] = {}
        self._next_user = 1_201

    def now(self) -> str:
        """The time for dates."""
        return iso(self.clock.now())

    def new_user_id(self) -> int:
        """The id of the next user."""
        self._next_user += 1
        return self._next_user - 1

    def client_of(self, user: Json) -> int:
        """The client that follows from a user's site."""
        return int(self.sites[user["site_id"]]["client_id"])

    def put(self, user: Json, *, by: str) -> None:
        """Store a user, new or in place of the older form, and write it down."""
        before = self.users.get(user["id"])
        self.store(user)
        self._record("create" if before is None else "update", before, user, by=by)

    def store(self, user: Json) -> None:
        """Store a user without a trace."""
        before = self.users.get(user["id"])
        self.users[user["id"]] = user
        client = self.client_of(user)
        if before is None or self.client_of(before) != client:
            if before is not None:
                self._leave_client(before)
            insort(self.by_client.setdefault(client, []), user["id"])

    def delete(self, user_id: int, *, by: str) -> None:
        """Forget a user."""
        before = self.users.pop(user_id)
        self._leave_client(before)
        self._record("delete", before, None, by=by)

    def _record(self, method: str, before: Json | None, after: Json | None, *, by: str) -> None:
        record = after or before or {}
        self.audit.record(
            VENDOR,
            method,
            contact_id=record["id"],
            before=before,
            after=after,
            company_id=self.client_of(record),
            by=by,
        )

    def _leave_client(self, user: Json) -> None:
        ids = self.by_client[self.client_of(user)]
        del ids[bisect_left(ids, user["id"])]
