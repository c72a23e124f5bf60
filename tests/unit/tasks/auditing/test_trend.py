"""Which earlier day a number is compared with."""

from datetime import date, timedelta

import pytest

from tasks.auditing.trend import measures_of

TODAY = date(2026, 11, 25)
NOW = {"users": 10, "phone": 1}


def phones(*ages: int) -> dict[int, float | None]:
    """Return what is shown of days so old, on each of which as many of a hundred lacked a phone as it is old."""
    history = {(TODAY - timedelta(days=age)).isoformat(): {"users": 100, "phone": age} for age in ages}
    (measure,) = measures_of(NOW, history, today=TODAY)
    return measure.before


@pytest.mark.parametrize(
    ("ages", "shown"),
    [
        ((), (None, None, None)),
        ((0, 6), (None, None, None)),
        ((7, 8), (0.07, None, None)),
        ((14, 15), (0.14, None, None)),
        ((15, 29), (None, None, None)),
        ((30, 37), (None, 0.3, None)),
        ((90, 97), (None, None, 0.9)),
        ((98,), (None, None, None)),
    ],
)
def test_it_is_the_youngest_day_of_the_week_before(
    ages: tuple[int, ...], shown: tuple[float | None, float | None, float | None]
) -> None:
    assert tuple(phones(*ages).values()) == shown


def test_a_day_that_does_not_tell_gives_way_to_an_older_one_that_does() -> None:
    now = NOW | {"active_contacts": 4, "duplicate_contacts": 1}
    history = {
        "2026-11-18": {"users": 10, "phone": 5},
        "2026-11-17": {"active_contacts": 2, "duplicate_contacts": 1, "users": 0, "phone": 0},
    }
    phone, duplicates = measures_of(now, history, today=TODAY)
    assert (phone.before[7], duplicates.before[7]) == (0.5, 0.5)
    assert (phone.share, duplicates.share) == (0.1, 0.25)


def test_of_nobody_nobody_lacks_anything() -> None:
    (measure,) = measures_of({"users": 0, "phone": 0}, {}, today=TODAY)
    assert measure.share == 0.0
