"""One subscription per connector that wants one: made, renewed, mended and ended, whatever fails on the way."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from adapters.errors import AnswerLostError, TenantError, TransientError, WireError
from adapters.records import Subscribed
from tasks.events import subscribing
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import TENANT, Engine

URL = "https://sync.contoso.com/v1/graph/notifications"
DAY_MS = 86_400_000


@pytest.fixture
def engine(engine: Engine) -> Engine:
    engine.open_address(URL)
    return engine


def round_of_beat(engine: Engine) -> list[str]:
    """Do what beat asks for each minute; return the connectors that were cared for."""
    before = len(engine.queue.sent)
    subscribing.keep_subscriptions(engine.ports)
    sent = engine.queue.sent[before:]
    engine.work()
    return sent


def state_of(engine: Engine, connector_id: str = "contoso") -> Subscribed:
    state = engine.store.events.subscription(connector_id)
    assert state is not None
    return state


def change(engine: Engine, **facts: Any) -> None:
    """Change what the ledger holds of contoso's subscription, such as its age."""
    engine.store.events.save_subscription(state_of(engine).model_copy(update=facts))


def requested(engine: Engine) -> list[dict[str, Any]]:
    return [head for head in engine.store.reports.heads() if head["trigger"] == "event"]


# --- making and keeping ---------------------------------------------------------------------------------------------


def test_connector_is_subscribed_once(engine: Engine) -> None:
    assert round_of_beat(engine) == ["keep_subscription"]
    state = state_of(engine)
    assert list(engine.subscriptions.held) == [state.subscription_id]
    assert engine.subscriptions.held[state.subscription_id].url == URL
    assert (state.tenant_id, state.trouble) == (TENANT, "")
    assert round_of_beat(engine) == []
    assert engine.subscriptions.calls["create"] == 1


def test_each_subscription_has_a_secret_of_its_own_which_nothing_shows(
    engine: Engine, logs: list[MutableMapping[str, Any]]
) -> None:
    round_of_beat(engine)
    first = state_of(engine)
    engine.subscriptions.held.clear()
    change(engine, checked_at_ms=0)
    round_of_beat(engine)
    second = state_of(engine)
    assert first.client_state != second.client_state
    for state in (first, second):
        assert engine.subscriptions.states[state.subscription_id] == state.client_state
        assert 43 <= len(state.client_state) <= 128
        assert state.client_state not in repr(state)
        assert state.client_state not in repr(logs)


@pytest.mark.parametrize("closed", ["address", "connector"])
def test_nothing_is_subscribed_without_address_or_while_the_connector_is_off(engine: Engine, closed: str) -> None:
    if closed == "address":
        engine.open_address(None)
    else:
        engine.configure(office365_sync_enabled=False)
    assert round_of_beat(engine) == []
    assert not engine.subscriptions.calls


def test_subscription_is_renewed_at_half_of_its_life(engine: Engine) -> None:
    round_of_beat(engine)
    state = state_of(engine)
    now_ms = engine.store.runs.now_ms()
    assert state.renew_at_ms == pytest.approx(now_ms + 14 * DAY_MS, abs=60_000)
    change(engine, renew_at_ms=now_ms - 1, expires_at_ms=now_ms + 14 * DAY_MS)
    assert round_of_beat(engine) == ["keep_subscription"]
    renewed = state_of(engine)
    assert renewed.subscription_id == state.subscription_id
    assert renewed.expires_at_ms == pytest.approx(now_ms + 28 * DAY_MS, abs=60_000)
    assert renewed.renew_at_ms == pytest.approx(now_ms + 14 * DAY_MS, abs=60_000)
    assert engine.subscriptions.calls["renew"] == 1


def test_graph_is_asked_now_and_then_whether_it_still_has_it(engine: Engine) -> None:
    round_of_beat(engine)
    change(engine, checked_at_ms=0)
    round_of_beat(engine)
    assert engine.subscriptions.calls == {"fetch_all": 2, "create": 1}
    assert state_of(engine).checked_at_ms > 0


# --- ending ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["address", "off", "gone"])
def test_subscription_that_nobody_wants_is_ended(engine: Engine, end: str) -> None:
    round_of_beat(engine)
    if end == "address":
        engine.open_address(None)
    elif end == "off":
        engine.configure(office365_sync_enabled=False)
    else:
        engine.configuration.publish()
    assert round_of_beat(engine) == ["keep_subscription"]
    assert engine.subscriptions.held == {}
    assert engine.store.events.subscription("contoso") is None
    assert round_of_beat(engine) == []


