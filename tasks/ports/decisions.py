"""What somebody has settled about users."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from adapters.records import UserDecision
from tasks.ports.vendors import Json


class Decisions(Protocol):
    """Standing decisions about the users of a connector."""

    def find(self, connector_id: str, user_ids: Sequence[str]) -> dict[str, UserDecision]:
        """Return what is settled about these users; a user without a decision is not in the answer."""

    def save(self, connector_id: str, decisions: Sequence[UserDecision]) -> None:
        """Settle this, in place of what was settled about these users before. A repeat changes nothing."""

    def release(self, connector_id: str, rows: Mapping[str, Json]) -> int:
        """Forget what is settled about users, and put them into the retry set in the same step; returns how many.

        `rows` says by user why it is tried again. A user without a decision is left as it is."""

    def iter_all(self, connector_id: str) -> Iterator[UserDecision]:
        """Yield every decision of a connector, some hundred in memory at a time."""
