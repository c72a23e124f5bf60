"""What somebody has settled about one user, for every later run. Times are milliseconds since 1970, UTC."""

from typing import Literal

from adapters.records.base import Record


class UserDecision(Record):
    """A standing decision about a user of a connector, until it is released.

    `ignore`: its contact is left alone."""

    user_id: str
    name: str  # the user principal name, for lists
    action: Literal["ignore"] = "ignore"
    reason: str
    by: str
    at_ms: int