def test_subscription_that_cannot_be_ended_is_forgotten_all_the_same(engine: Engine) -> None:
    round_of_beat(engine)
    subscription_id = state_of(engine).subscription_id
    engine.open_address(None)
    engine.subscriptions.fail("delete", TenantError("consent_missing", vendor="graph"))
    round_of_beat(engine)
    assert engine.store.events.subscription("contoso") is None
    assert engine.store.events.known([subscription_id]) == {}


def test_new_address_replaces_the_subscription(engine: Engine) -> None:
    round_of_beat(engine)
    old = state_of(engine).subscription_id
    engine.open_address("https://new.contoso.com/v1/graph/notifications")
    round_of_beat(engine)
    assert list(engine.subscriptions.held) == [state_of(engine).subscription_id] != [old]
    assert state_of(engine).url == "https://new.contoso.com/v1/graph/notifications"


def test_other_tenant_replaces_the_subscription(engine: Engine) -> None:
    round_of_beat(engine)
    engine.configure(tenant_id="22222222-2222-4222-8222-222222222222")
    round_of_beat(engine)
    assert state_of(engine).tenant_id == "22222222-2222-4222-8222-222222222222"
    assert len(engine.subscriptions.held) == 1


# --- crashes and companions -----------------------------------------------------------------------------------------


def test_orphan_of_our_address_is_ended_and_no_other(engine: Engine) -> None:
    foreign = engine.subscriptions.create(url="https://else.contoso.com/x", client_state="s", expires_at_ms=1)
    orphan = engine.subscriptions.create(url=URL, client_state="s", expires_at_ms=1)
    round_of_beat(engine)
    assert orphan.id not in engine.subscriptions.held
    assert set(engine.subscriptions.held) == {foreign.id, state_of(engine).subscription_id}


def test_lost_answer_leaves_one_subscription_in_the_end(engine: Engine) -> None:
    engine.subscriptions.lose_answer = AnswerLostError("timeout", vendor="graph")
    round_of_beat(engine)
    assert (state_of(engine).subscription_id, state_of(engine).trouble) == ("", "timeout")
    change(engine, retry_at_ms=0)
    round_of_beat(engine)
    assert list(engine.subscriptions.held) == [state_of(engine).subscription_id]
    assert state_of(engine).trouble == ""


def test_connectors_of_one_tenant_leave_each_other_alone(engine: Engine) -> None:
    engine.add_connector("fabrikam", FakeDirectory())
    assert round_of_beat(engine) == ["keep_subscription"] * 2
    assert {state_of(engine, name).subscription_id for name in ("contoso", "fabrikam")} == set(
        engine.subscriptions.held
    )
    assert len(engine.subscriptions.held) == 2


def test_many_new_customers_are_subscribed_some_at_a_time(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribing, "MOST_AT_ONCE", 2)
    for number in range(4):
        engine.add_connector(f"customer{number}", FakeDirectory())
    assert [len(round_of_beat(engine)) for _ in range(4)] == [2, 2, 1, 0]
    assert len(engine.subscriptions.held) == 5


def test_messages_that_come_twice_subscribe_once(engine: Engine) -> None:
    engine.queue.copies["keep_subscription"] = 3
    round_of_beat(engine)
    round_of_beat(engine)
    assert engine.subscriptions.calls["create"] == 1


def test_keeper_does_nothing_while_another_one_has_the_tenant(engine: Engine) -> None:
    owner, other = f"graph:{TENANT}", engine.living_holder()
    engine.store.events.take_turn(owner, subscribing.KEEP, holder=other, seconds=60)
    round_of_beat(engine)
    assert not engine.subscriptions.calls
    engine.store.events.leave_turn(owner, subscribing.KEEP, holder="somebody else")
    round_of_beat(engine)
    assert not engine.subscriptions.calls
    engine.store.events.leave_turn(owner, subscribing.KEEP, holder=other)
    round_of_beat(engine)
    assert engine.subscriptions.calls["create"] == 1


def test_keeper_that_died_is_replaced_at_once(engine: Engine) -> None:
    engine.store.events.take_turn(f"graph:{TENANT}", subscribing.KEEP, holder="dead/1", seconds=60)
    round_of_beat(engine)
    assert engine.subscriptions.calls["create"] == 1


# --- trouble --------------------------------------------------------------------------------------------------------


