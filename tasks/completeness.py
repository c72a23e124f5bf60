"""Whether a read of the directory proves that whoever is missing from it has left. Pure.

Only a proved read may infer that somebody left from his absence; without it a run is additive only. A tombstone, a user
that is switched off, and a user among the deleted ones prove themselves and need none of this.
"""

from typing import NamedTuple

__all__ = ["Evidence", "find_doubts"]


class Evidence(NamedTuple):
    """What is known of one read of all users."""

    users_read: int  # distinct users, followed to the last page without an error
    users_counted: int | None  # as the directory counts them, asked again if it disagreed; None: it does not say
    users_before: int  # by the last read that was believed; 0: there was none
    left_by_proof: int  # users of these that are known to have left
    usual_fall: int  # how many fewer users are nothing unusual


def find_doubts(evidence: Evidence) -> list[str]:
    """Return the reasons for which this read is not believed to be complete; none: it is."""
    doubts = []
    if evidence.users_counted is None:
        doubts.append("Microsoft 365 does not say how many users there are")
    elif evidence.users_counted > evidence.users_read:
        doubts.append(
            f"the list named {evidence.users_read} users, but Microsoft 365 counts {evidence.users_counted} each time"
        )
    fall = evidence.users_before - evidence.users_read - evidence.left_by_proof
    if fall > evidence.usual_fall:
        doubts.append(
            f"the list named {evidence.users_read} users, {fall} fewer than before and than are known to have left;"
            f" {evidence.usual_fall} would be usual"
        )
    if evidence.users_read == 0:
        doubts.append("the list named nobody")
    return doubts
