"""One user's write: lease, claims, intent, outcome."""

import time
from collections.abc import Callable

import pytest

from adapters.records import Claim, Grant, Link, Outcome
from adapters.store import Store, StoreTiming
from tests.unit.adapters.store.making import (
    HOME,
    a_plan,
    all_keys,
    an_intent,
    begun,
    created,
    failed,
    frozen,
    reading,
    writing,
)

USER = "id-000000"


def claim(
    store: Store, grant: Grant, *addresses: str, contact_id: str | None = None, company_id: str = "250"
) -> Claim | None:
    return store.users.claim(grant, instance="main", company_id=company_id, addresses=addresses, contact_id=contact_id)


def claimed(store: Store, grant: Grant, *addresses: str) -> Claim:
    answer = claim(store, grant, *addresses)
    assert answer is not None
    return answer


def test_grant_brings_the_plan_and_a_growing_fence(store: Store) -> None:
    batch = frozen(store, count=2)
    grants = [begun(store, member.user_id) for member in batch.members]
    assert [planned for planned, _ in grants] == [a_plan(0), a_plan(1)]
    assert grants[0][1].fence < grants[1][1].fence
    assert grants[0][1].home == HOME
    assert not grants[0][1].suspect


def test_user_in_work_is_asked_for_again_soon(store: Store) -> None:
    frozen(store, count=1)
    begun(store, USER)
    wait_s = store.users.begin("r1", USER, holder=store.presence.new_holder())
    assert isinstance(wait_s, float)
    assert 1.0 <= wait_s <= 2.0


def test_unfrozen_unknown_and_finished_users_are_left_alone(store: Store) -> None:
    holder = store.presence.new_holder()
    assert store.users.begin("r1", USER, holder=holder) is None
    writing(store, plans=[a_plan(0)])
    assert store.users.begin("r1", USER, holder=holder) is None
    store.plan.freeze_batch("main", lane="bulk", size=1, window=1)
    _, grant = begun(store, USER)
    assert store.users.record(grant, "r1", failed(USER))
    assert store.users.begin("r1", USER, holder=holder) is None


def test_outcome_counts_once_and_frees_the_window(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, USER)
    assert store.users.record(grant, "r1", created(a_plan(0)))
    assert not store.users.record(grant, "r1", created(a_plan(0)))
    assert store.plan.counts("r1")["created"] == 1
    lane = store.connection.client.hgetall(store.connection.keys.lane("main", "bulk"))
    assert lane[b"pending"] == b"0"
    assert store.plan.is_complete("r1")


def test_recorded_link_names_contact_and_owner(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, USER)
    link = Link(contact_id="77", company_id="250", fingerprint="abc", read_at_ms=1000, written={"phone": "1"})
    store.users.record(grant, "r1", created(a_plan(0), link=link))
    assert store.memory.links(HOME, [USER, "other"]) == {USER: link}
    assert store.memory.owners(HOME, ["77", "78"]) == {"77": f"tenant-1/{USER}"}


def test_link_without_a_home_is_an_error_and_not_a_loss(store: Store) -> None:
    frozen(store, count=1)
    _, grant = begun(store, USER)
    with pytest.raises(ValueError, match="home"):
        store.users.record(grant.model_copy(update={"home": ""}), "r1", created(a_plan(0)))


def test_stale_grant_changes_nothing(opened: Callable[..., Store], hasty: StoreTiming) -> None:
    ours, theirs = opened(), opened(hasty)
    frozen(ours, count=1)
    planned, stale = begun(theirs, USER)
    claim(theirs, stale, "x@a.example")
    time.sleep(hasty.dead_s)
    _, grant = begun(ours, USER)
    assert grant.fence > stale.fence
    assert grant.attempts == 2
    assert grant.first_tried_at_ms == stale.first_tried_at_ms
    intent = an_intent(planned, ours)
    assert ours.users.store_intent(grant, intent)
    before = all_keys(ours)
    theirs.presence.beat()
    assert not theirs.users.store_intent(stale, an_intent(planned, theirs, write_s=1))
    assert not claim(theirs, stale, "y@a.example")
    assert not theirs.users.record(stale, "r1", failed(USER))
    theirs.users.settle(stale, intent, created(planned))
    theirs.users.clear_intent(stale)
    theirs.users.postpone(stale, "r1", wait_s=0)
    assert all_keys(ours) == before
    assert ours.memory.links(HOME, [USER]) == {}
    assert ours.plan.counts("r1")["error"] == 0
    assert ours.users.record(grant, "r1", created(planned))


