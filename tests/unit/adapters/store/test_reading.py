"""Pages as read: stored once, merged by page and position."""

import pytest

from adapters.records import Tombstone, User
from adapters.store import Store
from tests.unit.adapters.store.making import a_user, reading


def test_page_is_stored_once_with_the_step_that_follows(store: Store) -> None:
    reading(store)
    assert store.reading.save_page("r1", generation=0, page=0, entries=[], read_at_ms=1, next_step={"link": "a"})
    assert not store.reading.save_page("r1", generation=0, page=0, entries=[], read_at_ms=2, next_step={"link": "b"})
    assert store.reading.next_step("r1", generation=0, page=0) == {"link": "a"}
    assert store.reading.next_step("r1", generation=0, page=1) is False
    assert store.reading.next_step("r1", generation=1, page=0) is False
    assert store.reading.pages("r1") == 1


def test_page_of_a_run_that_is_not_reading_is_refused(store: Store) -> None:
    assert not store.reading.save_page("r1", generation=0, page=0, entries=[], read_at_ms=1, next_step=None)
    assert store.reading.next_step("r1", generation=0, page=0) is False


def test_last_page_and_position_win(store: Store) -> None:
    reading(store)
    early, late = a_user(1, displayName="early"), a_user(1, displayName="late")
    store.reading.save_page(
        "r1", generation=0, page=0, entries=[early, a_user(2), late], read_at_ms=10, next_step={"link": "x"}
    )
    store.reading.save_page(
        "r1", generation=0, page=1, entries=[Tombstone(id="id-000002", reason="deleted")], read_at_ms=20, next_step=None
    )
    found = {entry.id: (entry, read_at_ms) for one in store.reading.slices("r1") for entry, read_at_ms in one}
    assert found == {"id-000001": (late, 10), "id-000002": (Tombstone(id="id-000002", reason="deleted"), 20)}


def test_one_user_is_found_as_it_was_read_last(store: Store) -> None:
    reading(store)
    early, late = a_user(1, displayName="early"), a_user(1, displayName="late")
    store.reading.save_page("r1", generation=0, page=0, entries=[early, a_user(2)], read_at_ms=1, next_step={"link": 1})
    store.reading.save_page("r1", generation=0, page=1, entries=[late], read_at_ms=2, next_step=None)
    assert store.reading.find("r1", "id-000001") == late
    assert store.reading.find("r1", "id-000003") is None


def test_absent_and_null_stay_apart(store: Store) -> None:
    reading(store)
    absent = User.model_validate({"id": "a", "userPrincipalName": "a@x.example"})
    null = User.model_validate({"id": "b", "userPrincipalName": "b@x.example", "jobTitle": None, "businessPhones": ()})
    store.reading.save_page("r1", generation=0, page=0, entries=[absent, null], read_at_ms=1, next_step=None)
    ((first, _), (second, _)) = next(iter(store.reading.slices("r1")))
    assert first.model_fields_set == {"id", "user_principal_name"}
    assert second.model_fields_set == {"id", "user_principal_name", "job_title", "business_phones"}


def test_slices_hold_each_user_once_sorted_and_bounded(store: Store) -> None:
    reading(store)
    for page in range(8):
        entries = [a_user(page * 900 + number) for number in range(1000)]  # 100 of each page come again on the next
        step = {"link": "x"} if page < 7 else None
        assert store.reading.save_page("r1", generation=0, page=page, entries=entries, read_at_ms=page, next_step=step)
    slices = [[entry.id for entry, _ in one] for one in store.reading.slices("r1")]
    assert all(ids == sorted(ids) for ids in slices)
    assert max(map(len, slices)) <= 1500
    users = [user_id for ids in slices for user_id in ids]
    assert sorted(users) == [f"id-{number:06}" for number in range(7300)]


def test_small_tenant_is_one_slice(store: Store) -> None:
    reading(store)
    store.reading.save_page(
        "r1", generation=0, page=0, entries=[a_user(n) for n in range(200)], read_at_ms=1, next_step=None
    )
    assert [len(one) for one in store.reading.slices("r1")] == [200]


def test_lost_entries_are_an_error_and_not_an_empty_tenant(store: Store) -> None:
    reading(store)
    store.reading.save_page("r1", generation=0, page=0, entries=[a_user(1)], read_at_ms=1, next_step=None)
    store.connection.client.delete(store.connection.keys.run_parts("r1")["entries"])
    with pytest.raises(LookupError):
        list(store.reading.slices("r1"))


def test_restart_drops_the_pages_and_happens_once_a_generation(store: Store) -> None:
    reading(store)
    store.reading.save_page("r1", generation=0, page=0, entries=[a_user(1)], read_at_ms=1, next_step=None)
    assert store.reading.restart("r1", generation=0, mode="full") == 1
    assert store.reading.restart("r1", generation=0) is None
    run = store.runs.load_run("r1")
    assert run is not None
    assert (run.generation, run.mode) == (1, "full")
    assert store.reading.pages("r1") == 0
    assert list(store.reading.slices("r1")) == []
    assert not store.reading.begin_judging("r1")
    assert not store.reading.save_page("r1", generation=0, page=0, entries=[], read_at_ms=1, next_step=None)
    assert store.reading.save_page("r1", generation=1, page=0, entries=[], read_at_ms=1, next_step=None)
    assert store.reading.begin_judging("r1")


def test_judging_begins_only_after_the_last_page_and_ends_the_reading(store: Store) -> None:
    reading(store)
    store.reading.save_page("r1", generation=0, page=0, entries=[], read_at_ms=1, next_step={"link": "a"})
    assert not store.reading.begin_judging("r1")
    store.reading.save_page("r1", generation=0, page=1, entries=[], read_at_ms=1, next_step=None)
    assert store.reading.begin_judging("r1")
    assert store.reading.begin_judging("r1")
    assert store.reading.restart("r1", generation=0) is None
    assert not store.reading.save_page("r1", generation=0, page=2, entries=[], read_at_ms=1, next_step=None)


def test_unknown_names_come_page_by_page(store: Store) -> None:
    reading(store)
    for page, names in enumerate((["x@a.example"], [], ["y@a.example"])):
        step = {"link": "a"} if page < 2 else None
        store.reading.save_page("r1", generation=0, page=page, entries=[], unknown=names, read_at_ms=1, next_step=step)
    assert store.reading.unknown_names("r1") == ["x@a.example", "y@a.example"]
