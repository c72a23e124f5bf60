"""Numbers of each day: a day has its place, and old days are thinned out whatever happens."""

from datetime import date, timedelta

from adapters.store import Store
from adapters.store.quality import DAILY_DAYS, MONDAYS_DAYS

BYTES_OF_A_CONNECTOR = 20_000  # whole, after years
NUMBERS = {"users": 100_000, "any_phone": 50_000, "street_address": 99_999} | {f"measure_{n}": 88_888 for n in range(9)}


def test_parts_of_a_day_stand_together_and_a_repeat_replaces_its_part(store: Store) -> None:
    store.memory.note_quality("contoso", "2026-11-25", "users", {"users": 3, "phone": 1})
    store.memory.note_quality("contoso", "2026-11-25", "contacts", {"active_contacts": 4})
    store.memory.note_quality("contoso", "2026-11-25", "users", {"users": 5})
    store.memory.note_quality("fabrikam", "2026-11-24", "users", {"users": 9})
    assert store.memory.quality("contoso") == {"2026-11-25": {"users": 5, "active_contacts": 4}}
    assert store.memory.quality("nobody") == {}


def test_days_are_kept_for_a_month_mondays_for_a_quarter(store: Store) -> None:
    first = date(2026, 1, 1)
    for age in range(400):
        day = (first + timedelta(days=age)).isoformat()
        store.memory.note_quality("contoso", day, "users", NUMBERS)
        store.memory.note_quality("contoso", day, "contacts", NUMBERS)
    last = first + timedelta(days=399)
    ages = sorted((last - date.fromisoformat(day)).days for day in store.memory.quality("contoso"))
    assert ages[: DAILY_DAYS + 1] == list(range(DAILY_DAYS + 1))
    older = ages[DAILY_DAYS + 1 :]
    assert older
    assert {(last - timedelta(days=age)).weekday() for age in older} == {0}
    assert MONDAYS_DAYS - 7 < max(older) <= MONDAYS_DAYS
    key = store.connection.keys.quality("contoso")
    assert store.connection.client.memory_usage(key, samples=0) < BYTES_OF_A_CONNECTOR