def test_intent_of_a_dead_holder_comes_with_the_grant(opened: Callable[..., Store], hasty: StoreTiming) -> None:
    ours, theirs = opened(), opened(hasty)
    frozen(ours, count=1)
    planned, stale = begun(theirs, USER)
    intent = an_intent(planned, theirs)
    assert theirs.users.store_intent(stale, intent)
    time.sleep(hasty.dead_s)
    _, grant = begun(ours, USER)
    assert grant.intent == intent
    ours.users.clear_intent(grant)
    ours.users.postpone(grant, "r1", wait_s=0)
    assert begun(ours, USER)[1].intent is None


def test_lost_writes_are_counted_until_the_user_has_an_outcome(store: Store) -> None:
    frozen(store, "r1", count=1)
    planned, grant = begun(store, USER)
    assert grant.lost == 0
    store.users.store_intent(grant, an_intent(planned, store))
    store.users.clear_intent(grant, lost=1)
    store.users.store_intent(grant, an_intent(planned, store))
    store.users.postpone(grant, "r1", wait_s=0, keep_intent=True)
    _, grant = begun(store, USER)
    assert (grant.lost, grant.intent is not None) == (1, True)
    store.users.postpone(grant, "r1", wait_s=0)
    _, grant = begun(store, USER)
    assert (grant.lost, grant.intent) == (1, None)
    store.users.record(grant, "r1", failed(USER))
    assert not any(key.startswith("intent") for key in all_keys(store))


def test_lost_writes_of_a_stopped_run_are_forgotten_with_it(store: Store) -> None:
    frozen(store, "r1", count=1)
    _, grant = begun(store, USER)
    store.users.clear_intent(grant, lost=1)
    store.users.postpone(grant, "r1", wait_s=0)
    store.runs.stop("r1", reason="cancelled", error=None)
    assert store.users.begin("r1", USER, holder=store.presence.new_holder()) is None
    assert not any(key.startswith("intent") for key in all_keys(store))


def test_intent_that_its_run_left_unresolved_is_forgotten_after_a_week(store: Store) -> None:
    frozen(store, "r1", count=1)
    planned, grant = begun(store, USER)
    key = store.connection.keys.intent("contoso", USER)
    store.users.store_intent(grant, an_intent(planned, store))
    assert store.connection.client.ttl(key) == -1, "no intent runs out while its run goes on"
    store.users.record(grant, "r1", failed(USER), keep_intent=True)
    assert 6.9 * 86400 < store.connection.client.ttl(key) <= 7 * 86400
    frozen(store, "r2", count=1, lane="targeted")
    planned, grant = begun(store, USER, "r2")
    store.users.store_intent(grant, an_intent(planned, store, run_id="r2"))
    assert store.connection.client.ttl(key) == -1


def test_intent_outlives_its_run_and_is_settled_by_the_next(store: Store) -> None:
    frozen(store, "r1", count=1)
    planned, grant = begun(store, USER, "r1")
    intent = an_intent(planned, store, run_id="r1")
    store.users.store_intent(grant, intent)
    assert store.users.record(grant, "r1", failed(USER), keep_intent=True)
    assert store.runs.close("r1", head={}, watermark=None)
    frozen(store, "r2", count=1)
    before = {key for key in all_keys(store) if "r1" in key}
    _, grant = begun(store, USER, "r2")
    assert grant.intent == intent
    store.users.settle(grant, intent, created(planned))
    assert store.memory.links(HOME, [USER])[USER].contact_id == f"c{USER}"
    assert {key for key in all_keys(store) if "r1" in key} == before
    assert store.users.record(grant, "r2", Outcome(user_id=USER, status="skipped"))
    assert store.runs.close("r2", head={}, watermark=None)
    assert store.memory.unfinished("contoso") == {}


