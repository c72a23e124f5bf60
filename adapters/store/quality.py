"""Numbers of each day by connector: daily for some weeks, then of each Monday, then gone. Bounded, whatever happens.

One hash a connector: "day, newline, part" → numbers (packed JSON). A run knows one part alone, that of the users."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from adapters.store.connection import Connection, text
from adapters.store.packing import pack, unpack

__all__ = ["DAILY_DAYS", "MONDAYS_DAYS", "forgotten_days", "load_numbers", "note_numbers"]

DAILY_DAYS = 38  # a month, and a week for a comparison with the last day before it
MONDAYS_DAYS = 98  # a quarter, and a week likewise
MONDAY = 0


def note_numbers(connection: Connection, key: str, *, day: str, part: str, numbers: Mapping[str, int]) -> None:
    """Keep a part of a day's numbers, in place of an earlier one of that day, and forget days that are too old."""
    fields = {text(field): text(field).partition("\n")[0] for field in connection.client.hkeys(key)}
    old = set(forgotten_days(fields.values(), today=day))
    with connection.pipeline() as pipe:
        pipe.hset(key, f"{day}\n{part}", pack(json.dumps(dict(numbers), separators=(",", ":")).encode()))
        if stale := [field for field, its_day in fields.items() if its_day in old]:
            pipe.hdel(key, *stale)
        pipe.execute()


def load_numbers(connection: Connection, key: str) -> dict[str, dict[str, int]]:
    """Return the numbers by day, its parts together."""
    found: dict[str, dict[str, int]] = {}
    for field, value in connection.client.hgetall(key).items():
        found.setdefault(text(field).partition("\n")[0], {}).update(json.loads(unpack(value)))
    return found


def forgotten_days(days: Iterable[str], *, today: str) -> list[str]:
    """Name the days of which nothing is kept any more."""
    end = date.fromisoformat(today)
    return [day for day in days if not _is_kept(date.fromisoformat(day), end)]


def _is_kept(day: date, today: date) -> bool:
    age = today - day
    if age <= timedelta(days=DAILY_DAYS):
        return True
    return age <= timedelta(days=MONDAYS_DAYS) and day.weekday() == MONDAY