def test_missing_permission_is_one_warning_and_the_schedule_goes_on(
    engine: Engine, logs: list[MutableMapping[str, Any]]
) -> None:
    refused = TenantError("permission_missing", vendor="graph", permission="User.Read.All", status=403)
    engine.subscriptions.fail("fetch_all", refused, times=9)
    for _ in range(5):
        round_of_beat(engine)
        change(engine, retry_at_ms=0)
    warnings = [entry for entry in logs if entry["event"] == subscribing.SUBSCRIPTION_FAILING]
    assert [(entry["connector_id"], entry["log_level"]) for entry in warnings] == [("contoso", "warning")]
    assert (state_of(engine).trouble, state_of(engine).failures) == ("permission_missing", 5)
    engine.directory.add_user("ann")
    assert engine.run(sync_mode="full")["statistics"]["contacts_created"] == 1


def test_failing_attempts_come_back_ever_later(engine: Engine) -> None:
    engine.subscriptions.fail("fetch_all", TransientError("timeout", vendor="graph"), times=9)
    waits = []
    for _ in range(8):
        round_of_beat(engine)
        waits.append(round((state_of(engine).retry_at_ms - engine.store.runs.now_ms()) / 1000))
        assert round_of_beat(engine) == [], "not before its time"
        change(engine, retry_at_ms=0)
    assert waits == pytest.approx([60, 120, 240, 480, 960, 1920, 3600, 3600], abs=5)


def test_address_that_graph_cannot_reach_is_named_as_such(engine: Engine) -> None:
    error = WireError("request_refused", vendor="graph", status=400)
    error.vendor_code = "ValidationError"
    engine.subscriptions.fail("create", error)
    round_of_beat(engine)
    assert state_of(engine).trouble == "ValidationError"


# --- news of the subscription ---------------------------------------------------------------------------------------


def test_reauthorization_is_a_renewal(engine: Engine) -> None:
    round_of_beat(engine)
    engine.store.events.signal("contoso", "reauthorizationRequired")
    assert round_of_beat(engine) == ["keep_subscription"]
    assert engine.subscriptions.calls["renew"] == 1
    assert engine.store.events.signals("contoso") == {}
    assert requested(engine) == []


@pytest.mark.parametrize("how", ["told", "missed", "found out"])
def test_lost_subscription_is_made_anew_and_a_run_looks_what_was_missed(engine: Engine, how: str) -> None:
    engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    round_of_beat(engine)
    old = state_of(engine).subscription_id
    engine.directory.add_user("bob")
    if how != "missed":
        engine.subscriptions.held.clear()
    if how == "found out":
        change(engine, checked_at_ms=0)
    else:
        engine.store.events.signal("contoso", "subscriptionRemoved" if how == "told" else "missed")
    round_of_beat(engine)
    assert (state_of(engine).subscription_id == old) is (how == "missed")
    assert list(engine.subscriptions.held) == [state_of(engine).subscription_id]
    (head,) = requested(engine)
    assert engine.report(head["run_id"])["statistics"]["contacts_created"] == 1
    assert engine.store.events.signals("contoso") == {}


def test_runs_for_what_was_missed_are_bounded(engine: Engine) -> None:
    round_of_beat(engine)
    for _ in range(4):
        engine.store.events.signal("contoso", "missed")
        round_of_beat(engine)
    assert len(requested(engine)) == 1
    assert set(engine.store.events.signals("contoso")) == {subscribing.CATCH_UP}, "the last one waits for its time"
    change(engine, caught_up_at_ms=0)
    round_of_beat(engine)
    assert len(requested(engine)) == 2
    assert engine.store.events.signals("contoso") == {}


def test_run_for_what_was_missed_waits_for_one_that_is_going_on(engine: Engine) -> None:
    engine.directory.add_user("ann")
    round_of_beat(engine)
    engine.request(sync_mode="full")
    engine.work(until="judge")
    waiting = list(engine.queue.waiting)
    engine.queue.waiting.clear()
    engine.store.events.signal("contoso", "missed")
    round_of_beat(engine)
    assert [run.trigger for run in engine.store.reports.open_runs()] == ["cli"]
    engine.queue.waiting.extend(waiting)
    engine.work()
    round_of_beat(engine)
    assert len(requested(engine)) == 1


def test_news_that_comes_while_older_news_is_dealt_with_is_kept(engine: Engine) -> None:
    engine.store.events.signal("contoso", "missed")
    (at_ms,) = engine.store.events.signals("contoso").values()
    engine.pass_time(0.01)
    assert engine.store.events.signal("contoso", "missed") is False
    engine.store.events.clear_signal("contoso", "missed", at_ms=at_ms)
    assert set(engine.store.events.signals("contoso")) == {"missed"}
