"""From a notification to the contact: what is noted, coalesced, taken and written, whatever gets lost on the way."""

import contextlib
import threading
from typing import Any

import pytest

from adapters.errors import TransientError
from adapters.records import Notification, Subscribed, User
from tasks import reconciling
from tasks.events import receiving, taking
from tasks.events.receiving import receive
from tests.fakes.engine import TENANT, Engine
from tests.fakes.mortal import Death, Installations

SUBSCRIPTION = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"
SECRET = "the-client-state"


@pytest.fixture
def engine(engine: Engine) -> Engine:
    engine.approve()
    engine.with_timing(event_window_s=0.02)
    engine.store.events.save_subscription(
        Subscribed(
            connector_id="contoso",
            tenant_id=TENANT,
            config_version=1,
            url="https://sync.contoso.com/v1/graph/notifications",
            subscription_id=SUBSCRIPTION,
            client_state=SECRET,
        )
    )
    return engine


def changed(*users: User | str, **told: Any) -> list[Notification]:
    ours = {"subscription_id": SUBSCRIPTION, "client_state": SECRET, "tenant_id": TENANT}
    ids = [user if isinstance(user, str) else user.id for user in users]
    return [Notification.model_validate({**ours, "user_id": user_id, **told}) for user_id in ids]


def settle(engine: Engine) -> list[dict[str, Any]]:
    """Work until every noted change has been in a run; return the reports of the event runs, the first one first."""
    for _ in range(200):
        engine.work()
        engine.pass_time(0.02)
        reconciling.reconcile(engine.ports)
        if not engine.queue.waiting and not engine.store.events.waiting_changes("contoso"):
            break
    assert engine.store.events.waiting_changes("contoso") == 0
    assert engine.store.reports.open_runs() == []
    heads = [head for head in engine.store.reports.heads() if head["trigger"] == "event"]
    return [engine.report(head["run_id"]) for head in reversed(heads)]


# --- what is ours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {"client_state": "another"},
        {"client_state": ""},
        {"client_state": SECRET + "x"},
        {"client_state": "\udc80"},
        {"subscription_id": "00000000-0000-4000-8000-000000000000"},
        {"tenant_id": "22222222-2222-4222-8222-222222222222"},
        {"tenant_id": ""},
    ],
)
def test_notification_that_is_not_ours_is_ignored_without_work(engine: Engine, forged: dict[str, str]) -> None:
    user = engine.directory.add_user("ann")
    assert receive(engine.ports, changed(user, **forged)) == (0, 1)
    assert engine.queue.sent == []
    assert engine.store.events.waiting_changes("contoso") == 0


def test_subscription_without_a_secret_is_believed_by_nobody(engine: Engine) -> None:
    state = engine.store.events.subscription("contoso")
    assert state is not None
    engine.store.events.save_subscription(state.model_copy(update={"client_state": ""}))
    assert receive(engine.ports, changed("00000000-0000-4000-8000-000000000001", client_state="")).noted == 0


def test_replaced_subscription_is_no_longer_believed(engine: Engine) -> None:
    state = engine.store.events.subscription("contoso")
    assert state is not None
    engine.store.events.save_subscription(state.model_copy(update={"subscription_id": SUBSCRIPTION[:-1] + "8"}))
    assert receive(engine.ports, changed("00000000-0000-4000-8000-000000000001")).noted == 0
    engine.store.events.forget_subscription("contoso")
    assert engine.store.events.known([SUBSCRIPTION, SUBSCRIPTION[:-1] + "8"]) == {}


def test_one_post_of_genuine_and_forged_items_keeps_the_genuine_ones(engine: Engine) -> None:
    ann, bob = engine.directory.add_users(2)
    assert receive(engine.ports, [*changed(ann), *changed(bob, client_state="x")]) == (1, 1)
    (report,) = settle(engine)
    assert [row["office365_id"] for row in report["created_contacts"]] == [ann.id]


# --- what becomes of it ---------------------------------------------------------------------------------------------


def test_changed_user_is_written_by_a_targeted_run_of_the_event(engine: Engine) -> None:
    user = engine.directory.add_user("ann", business_phones=("+49 30 1",))
    receive(engine.ports, changed(user))
    (report,) = settle(engine)
    assert report["success"] is True
    assert report["sync_mode"] == "incremental"
    assert [row["user_principal_name"] for row in report["created_contacts"]] == ["ann@contoso.com"]
    engine.directory.change_user(user.id, job_title="Buyer")
    receive(engine.ports, changed(user))
    assert settle(engine)[-1]["updated_contacts"][0]["changed_fields"] == ["job_title"]