def test_intent_of_another_open_run_is_settled_there(store: Store) -> None:
    frozen(store, "r1", count=1)
    planned, grant = begun(store, USER, "r1")
    intent = an_intent(planned, store, run_id="r1")
    store.users.store_intent(grant, intent)
    store.users.postpone(grant, "r1", wait_s=1, keep_intent=True)
    frozen(store, "r2", count=1, lane="targeted")
    _, grant = begun(store, USER, "r2")
    store.users.settle(grant, intent, created(planned))
    assert store.plan.is_complete("r1")
    assert store.plan.counts("r1")["created"] == 1
    assert not store.plan.is_complete("r2")
    assert store.users.begin("r1", USER, holder=store.presence.new_holder()) is None


def test_process_with_a_stale_heartbeat_may_not_announce_a_write(
    opened: Callable[..., Store], hasty: StoreTiming
) -> None:
    ours, theirs = opened(), opened(hasty)
    frozen(ours, count=1)
    planned, grant = begun(theirs, USER)
    time.sleep(hasty.dead_s)
    assert not theirs.users.store_intent(grant, an_intent(planned, theirs))
    theirs.presence.beat()
    assert isinstance(ours.users.begin("r1", USER, holder=ours.presence.new_holder()), tuple)


def test_process_that_was_taken_for_dead_beats_before_it_takes_a_user(
    opened: Callable[..., Store], hasty: StoreTiming
) -> None:
    store = opened(hasty)
    frozen(store, count=1)
    time.sleep(hasty.dead_s)
    assert isinstance(store.users.begin("r1", USER, holder=store.presence.new_holder()), float)
    store.presence.beat()
    begun(store, USER)


def test_lease_runs_out_even_if_its_process_lives(opened: Callable[..., Store]) -> None:
    store = opened(StoreTiming(lease_s=0.2))
    frozen(store, count=1)
    _, first = begun(store, USER)
    time.sleep(0.25)
    _, second = begun(store, USER)
    assert second.fence > first.fence
    assert not store.users.record(first, "r1", failed(USER))


def test_postponed_user_keeps_attempts_and_first_try(store: Store) -> None:
    frozen(store, count=1)
    _, first = begun(store, USER)
    store.users.postpone(first, "r1", wait_s=1)
    _, second = begun(store, USER)
    assert (second.attempts, second.first_tried_at_ms) == (2, first.first_tried_at_ms)


def test_stopping_run_leaves_users_unprocessed_but_for_an_unresolved_intent(store: Store) -> None:
    frozen(store, count=2)
    planned, grant = begun(store, USER)
    store.users.store_intent(grant, an_intent(planned, store))
    store.users.postpone(grant, "r1", wait_s=1, keep_intent=True)
    store.runs.stop("r1", reason="cancelled", error=None)
    assert store.users.begin("r1", "id-000001", holder=store.presence.new_holder()) is None
    assert store.plan.counts("r1")["unprocessed"] == 1
    _, grant = begun(store, USER)
    assert grant.intent is not None
    store.users.record(grant, "r1", created(planned))
    assert store.plan.summarize_batch("r1", "b0001") == "last"


def test_two_users_cannot_claim_one_address_or_contact(store: Store) -> None:
    frozen(store, count=3)
    grants = [begun(store, f"id-{number:06}")[1] for number in range(3)]
    assert claim(store, grants[0], "a@x.example", "b@x.example", contact_id="7")
    assert not claim(store, grants[1], "c@x.example", "b@x.example")
    assert claim(store, grants[2], "c@x.example"), "a claim that failed leaves nothing behind"
    assert not claim(store, grants[1], contact_id="7")
    assert claim(store, grants[1], "a@x.example", company_id="other")
    assert claim(store, grants[0], "a@x.example", "d@x.example"), "a repeat adds"
    store.users.record(grants[0], "r1", failed(USER))
    assert claim(store, grants[1], "a@x.example", "b@x.example", "d@x.example", contact_id="7")


