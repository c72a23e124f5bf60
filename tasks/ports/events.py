"""Changes that Microsoft 365 tells of by itself, as the store keeps them."""

from collections.abc import Sequence
from typing import Protocol

from adapters.records import Run, Subscribed, Taken


class Events(Protocol):
    """Changed users that wait for a run, the subscriptions that tell of them, and polls. Every method is one step."""

    def receive(self, connector_id: str, user_ids: Sequence[str], *, gather_s: float, window_s: float) -> float | None:
        """Note changed users; return in how many seconds a run may take them, None if that was told before."""

    def take(self, run: Run, *, most_users: int, most_runs: int, window_s: float) -> Taken:
        """Write this run as requested for the users that are due, and take them off the waiting ones, in one step.

        A user that an open event run has stays until that one is closed. Without a user to take, no run is written."""

    def overdue(self, *, limit: int, grace_s: float) -> list[str]:
        """Name connectors whose changed users should have been taken so many seconds ago."""

    def postpone(self, connector_id: str, *, seconds: float) -> None:
        """Let a connector's changed users wait some more."""

    def forget_changes(self, connector_id: str) -> None:
        """Drop a connector's changed users: nobody wants them."""

    def subscription(self, connector_id: str) -> Subscribed | None:
        """Return what is known of a connector's subscription."""

    def subscriptions(self) -> dict[str, Subscribed]:
        """Return what is known of every connector's subscription."""

    def known(self, subscription_ids: Sequence[str]) -> dict[str, Subscribed]:
        """Return the subscriptions of these ids that are ours."""

    def save_subscription(self, state: Subscribed) -> None:
        """Keep a connector's subscription; the one before it is no longer ours."""

    def forget_subscription(self, connector_id: str) -> None:
        """Forget a connector's subscription and its signals."""

    def signal(self, connector_id: str, event: str) -> bool:
        """Note news of a subscription; False if the same waits already."""

    def signals(self, connector_id: str) -> dict[str, int]:
        """Return the news of a connector's subscription that nobody has dealt with, and when each came (ms)."""

    def signalled(self) -> set[str]:
        """Name the connectors of whose subscription there is news."""

    def clear_signal(self, connector_id: str, event: str, *, at_ms: int) -> None:
        """Forget news that was dealt with, unless it has come again since."""

    def last_poll(self, connector_id: str) -> int | None:
        """Return when a connector's changes were last asked for (ms)."""

    def mark_poll(self, connector_id: str, *, at_ms: int) -> None:
        """Remember when a connector's changes were asked for."""

    def busy_with(self, connector_id: str) -> set[str]:
        """Return what asked for the runs over the whole tenant that go on or wait for their turn: their triggers."""

    def take_turn(self, owner: str, name: str, *, holder: str, seconds: float) -> bool:
        """Be the only one who does this, for so long at most and only while our process is alive."""

    def leave_turn(self, owner: str, name: str, *, holder: str) -> None:
        """Let the next one do it."""
