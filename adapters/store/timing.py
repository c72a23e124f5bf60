"""The times that the store itself obeys; production values, made small in tests."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoreTiming:
    """What runs out when, in seconds."""

    dead_s: float = 10.0  # without a heartbeat for so long, a process counts as dead
    heartbeat_s: float = 3.0
    lease_s: float = 60.0  # a user's lease without any step of its holder; a write takes 20 s at most
    loading_s: float = 45.0  # an index or plan without progress of its holder; one slow page of a PSA
    first_due_s: float = 30.0  # from freezing a user until its message counts as lost
    slack_s: float = 10.0  # beyond the moment when a user should have come back
    busy_s: float = 1.5  # until a user whose lease is held is asked for again
    settle_s: float = 42.0  # what was sent before the store restarted is through: our deadline, the PSA's, margin
    relied_s: float = 900.0  # longer than a creation relies on an older look-up (10 minutes)
    kept_intent_s: float = 7 * 86400.0  # an intent that its run left unresolved: by then every look-up shows the write
    closed_s: float = 2 * 900.0 + 600.0  # two visibility time-outs and some more: late messages meet the marker