def test_claims_meet_across_connectors_of_one_company(store: Store) -> None:
    frozen(store, "r1", count=1)
    frozen(store, "r2", count=1, connector_id="fabrikam")
    _, ours = begun(store, USER, "r1")
    _, theirs = begun(store, USER, "r2")
    assert claim(store, ours, "a@x.example")
    assert not claim(store, theirs, "a@x.example")
    store.users.postpone(ours, "r1", wait_s=1)
    assert claim(store, theirs, "a@x.example")


def test_claim_of_a_dead_holder_is_taken_over_unless_its_write_is_unresolved(
    opened: Callable[..., Store], hasty: StoreTiming
) -> None:
    ours, theirs = opened(), opened(hasty)
    frozen(ours, count=3)
    _, idle = begun(theirs, "id-000000")
    planned, writer = begun(theirs, "id-000001")
    assert claim(theirs, idle, "a@x.example")
    assert claim(theirs, writer, "b@x.example")
    assert theirs.users.store_intent(writer, an_intent(planned, theirs))
    time.sleep(hasty.dead_s)
    _, grant = begun(ours, "id-000002")
    assert claim(ours, grant, "a@x.example")
    assert not claim(ours, grant, "b@x.example")
    _, resolver = begun(ours, "id-000001")
    assert not claim(ours, grant, "b@x.example"), "taken over, but not resolved"
    ours.users.record(resolver, "r1", created(planned))
    assert claim(ours, grant, "b@x.example")


def test_lost_answer_keeps_its_claims_until_it_is_resolved(store: Store) -> None:
    frozen(store, count=2)
    planned, writer = begun(store, "id-000000")
    claim(store, writer, "b@x.example")
    store.users.store_intent(writer, an_intent(planned, store))
    store.users.postpone(writer, "r1", wait_s=1, keep_intent=True)
    _, grant = begun(store, "id-000001")
    assert not claim(store, grant, "b@x.example")
    _, resolver = begun(store, "id-000000")
    store.users.clear_intent(resolver)
    assert claim(store, grant, "b@x.example")


def test_write_under_an_address_is_remembered_for_others_that_looked_before(store: Store) -> None:
    frozen(store, count=2)
    looked_at_ms = store.runs.now_ms()
    planned, writer = begun(store, "id-000000")
    assert claimed(store, writer, "b@x.example").others_wrote_at_ms == 0
    store.users.store_intent(writer, an_intent(planned, store))
    assert claimed(store, writer, "b@x.example").others_wrote_at_ms == 0, "our own write is no surprise"
    store.users.record(writer, "r1", created(planned))
    _, grant = begun(store, "id-000001")
    assert claimed(store, grant, "other@x.example").others_wrote_at_ms == 0
    assert looked_at_ms <= claimed(store, grant, "b@x.example").others_wrote_at_ms <= store.runs.now_ms()


def test_claim_tells_the_time_and_what_was_applied_to_the_user_last(store: Store) -> None:
    frozen(store, count=2)
    _, grant = begun(store, USER)
    before_ms = store.runs.now_ms()
    claim_now = claimed(store, grant, "a@x.example")
    assert before_ms <= claim_now.at_ms <= store.runs.now_ms()
    assert claim_now.applied_read_at_ms is None
    store.memory.save_links(HOME, {USER: Link(contact_id="7", company_id="250", read_at_ms=1234)})
    assert claimed(store, grant, "a@x.example").applied_read_at_ms == 1234
    _, other = begun(store, "id-000001")
    assert claimed(store, other, "b@x.example").applied_read_at_ms is None


def test_newer_read_wins_over_an_older_link(store: Store) -> None:
    newer = Link(contact_id="2", company_id="250", read_at_ms=2000)
    store.memory.save_links(HOME, {USER: newer})
    frozen(store, count=1)
    _, grant = begun(store, USER)
    store.users.record(grant, "r1", created(a_plan(0), link=Link(contact_id="1", company_id="250", read_at_ms=1000)))
    assert store.memory.links(HOME, [USER]) == {USER: newer}
    assert store.memory.owners(HOME, ["1", "2"]) == {"2": f"tenant-1/{USER}"}


def test_begin_of_a_run_that_is_not_writing_is_none(store: Store) -> None:
    reading(store)
    assert store.users.begin("r1", USER, holder=store.presence.new_holder()) is None
