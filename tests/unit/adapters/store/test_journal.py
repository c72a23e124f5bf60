"""The journal of a run: an entry with each outcome of a write, kept beyond run and report, and purged by itself."""

from typing import Any

from adapters.records import Outcome
from adapters.store import Store
from tests.unit.adapters.store.making import a_plan, all_keys, an_intent, begun, created, failed, frozen

DAY_MS = 86_400_000


def entry(number: int) -> dict[str, Any]:
    return {"office365_id": f"id-{number:06}", "operation": "create", "changes": {"phone": [None, str(number)]}}


def write(store: Store, number: int) -> None:
    """Record the creation of one frozen user's contact."""
    _, grant = begun(store, f"id-{number:06}")
    assert store.users.record(grant, "r1", created(a_plan(number), journal=entry(number)))


def test_entries_are_kept_with_the_outcomes_of_writes_and_outlive_run_and_report(store: Store) -> None:
    frozen(store, count=3)
    for number in range(2):
        write(store, number)
    _, grant = begun(store, "id-000002")
    assert store.users.record(grant, "r1", failed("id-000002"))
    assert store.runs.close("r1", head={}, watermark=None)
    assert store.reports.purge(older_than_ms=store.runs.now_ms() + 1) == 1
    assert list(store.journal.entries("r1")) == [entry(0), entry(1)]
    assert store.journal.is_kept("r1")


def test_grant_that_is_stale_keeps_nothing(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, "id-000000")
    stale = grant.model_copy(update={"fence": grant.fence - 1})
    assert not store.users.record(stale, "r1", created(a_plan(0), journal=entry(0)))
    assert store.users.record(grant, "r1", created(a_plan(0), journal=entry(0)))
    assert not store.users.record(grant, "r1", created(a_plan(0), journal=entry(0))), "the lease was given back"
    assert list(store.journal.entries("r1")) == [entry(0)]


def test_write_that_another_run_settles_stands_in_the_journal_of_its_own_closed_run(store: Store) -> None:
    frozen(store, "r1", count=1)
    planned, grant = begun(store, "id-000000", "r1")
    intent = an_intent(planned, store)
    assert store.users.store_intent(grant, intent)
    assert store.users.record(grant, "r1", failed("id-000000"), keep_intent=True)
    assert store.runs.close("r1", head={}, watermark=None)
    frozen(store, "r2", count=1)
    _, grant = begun(store, "id-000000", "r2")
    assert grant.intent is not None
    store.users.settle(grant, grant.intent, created(planned, journal=entry(0)))
    assert store.users.record(grant, "r2", Outcome(user_id="id-000000", status="skipped"))
    assert list(store.journal.entries("r1")) == [entry(0)]
    assert not store.journal.is_kept("r2"), "it wrote nothing"


def test_long_journal_is_sealed_in_chunks_and_read_as_it_came(store: Store) -> None:
    users = 1100
    batch = frozen(store, count=users)
    for number in range(users):
        if number % 200 == 0:
            store.presence.beat()
        write(store, number)
    store.plan.summarize_batch("r1", batch.batch_id)
    parts = store.connection.keys.journal_parts("r1")
    assert store.connection.client.llen(parts["journal_chunks"]) >= 2
    assert store.connection.client.llen(parts["journal"]) < 500
    assert list(store.journal.entries("r1")) == [entry(number) for number in range(users)]


def test_purge_forgets_old_journals_whole_and_no_younger_ones(store: Store) -> None:
    frozen(store, count=1)
    write(store, 0)
    now_ms = store.runs.now_ms()
    assert store.journal.purge(older_than_ms=now_ms - DAY_MS) == 0
    assert store.journal.is_kept("r1")
    assert store.journal.purge(older_than_ms=now_ms + DAY_MS) == 1
    assert not store.journal.is_kept("r1")
    assert not [key for key in all_keys(store) if key.startswith("journal")]
