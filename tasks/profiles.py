"""What users' profiles lack in Microsoft 365: counted while users go by, of those in scope. Pure."""

from collections import Counter
from collections.abc import Callable

from adapters.records import User

__all__ = ["GAPS", "USERS", "ProfileGaps"]

USERS = "users"

GAPS: dict[str, Callable[[User], bool]] = {
    "phone": lambda user: not any(number.strip() for number in user.business_phones),
    "mobile_phone": lambda user: _is_empty(user.mobile_phone),
    "any_phone": lambda user: _is_empty(user.mobile_phone) and not any(n.strip() for n in user.business_phones),
    "first_name": lambda user: _is_empty(user.given_name),
    "surname": lambda user: _is_empty(user.surname),
    "job_title": lambda user: _is_empty(user.job_title),
    "department": lambda user: _is_empty(user.department),
    "office_location": lambda user: _is_empty(user.office_location),
    "street_address": lambda user: _is_empty(user.street_address),
    "city": lambda user: _is_empty(user.city),
    "country": lambda user: _is_empty(user.country),
}
"""What a profile may lack, by name."""


class ProfileGaps:
    """Counts users, and those whose profile lacks something."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._counts: Counter[str] = Counter({USERS: 0} | dict.fromkeys(GAPS, 0))

    def add(self, user: User) -> None:
        """Count one user in scope."""
        self._counts[USERS] += 1
        for name, lacks in GAPS.items():
            if lacks(user):
                self._counts[name] += 1

    def numbers(self) -> dict[str, int]:
        """Return how many users there are (`users`), and how many lack each thing."""
        return dict(self._counts)


def _is_empty(value: str | None) -> bool:
    return not (value or "").strip()
