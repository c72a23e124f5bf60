"""Polls: an empty answer opens no run and moves nothing; a non-empty one asks for an incremental run, never two."""

import itertools

import pytest

from adapters.errors import ResyncError, TenantError, TransientError
from tasks import polling
from tasks.dispatching import dispatch_due
from tasks.polling import is_due, poll_delta
from tests.fakes.engine import Engine, make_connector

EVERY_S = 900.0


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """A connector that has had its first run, whose poll is due."""
    engine.configure(poll_every_s=EVERY_S)
    engine.directory.add_users(2)
    engine.run(sync_mode="full")
    engine.run()
    return engine


def polled(engine: Engine) -> list[str]:
    """Poll at the next moment of the grid; return what the runs that were asked for became."""
    now_ms = engine.store.runs.now_ms()
    engine.store.events.mark_poll("contoso", at_ms=now_ms - round(EVERY_S * 1000))
    before = len(engine.store.reports.heads())
    poll_delta(engine.ports, "contoso")
    engine.work()
    return [head["trigger"] for head in engine.store.reports.heads()[: len(engine.store.reports.heads()) - before]]


def test_empty_answer_opens_no_run_and_moves_nothing(engine: Engine) -> None:
    before = engine.watermark
    assert polled(engine) == []
    assert engine.watermark == before
    assert "start_run" not in engine.queue.sent[-1:]
    assert engine.store.reports.open_runs() == []


