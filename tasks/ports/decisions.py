"""What somebody has settled about users."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from adapters.records import UserDecision
from tasks.ports.vendors import Json


class Decisions(Protocol):
    """Standing decisions about the users of a connector."""

    def find(self, connector_id: str, user_ids: Sequence[str]) -> dict[str, UserDecision]:
        """Return what is settled about these users; a user without a decision is not in the answer."""

    def owners(self, home: str, contact_ids: Sequence[str], *, now_ms: int) -> dict[str, str]:
        """Return to which user of whichever connector each contact was given for good ("tenant/user")."""

    def save(self, connector_id: str, decisions: Sequence[UserDecision], *, rows: Mapping[str, Json]) -> str | None:
        """Settle this, in place of what was settled about these users before. A repeat changes nothing.

        `rows` puts users into the retry set in the same step, and says by user why. If a contact was given to another
        user before, and that decision stands, nothing is saved, and "connector/user" is returned."""

    def release(self, connector_id: str, rows: Mapping[str, Json]) -> int:
        """Forget what is settled about users, and put them into the retry set in the same step; returns how many.

        `rows` says by user why it is tried again. A user without a decision is left as it is."""

    def ended(self, connector_id: str, *, now_ms: int) -> list[str]:
        """Name the users whose decision has ended since that was last told."""

    def forget_ended(self, connector_id: str, *, now_ms: int) -> None:
        """Say that it was told whose decisions had ended by then. A repeat changes nothing."""

    def iter_all(self, connector_id: str) -> Iterator[UserDecision]:
        """Yield every decision of a connector, ended ones included, some hundred in memory at a time."""
