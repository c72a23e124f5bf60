"""Schedules in customers' time zones, over gaps, overlaps and outages."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import check_schedule, due_tick, next_tick, spread_offset_s

BERLIN, NEW_YORK, KOLKATA = "Europe/Berlin", "America/New_York", "Asia/Kolkata"
LORD_HOWE, SANTIAGO = "Australia/Lord_Howe", "America/Santiago"
HOUR_MS = 3_600_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def ticks(schedule: str, timezone: str, *, start: str, days: int) -> list[str]:
    """Walk through the days as beat does, every five minutes, and say in UTC which moments were taken."""
    last = now = ms(start)
    end = now + days * 24 * HOUR_MS
    taken = []
    while now < end:
        now += 5 * 60_000
        tick = due_tick(schedule, timezone, last_tick_ms=last, now_ms=now)
        if tick is not None:
            taken.append(datetime.fromtimestamp(tick / 1000, tz=UTC).strftime("%m-%dT%H:%M"))
            last = tick
    return taken


@pytest.mark.parametrize(
    ("timezone", "expected"),
    [
        (BERLIN, ["01-15T01:00"]),
        (NEW_YORK, ["01-15T07:00"]),
        (KOLKATA, ["01-15T20:30"]),
        (LORD_HOWE, ["01-15T15:00"]),
        (SANTIAGO, ["01-15T05:00"]),
        ("UTC", ["01-15T02:00"]),
    ],
)
def test_each_customer_runs_at_its_own_two_o_clock(timezone: str, expected: list[str]) -> None:
    assert ticks("0 2 * * *", timezone, start="2026-01-15T00:00:00Z", days=1) == expected


@pytest.mark.parametrize(
    ("timezone", "schedule", "start", "expected"),
    [
        (BERLIN, "0 2 * * *", "2026-03-28T12:00:00Z", ["03-29T01:00", "03-30T00:00"]),
        (BERLIN, "30 2 * * *", "2026-03-28T12:00:00Z", ["03-29T01:00", "03-30T00:30"]),
        (BERLIN, "0,30 2 * * *", "2026-03-28T12:00:00Z", ["03-29T01:00", "03-30T00:00", "03-30T00:30"]),
        (BERLIN, "*/30 2 * * *", "2026-03-28T12:00:00Z", ["03-29T01:00", "03-30T00:00", "03-30T00:30"]),
        (NEW_YORK, "30 2 * * *", "2026-03-07T12:00:00Z", ["03-08T07:00", "03-09T06:30"]),
        (LORD_HOWE, "0 2 * * *", "2026-10-03T00:00:00Z", ["10-03T15:30", "10-04T15:00"]),
        (LORD_HOWE, "15 2 * * *", "2026-10-03T00:00:00Z", ["10-03T15:30", "10-04T15:15"]),
        (SANTIAGO, "0 0 * * *", "2026-09-05T12:00:00Z", ["09-06T04:00", "09-07T03:00"]),
        (SANTIAGO, "30 0 * * SUN", "2026-09-05T12:00:00Z", ["09-06T04:00"]),
        (KOLKATA, "30 2 * * *", "2026-03-28T12:00:00Z", ["03-28T21:00", "03-29T21:00"]),
    ],
)
def test_time_that_the_spring_gap_swallows_runs_once_after_the_gap(
    timezone: str, schedule: str, start: str, expected: list[str]
) -> None:
    assert ticks(schedule, timezone, start=start, days=2) == expected


@pytest.mark.parametrize(
    ("timezone", "schedule", "start", "expected"),
    [
        (BERLIN, "0 2 * * *", "2026-10-24T12:00:00Z", ["10-25T00:00", "10-26T01:00"]),
        (BERLIN, "30 2 * * *", "2026-10-24T12:00:00Z", ["10-25T00:30", "10-26T01:30"]),
        (BERLIN, "*/30 2 * * *", "2026-10-24T12:00:00Z", ["10-25T00:00", "10-25T00:30", "10-26T01:00", "10-26T01:30"]),
        (NEW_YORK, "30 1 * * *", "2026-10-31T12:00:00Z", ["11-01T05:30", "11-02T06:30"]),
        (LORD_HOWE, "45 1 * * *", "2026-04-04T00:00:00Z", ["04-04T14:45", "04-05T15:15"]),
        (SANTIAGO, "30 23 * * *", "2026-04-04T12:00:00Z", ["04-05T02:30", "04-06T03:30"]),
    ],
)
def test_time_that_comes_twice_in_autumn_runs_once(
    timezone: str, schedule: str, start: str, expected: list[str]
) -> None:
    assert ticks(schedule, timezone, start=start, days=2) == expected


def test_hourly_schedule_runs_in_both_hours_of_the_overlap() -> None:
    assert ticks("30 * * * *", BERLIN, start="2026-10-24T23:00:00Z", days=1)[:4] == [
        "10-24T23:30",
        "10-25T00:30",
        "10-25T01:30",
        "10-25T02:30",
    ]


def test_new_connector_counts_from_first_sight() -> None:
    seen = ms("2026-01-15T02:00:00Z")
    assert due_tick("0 2 * * *", "UTC", last_tick_ms=seen, now_ms=seen) is None
    assert due_tick("0 2 * * *", "UTC", last_tick_ms=seen, now_ms=seen + 23 * HOUR_MS) is None
    assert due_tick("0 2 * * *", "UTC", last_tick_ms=seen, now_ms=seen + 24 * HOUR_MS) == seen + 24 * HOUR_MS


@pytest.mark.parametrize("schedule", ["* * * * *", "*/15 * * * *", "0 2 * * *", "0 2 * * MON", "0 2 1 * *"])
def test_all_that_an_outage_missed_is_caught_up_once_with_the_newest(schedule: str) -> None:
    last, now = ms("2026-01-01T00:00:00Z"), ms("2026-03-02T12:34:56Z")
    newest = due_tick(schedule, BERLIN, last_tick_ms=last, now_ms=now)
    assert newest is not None
    assert newest <= now
    following = next_tick(schedule, BERLIN, after_ms=newest)
    assert following is not None
    assert following > now
    assert due_tick(schedule, BERLIN, last_tick_ms=newest, now_ms=now) is None


def test_yearly_schedule_missed_for_three_years_is_found() -> None:
    tick = due_tick("0 2 29 2 *", "UTC", last_tick_ms=ms("2023-01-01T00:00:00Z"), now_ms=ms("2027-01-01T00:00:00Z"))
    assert tick == ms("2024-02-29T02:00:00Z")


def test_clock_that_went_back_makes_nothing_due() -> None:
    assert due_tick("* * * * *", "UTC", last_tick_ms=10_000_000, now_ms=5_000_000) is None


@settings(deadline=None)
@given(
    schedule=st.sampled_from(["0 2 * * *", "*/30 2 * * *", "15 */4 * * *", "0 0,12 * * *", "59 23 * * SUN"]),
    timezone=st.sampled_from([BERLIN, NEW_YORK, KOLKATA, LORD_HOWE, SANTIAGO]),
    last_ms=st.integers(ms("2025-01-01T00:00:00Z"), ms("2027-01-01T00:00:00Z")),
    passed=st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=40)),
)
def test_due_moment_is_the_newest_between_last_and_now(
    schedule: str, timezone: str, last_ms: int, passed: timedelta
) -> None:
    now_ms = last_ms + round(passed.total_seconds() * 1000)
    expected, moment = None, next_tick(schedule, timezone, after_ms=last_ms)
    while moment is not None and moment <= now_ms:
        expected, moment = moment, next_tick(schedule, timezone, after_ms=moment)
    assert due_tick(schedule, timezone, last_tick_ms=last_ms, now_ms=now_ms) == expected


def test_spread_delays_each_connector_by_its_own_fixed_seconds_and_keeps_the_moment() -> None:
    offset = spread_offset_s("contoso", spread_s=600)
    assert 0 < offset < 600
    moment, last = ms("2026-01-15T02:00:00Z"), ms("2026-01-14T02:00:00Z")
    due = [
        due_tick(
            "0 2 * * *", "UTC", last_tick_ms=last, now_ms=moment + 1000 * late, spread_s=600, connector_id="contoso"
        )
        for late in (offset - 1, offset)
    ]
    assert due == [None, moment]


def test_spread_is_even_over_the_connectors() -> None:
    offsets = [spread_offset_s(f"customer-{number}", spread_s=10) for number in range(1000)]
    assert min(offsets.count(second) for second in range(10)) > 50


@pytest.mark.parametrize(
    ("schedule", "timezone", "reason"),
    [
        ("0 2 * *", "UTC", "five fields"),
        ("0 0 2 * * *", "UTC", "five fields"),
        ("61 2 * * *", "UTC", "bad minute"),
        ("0 2 30 2 *", "UTC", "day"),
        ("nightly please at 2 o", "UTC", "bad minute"),
        ("0 2 * * *", "Europe/Belrin", "no time zone"),
        ("0 2 * * *", "../etc/passwd", "no time zone"),
        ("0 2 * * *", "", "no time zone"),
    ],
)
def test_schedule_that_cannot_work_is_refused_with_the_reason(schedule: str, timezone: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_schedule(schedule, timezone)


@pytest.mark.parametrize("schedule", ["0 2 * * *", "*/5 * * * *", "0 6,18 * * MON-FRI", "0 2 L * *", "0 2 * * 1#1"])
def test_usual_schedules_are_taken(schedule: str) -> None:
    check_schedule(schedule, BERLIN)


def test_every_zone_of_the_database_has_a_next_two_o_clock() -> None:
    for timezone in (BERLIN, NEW_YORK, KOLKATA, LORD_HOWE, SANTIAGO):
        moment = next_tick("0 2 * * *", timezone, after_ms=ms("2026-06-01T00:00:00Z"))
        assert moment is not None
        assert datetime.fromtimestamp(moment / 1000, tz=ZoneInfo(timezone)).strftime("%H:%M") == "02:00"