def test_event_runs_take_the_targeted_lane(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    receive(engine.ports, changed(user))
    engine.pass_time(0.02)
    engine.queue.waiting.clear()
    taking.take_changes(engine.ports, "contoso")
    (run,) = engine.store.reports.open_runs()
    assert (run.trigger, run.lane, run.request["user_principal_names"]) == ("event", "targeted", [user.id])


def test_user_that_is_gone_is_no_error_of_its_name(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    receive(engine.ports, changed(user))
    settle(engine)
    engine.directory.delete_user(user.id)
    receive(engine.ports, changed(user))
    report = settle(engine)[-1]
    assert report["success"] is True
    assert report["errors"] == []


def test_burst_of_notifications_is_one_run_with_each_user_once(engine: Engine) -> None:
    users = engine.directory.add_users(6)
    for _ in range(5):
        receive(engine.ports, changed(*users, *users))
    assert engine.queue.sent == ["take_changes"]
    (report,) = settle(engine)
    assert report["statistics"]["contacts_created"] == 6
    assert engine.psa.calls["create_contact"] == 6


def test_users_beyond_what_one_run_takes_are_in_the_next(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "MOST_USERS", 4)
    users = engine.directory.add_users(10)
    receive(engine.ports, changed(*users))
    reports = settle(engine)
    assert [report["statistics"]["users_processed"] for report in reports] == [4, 4, 2]


def test_too_many_open_runs_keep_the_rest_waiting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "MOST_RUNS", 1)
    monkeypatch.setattr(taking, "MOST_USERS", 1)
    users = engine.directory.add_users(3)
    receive(engine.ports, changed(*users))
    for _ in range(3):
        engine.pass_time(0.03)
        taking.take_changes(engine.ports, "contoso")
    assert len(engine.store.reports.open_runs()) == 1
    assert engine.store.events.waiting_changes("contoso") == 2
    assert sum(report["statistics"]["contacts_created"] for report in settle(engine)) == 3


def test_user_that_changes_while_a_run_has_it_gets_another_run(engine: Engine) -> None:
    user = engine.directory.add_user("ann", job_title="Buyer")
    receive(engine.ports, changed(user))
    engine.pass_time(0.02)
    engine.work(until="upsert")
    engine.directory.change_user(user.id, job_title="Head buyer")
    receive(engine.ports, changed(user))
    engine.pass_time(0.05)
    taking.take_changes(engine.ports, "contoso")
    assert len(engine.store.reports.open_runs()) == 1, "no two runs are at one user"
    assert engine.store.events.waiting_changes("contoso") == 1
    reports = settle(engine)
    assert len(reports) == 2
    (contact,) = engine.psa.contacts.values()
    assert contact.fields["job_title"] == "Head buyer"


# --- what gets lost -------------------------------------------------------------------------------------------------


def test_broker_that_is_away_loses_nothing(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.queue.refuse["take_changes"] = 1
    assert receive(engine.ports, changed(user)).noted == 1
    assert settle(engine)[0]["statistics"]["contacts_created"] == 1


@pytest.mark.parametrize("message", ["take_changes", "start_run"])
def test_message_that_gets_lost_is_replaced(engine: Engine, message: str) -> None:
    user = engine.directory.add_user("ann")
    engine.queue.lose[message] = 1
    receive(engine.ports, changed(user))
    engine.work()
    for _ in range(50):
        engine.pass_time(0.05)
        engine.reconcile()
        engine.work()
        if engine.psa.contacts:
            break
    assert len(settle(engine)) == 1
    assert len(engine.psa.contacts) == 1


def test_message_that_comes_twice_makes_one_run(engine: Engine) -> None:
    engine.queue.copies["take_changes"] = 2
    receive(engine.ports, changed(engine.directory.add_user("ann")))
    assert len(settle(engine)) == 1


def test_takers_at_the_same_moment_take_each_user_once(engine: Engine, opened: Installations) -> None:
    users = engine.directory.add_users(40)
    receive(engine.ports, changed(*users))
    engine.pass_time(0.05)
    start = threading.Barrier(6)

    def take() -> None:
        start.wait()
        taking.take_changes(engine.ports, "contoso")

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [user_id for run in engine.store.reports.open_runs() for user_id in run.request["user_principal_names"]]
    assert sorted(taken) == sorted(user.id for user in users)


@pytest.mark.parametrize("step", range(1, 12))
def test_process_that_dies_at_any_step_loses_no_user_and_doubles_none(
    opened: Installations, engine: Engine, step: int
) -> None:
    users = engine.directory.add_users(3)
    receive(engine.ports, changed(*users))
    engine.pass_time(0.02)
    first = opened()
    engine.move_to(first)
    first.die_after(step)
    with contextlib.suppress(Death):
        engine.work()
    first.bury()
    engine.move_to(opened())
    engine.queue.redeliver()
    settle(engine)
    assert len(engine.psa.contacts) == 3


# --- whose changes nobody wants -------------------------------------------------------------------------------------


def test_changes_of_a_connector_that_is_off_are_dropped(engine: Engine) -> None:
    receive(engine.ports, changed(engine.directory.add_user("ann")))
    engine.configure(office365_sync_enabled=False)
    assert settle(engine) == []
    assert engine.psa.contacts == {}


def test_changes_of_a_connector_that_is_gone_are_dropped(engine: Engine) -> None:
    receive(engine.ports, changed(engine.directory.add_user("ann")))
    engine.configuration.publish()
    assert settle(engine) == []


def test_store_that_is_away_is_told_to_graph(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise TransientError("unreachable", vendor="store")

    monkeypatch.setattr(engine.store.events, "receive", away)
    with pytest.raises(TransientError):
        receiving.receive(engine.ports, changed("00000000-0000-4000-8000-000000000001"))
