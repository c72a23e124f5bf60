"""What somebody has settled about one user, for every later run. Times are milliseconds since 1970, UTC."""

from typing import Literal

from adapters.records.base import Record


class UserDecision(Record):
    """A standing decision about a user of a connector, until it is released or its time is over.

    `link`: this contact is the user's. `create`: none of the contacts that were known then is. `ignore`: its contact is
    left alone."""

    user_id: str
    name: str  # the user principal name, for lists
    action: Literal["link", "create", "ignore"] = "ignore"
    contact_id: str = ""  # of a link
    not_contacts: tuple[str, ...] = ()  # of a creation: what could have been the user's, and is not
    home: str = ""  # of a link and a creation: contacts' ids mean nothing at another PSA
    reason: str
    by: str
    at_ms: int
    until_ms: int | None = None

    def has_ended(self, now_ms: int) -> bool:
        """Tell whether its time is over."""
        return self.until_ms is not None and self.until_ms <= now_ms
