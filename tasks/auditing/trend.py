"""How complete a connector's profiles and contacts are, beside what was kept of earlier days. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from tasks.profiles import GAPS, USERS

__all__ = ["AGO_DAYS", "CONTACTS", "Measure", "measures_of"]

Numbers = Mapping[str, int]
History = Mapping[str, Numbers]
"""Numbers by day ("2026-11-25")."""

AGO_DAYS = (7, 30, 90)
TOLERANCE_DAYS = (
    7  # older than asked for that a day may be: a full run comes once a week, and older days are thinned out
)
CONTACTS = "active_contacts"

_COUNTED = {
    "users_without_contact": USERS,
    "contacts_without_user": CONTACTS,
    "duplicate_contacts": CONTACTS,
}
"""What is counted beside the gaps of profiles → of what it is a share."""


class Measure(NamedTuple):
    """One number, of how many, and the share that it was some days ago (None: nothing is kept of then)."""

    name: str
    number: int
    of: int
    before: dict[int, float | None]

    @property
    def share(self) -> float:
        """The part that it is of the whole, 0 to 1."""
        return _share(self.number, self.of)


def measures_of(numbers: Numbers, history: History, *, today: date) -> list[Measure]:
    """Return every measure that these numbers tell, gaps of the users' profiles first."""
    wholes = {f"lacking_{name}": (name, USERS) for name in GAPS} | {name: (name, of) for name, of in _COUNTED.items()}
    past = {ago: _numbers_before(history, today, ago) for ago in AGO_DAYS}
    return [
        Measure(name, numbers[key], numbers[of], {ago: _share_in(then, key, of) for ago, then in past.items()})
        for name, (key, of) in wholes.items()
        if key in numbers and of in numbers
    ]


def _numbers_before(history: History, today: date, ago_days: int) -> list[Numbers]:
    """Return what is kept of the days around then, the newest of them first; none is younger."""
    days = (today - timedelta(days=ago_days + late) for late in range(TOLERANCE_DAYS + 1))
    return [numbers for day in days if (numbers := history.get(day.isoformat()))]


def _share_in(then: list[Numbers], key: str, of: str) -> float | None:
    """Return the share on the newest day that tells it: a run counts users' profiles alone."""
    return next((_share(numbers[key], numbers[of]) for numbers in then if key in numbers and of in numbers), None)


def _share(number: int, of: int) -> float:
    return number / of if of else 0.0