def test_changes_are_taken_by_one_incremental_run(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    assert polled(engine) == ["poll"]
    report = engine.report(engine.store.reports.heads()[0]["run_id"])
    assert report["sync_mode"] == "incremental"
    assert [row["office365_id"] for row in report["created_contacts"]] == [user.id]
    assert polled(engine) == []


def test_empty_page_before_a_change_is_not_the_end(engine: Engine) -> None:
    engine.directory.page_size = 1
    engine.directory.blank_pages = True
    engine.directory.add_users(3)
    assert polled(engine) == ["poll"]


def test_user_that_was_deleted_is_a_change(engine: Engine) -> None:
    engine.directory.delete_user(next(iter(engine.directory.users)))
    assert polled(engine) == ["poll"]


def test_nothing_is_asked_while_a_run_over_the_tenant_goes_on(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.request()
    engine.work(until="judge")
    before = engine.directory.calls["fetch_delta"]
    engine.store.events.mark_poll("contoso", at_ms=0)
    poll_delta(engine.ports, "contoso")
    assert engine.directory.calls["fetch_delta"] == before
    assert len(engine.store.reports.open_runs()) == 1


def test_nothing_is_asked_while_a_run_over_the_tenant_waits_for_its_turn(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.request(user_principal_names=["ann@contoso.com"])
    assert engine.store.events.busy_with("contoso") == set(), "a run for single users is none over the tenant"
    engine.request()
    engine.queue.waiting.clear()
    assert engine.store.events.busy_with("contoso") == {"cli"}
    assert engine.store.events.busy_with("contos") == set()
    engine.store.events.mark_poll("contoso", at_ms=0)
    before = engine.directory.calls["fetch_delta"]
    poll_delta(engine.ports, "contoso")
    assert engine.directory.calls["fetch_delta"] == before


def test_two_polls_at_once_are_one(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.store.events.mark_poll("contoso", at_ms=0)
    other = engine.living_holder()
    engine.store.events.take_turn("contoso", polling.POLL, holder=other, seconds=60)
    poll_delta(engine.ports, "contoso")
    assert engine.store.events.last_poll("contoso") == 0
    engine.store.events.leave_turn("contoso", polling.POLL, holder=other)
    for _ in range(3):
        poll_delta(engine.ports, "contoso")
    engine.work()
    assert [head["trigger"] for head in engine.store.reports.heads()].count("poll") == 1


def test_connector_that_is_off_or_gone_is_not_polled(engine: Engine) -> None:
    engine.configure(office365_sync_enabled=False)
    engine.store.events.mark_poll("contoso", at_ms=0)
    before = engine.directory.calls["fetch_delta"]
    dispatch_due(engine.ports)
    poll_delta(engine.ports, "contoso")
    engine.configuration.publish()
    poll_delta(engine.ports, "contoso")
    assert engine.directory.calls["fetch_delta"] == before
    assert engine.queue.sent.count("poll_delta") == 0


@pytest.mark.parametrize(
    "error", [TenantError("consent_missing", vendor="graph"), TransientError("timeout", vendor="graph")]
)
def test_tenant_that_cannot_be_asked_makes_no_noise(engine: Engine, error: TenantError | TransientError) -> None:
    engine.directory.fail("fetch_delta", error)
    engine.directory.add_user("ann")
    assert polled(engine) == []
    assert polled(engine) == ["poll"]


def test_store_that_is_away_is_waited_for(engine: Engine) -> None:
    engine.directory.fail("fetch_delta", TransientError("unreachable", vendor="store"))
    engine.store.events.mark_poll("contoso", at_ms=0)
    with pytest.raises(TransientError):
        poll_delta(engine.ports, "contoso")
    assert engine.store.events.last_poll("contoso") == 0


@pytest.mark.parametrize("why", ["dead", "none", "configuration"])
def test_without_a_usable_delta_link_a_full_run_is_asked_for_once_a_day(engine: Engine, why: str) -> None:
    if why == "dead":
        engine.directory.fail("fetch_delta", ResyncError("delta_link_dead", vendor="graph"), times=2)
    elif why == "none":
        engine.store.connection.client.delete(engine.store.connection.keys.watermarks)
    else:
        engine.configure(fingerprint="f2")
    assert polled(engine) == ["poll"]
    assert engine.report(engine.store.reports.heads()[0]["run_id"])["sync_mode"] == "full"
    engine.store.connection.client.delete(engine.store.connection.keys.watermarks)
    assert polled(engine) == []


def test_poll_that_dies_before_its_mark_asks_for_the_same_run_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.directory.add_user("ann")
    engine.store.events.mark_poll("contoso", at_ms=0)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine.store.events, "mark_poll", die)
        with pytest.raises(KeyboardInterrupt):
            poll_delta(engine.ports, "contoso")
    engine.work()
    poll_delta(engine.ports, "contoso")
    engine.work()
    assert [head["trigger"] for head in engine.store.reports.heads()].count("poll") == 1


# --- when -------------------------------------------------------------------------------------------------------------


def test_due_poll_is_published_until_it_is_made(engine: Engine) -> None:
    engine.store.events.mark_poll("contoso", at_ms=0)
    engine.queue.lose["poll_delta"] = 1
    for _ in range(3):
        dispatch_due(engine.ports)
        engine.work()
    assert engine.queue.sent.count("poll_delta") == 2


def test_each_moment_of_the_grid_is_due_once() -> None:
    connector = make_connector(poll_every_s=60.0)
    now_ms = 1_800_000_000_000
    assert is_due(connector, last_ms=None, now_ms=now_ms)
    last_ms, polls = now_ms, []
    for second in range(1, 601):
        at_ms = now_ms + second * 1000
        if is_due(connector, last_ms=last_ms, now_ms=at_ms):
            last_ms = at_ms
            polls.append(second)
    assert len(polls) == 10
    assert {later - earlier for earlier, later in itertools.pairwise(polls)} == {60}


def test_connectors_are_spread_over_the_interval_even_after_a_standstill() -> None:
    names = [f"customer-{number}" for number in range(200)]
    connectors = [make_connector(name, poll_every_s=EVERY_S) for name in names]
    start_ms = 1_800_000_000_000
    last = dict.fromkeys(names, start_ms)
    busiest = 0
    for minute in range(1, 16):
        now_ms = start_ms + minute * 60_000
        due = [each.connector_id for each in connectors if is_due(each, last_ms=last[each.connector_id], now_ms=now_ms)]
        last |= dict.fromkeys(due, now_ms)
        busiest = max(busiest, len(due))
    assert all(at_ms > start_ms for at_ms in last.values())
    assert busiest < 40


def test_connector_without_an_interval_is_never_due() -> None:
    assert not is_due(make_connector(), last_ms=None, now_ms=1)


# --- beside the schedule --------------------------------------------------------------------------------------------


def test_scheduled_run_waits_for_one_that_a_poll_asked_for(engine: Engine) -> None:
    engine.configure(schedule="* * * * *")
    engine.directory.add_user("ann")
    engine.store.events.mark_poll("contoso", at_ms=0)
    engine.store.memory.see_connector("contoso", at_ms=engine.store.runs.now_ms() - 120_000)
    poll_delta(engine.ports, "contoso")
    dispatch_due(engine.ports)
    assert [run.trigger for run in engine.store.reports.open_runs()] == ["poll"]
    engine.work()
    dispatch_due(engine.ports)
    engine.work()
    newest = engine.store.reports.heads()[0]
    assert (newest["trigger"], newest["success"]) == ("schedule", True)
