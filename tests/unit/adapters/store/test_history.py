"""What is kept of a user's past: at most ten events, each put down in the step that records the outcome."""

from collections.abc import Callable

from adapters.records import HistoryEvent, Outcome
from adapters.store import Store
from tests.unit.adapters.store.making import (
    HOME,
    a_plan,
    all_keys,
    an_intent,
    begun,
    created,
    failed,
    frozen,
    judging,
    writing,
)

USER = "id-000000"


def past(store: Store, user_id: str = USER) -> list[tuple[str, str, str, int]]:
    return [(each.kind, each.detail, each.run_id, each.times) for each in store.memory.history(HOME, user_id)]


def updated(*fields: str) -> Outcome:
    row = {"office365_id": USER, "status": "updated", "changed_fields": list(fields)}
    return created(a_plan(0), status="updated", row=row)


def judged(store: Store, run_id: str, *outcomes: Outcome, dry_run: bool = False) -> None:
    """Record outcomes that need no write, as the judge does."""
    holder = judging(store, run_id, dry_run=dry_run)
    store.plan.add(run_id, holder=holder, planned=[], outcomes=outcomes)


def written(store: Store, run_id: str, outcome: Outcome) -> None:
    """Record one user's outcome, as the task that wrote does."""
    frozen(store, run_id, count=1)
    _, grant = begun(store, USER, run_id)
    store.users.record(grant, run_id, outcome)


def test_events_are_kept_in_their_order_with_run_and_time(store: Store) -> None:
    before_ms = store.runs.now_ms()
    row = {"office365_id": USER, "psa_contact_id": "77"}
    written(store, "r1", created(a_plan(0), row=row))
    written(store, "r2", updated("phone", "job_title"))
    written(store, "r3", created(a_plan(0), status="updated", row={**row, "deactivated": True}))
    assert past(store) == [
        ("created", "77", "r1", 1),
        ("updated", "phone,job_title", "r2", 1),
        ("deactivated", "77", "r3", 1),
    ]
    first = store.memory.history(HOME, USER)[0]
    assert before_ms - 1000 <= first.at_ms == first.since_ms <= store.runs.now_ms() + 1000
    assert store.memory.history(HOME, "somebody") == ()


def test_user_that_is_right_already_leaves_nothing(store: Store) -> None:
    warned = Outcome(user_id=USER, status="skipped", warnings=({"code": "ManualEdit"},))
    judged(store, "r1", warned, Outcome(user_id="id-000001", status="skipped"))
    written(store, "r2", Outcome(user_id=USER, status="skipped"))
    written(store, "r3", Outcome(user_id=USER, status="unprocessed", row={"office365_id": USER}))
    assert not any(key.startswith("history") for key in all_keys(store))


def test_only_the_last_ten_are_kept(store: Store) -> None:
    for number in range(12):
        written(store, f"r{number}", updated(f"field{number}"))
    assert [detail for _, detail, _, _ in past(store)] == [f"field{number}" for number in range(2, 12)]


def test_same_refusal_in_run_after_run_is_one_event_that_counts(store: Store) -> None:
    written(store, "r0", updated("phone"))
    for number in range(1, 4):
        judged(store, f"r{number}", failed(USER))
    assert past(store) == [("updated", "phone", "r0", 1), ("error", "ContactCreationFailed", "r3", 3)]
    last = store.memory.history(HOME, USER)[-1]
    assert last.since_ms <= last.at_ms
    written(store, "r4", updated("phone"))
    written(store, "r5", updated("phone"))
    assert [kind for kind, *_ in past(store)] == ["updated", "error", "updated", "updated"]


def test_held_change_is_an_event(store: Store) -> None:
    judged(store, "r1", Outcome(user_id=USER, status="unprocessed", row={"office365_id": USER}))
    assert past(store) == [("held", "", "r1", 1)]


def test_dry_run_leaves_no_event(store: Store) -> None:
    judged(store, "r1", failed(USER), updated("phone"), dry_run=True)
    assert past(store) == []


def test_judging_that_begins_anew_replaces_what_it_put_down(store: Store) -> None:
    judged(store, "r0", failed(USER))
    holder = judging(store, "r1")
    for outcome in (failed(USER), failed(USER), failed(USER).model_copy(update={"row": {"code": "MissingCompanyID"}})):
        assert store.plan.reset("r1", holder=holder)
        store.plan.add("r1", holder=holder, planned=[], outcomes=[outcome])
    assert past(store)[-1] == ("error", "MissingCompanyID", "r1", 1)
    assert len([run_id for _, _, run_id, _ in past(store) if run_id == "r1"]) == 1


def test_outcome_that_is_recorded_twice_is_one_event(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, USER)
    assert store.users.record(grant, "r1", created(a_plan(0)))
    assert not store.users.record(grant, "r1", created(a_plan(0)))
    assert [kind for kind, *_ in past(store)] == ["created"]


def test_lost_answer_that_another_run_clears_up_counts_once_and_under_the_run_that_wrote(store: Store) -> None:
    frozen(store, "r1", count=1)
    planned, grant = begun(store, USER, "r1")
    intent = an_intent(planned, store)
    assert store.users.store_intent(grant, intent)
    store.users.record(grant, "r1", failed(USER), keep_intent=True)
    assert store.runs.close("r1", head={}, watermark=None)
    frozen(store, "r2", count=1)
    _, later = begun(store, USER, "r2")
    assert later.intent == intent
    for _ in range(2):  # the answer of the first may be lost
        store.users.settle(later, intent, created(planned))
    assert [(kind, run_id) for kind, _, run_id, _ in past(store)] == [("error", "r1"), ("created", "r1")]


def test_lost_answer_that_is_cleared_up_while_the_run_goes_on_counts_once(store: Store) -> None:
    writing(store, "r1", plans=[a_plan(0)])
    store.plan.freeze_batch("main", lane="bulk", size=1, window=10)
    planned, grant = begun(store, USER, "r1")
    intent = an_intent(planned, store)
    assert store.users.store_intent(grant, intent)
    store.users.postpone(grant, "r1", wait_s=0, keep_intent=True)
    _, again = begun(store, USER, "r1")
    store.users.settle(again, intent, created(planned))
    store.users.record(again, "r1", created(planned))
    assert [kind for kind, *_ in past(store)] == ["created"]


def test_events_go_with_a_user_that_is_gone_and_has_no_link(store: Store, opened: Callable[..., Store]) -> None:
    written(store, "r1", created(a_plan(0)))
    judged(store, "r2", failed("id-000001"))
    opened().memory.forget_history(HOME, [USER, "id-000001"])
    assert isinstance(store.memory.history(HOME, USER)[0], HistoryEvent)
    assert store.memory.history(HOME, "id-000001") == ()
