"""Whole runs, and what somebody is told of them: once a cause, whatever dies in between."""

import re
import time
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Any, cast

import pytest

from adapters.errors import InstanceError, TransientError
from tasks.alerting import watching
from tasks.incidents import AlertRules
from tasks.plans import applying
from tasks.ports import Expiry
from tasks.requesting import request_run
from tasks.settling import Proposal, decide
from tests.fakes.directory import FakeDirectory
from tests.fakes.engine import Engine
from tests.fakes.notifier import FakeNotifier

DEAD_KEY = InstanceError("unauthorized", vendor="connectwise", status=401)
ENTRIES = list[MutableMapping[str, Any]]


def watch(engine: Engine, times: int = 2) -> None:
    for _ in range(times):
        watching.watch(engine.ports)


@pytest.fixture
def failing(engine: Engine) -> Engine:
    engine.directory.add_user("ann")
    engine.psa.fail("fetch_company", DEAD_KEY, times=9)
    return engine


def test_failed_run_is_told_with_its_error_and_command_and_its_end_too(failing: Engine) -> None:
    report = failing.run(sync_mode="full")
    watch(failing)
    ((_, title, body),) = failing.notifier.sent
    assert title == "contact-sync: main: runs fail (connectwise unauthorized)"
    assert "- contoso: PermissionDenied: connectwise: unauthorized, status 401" in body
    assert f"contact-sync report {report['run_id']} --errors" in body
    failing.psa.heal()
    failing.run(sync_mode="full")
    watch(failing, 3)
    assert failing.notifier.titles[1:] == ["contact-sync: over: main: runs fail (connectwise unauthorized)"]
    watch(failing)
    assert len(failing.notifier.sent) == 2


def test_customers_of_one_psa_share_one_message(failing: Engine) -> None:
    directory = FakeDirectory()
    directory.add_user("bob")
    failing.add_connector("fabrikam", directory)
    failing.run(sync_mode="full")
    failing.run("fabrikam", sync_mode="full")
    watch(failing, 3)
    ((_, _, body),) = failing.notifier.sent
    assert "Hit: 2 connectors: contoso, fabrikam" in body


def test_dry_run_and_success_tell_nothing(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.psa.fail("fetch_company", DEAD_KEY)
    engine.run(sync_mode="full", dry_run=True)
    watch(engine, 3)
    assert engine.notifier.sent == []


def test_target_that_is_deaf_gets_it_later_and_the_other_one_only_once(failing: Engine) -> None:
    failing.notifier.targets = ("chat", "mail")
    failing.notifier.deaf = {"mail"}
    failing.run(sync_mode="full")
    watch(failing, 3)
    assert [target for target, _, _ in failing.notifier.sent] == ["chat"]
    failing.notifier.deaf = set()
    let_grace_pass(failing)
    watch(failing)
    assert [target for target, _, _ in failing.notifier.sent] == ["chat", "mail"]


def test_target_that_is_no_longer_configured_is_forgotten(failing: Engine) -> None:
    failing.notifier.deaf = {"chat"}
    failing.run(sync_mode="full")
    watch(failing, 2)
    failing.notifier.targets = ("mail",)
    let_grace_pass(failing)
    watch(failing, 2)
    assert failing.store.connection.client.zcard(failing.store.connection.keys.messages) == 0


def test_without_targets_incidents_are_logged_all_the_same(failing: Engine, logs: ENTRIES) -> None:
    failing.notifier.targets = ()
    failing.run(sync_mode="full")
    watch(failing, 3)
    (line,) = [entry for entry in logs if entry["event"] == watching.OPENED]
    assert (line["place"], line["reason"], line["members"]) == ("main", "connectwise unauthorized", 1)


def test_incidents_that_cannot_be_read_are_begun_anew(failing: Engine, logs: ENTRIES) -> None:
    failing.store.alerts.commit(0, '{"incidents": 7}', facts=[], messages=[])
    failing.run(sync_mode="full")
    watch(failing)
    assert len(failing.notifier.sent) == 1
    assert [entry["log_level"] for entry in logs if entry["event"] == watching.UNREADABLE] == ["error"]


def test_message_that_nobody_took_for_a_day_is_given_up_and_logged(failing: Engine, logs: ENTRIES) -> None:
    failing.notifier.deaf = {"chat"}
    old = {"target": "chat", "title": "t", "body": "b", "at_ms": failing.ports.runs.now_ms() - 86_400_001}
    failing.store.alerts.commit(0, "", facts=[], messages=[old])
    watch(failing)
    assert failing.store.connection.client.zcard(failing.store.connection.keys.messages) == 0
    assert [entry["title"] for entry in logs if entry["event"] == watching.GIVEN_UP] == ["t"]


class _Killed(BaseException):
    """This worker dies here."""


@pytest.mark.parametrize("step", ["load", "facts", "commit", "waiting", "drop"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_round_that_is_killed_anywhere_loses_nothing(failing: Engine, step: str, when: str) -> None:
    failing.run(sync_mode="full")
    healthy = failing.ports
    failing.ports = replace(healthy, alerts=cast("Any", Mortal(healthy.alerts, step, when)))
    with pytest.raises(_Killed):
        watching.watch(failing.ports)
    failing.ports = healthy
    let_grace_pass(failing)
    watch(failing, 2)
    told = failing.notifier.titles
    assert set(told) == {"contact-sync: main: runs fail (connectwise unauthorized)"}
    assert len(told) == (2 if (step, when) == ("drop", "before") else 1), "at least once, and rarely twice"


class Mortal:
    """The port of alerts, in a process that dies at one step."""

    def __init__(self, alerts: object, step: str, when: str) -> None:
        self._alerts, self._step, self._when = alerts, step, when

    def __getattr__(self, name: str) -> Callable[..., object]:
        method: Callable[..., object] = getattr(self._alerts, name)
        if name != self._step:
            return method

        def dies(*args: object, **kwargs: object) -> object:
            if self._when == "after":
                method(*args, **kwargs)
            raise _Killed

        return dies


def test_two_rounds_at_once_tell_once(failing: Engine) -> None:
    failing.run(sync_mode="full")
    slower = failing.ports

    class Overtaken(Mortal):
        def __getattr__(self, name: str) -> Callable[..., object]:
            if name == "commit":
                watching.watch(slower)
            method: Callable[..., object] = getattr(slower.alerts, name)
            return method

    watching.watch(replace(slower, alerts=cast("Any", Overtaken(slower.alerts, "", ""))))
    watch(failing, 2)
    assert len(failing.notifier.sent) == 1


def test_run_that_is_killed_between_its_close_and_its_alert_is_told(failing: Engine) -> None:
    """The fact is put in by the step that closes the run."""
    run_id = failing.request(sync_mode="full")
    failing.work()
    assert failing.store.runs.is_closed(run_id)
    (fact,) = failing.store.alerts.facts(limit=5)
    assert fact["run_id"] == run_id


def test_many_users_that_fail_are_told_by_their_most_frequent_code(engine: Engine) -> None:
    engine.directory.add_users(6)
    engine.psa.refuse("create_contact", times=6)
    report = engine.run(sync_mode="full")
    assert report["statistics"]["errors"] == 6
    watch(engine)
    ((_, title, body),) = engine.notifier.sent
    assert title == "contact-sync: main: many users fail (ContactCreationFailed)"
    assert "Failed users: 6 of 6" in body
    assert "First errors:\n- contoso: user" in body
    assert f"Look closer: contact-sync report {report['run_id']} --errors" in body
    assert engine.run(sync_mode="full")["success"]
    watch(engine, 3)
    assert engine.notifier.titles[1:] == ["contact-sync: over: main: many users fail (ContactCreationFailed)"]


def doubt(engine: Engine, *names: str) -> None:
    """Let users be refused until somebody decides."""
    for name in names:
        engine.directory.add_user(name)
        for _ in range(2):
            engine.psa.add_contact(first_name=name.title(), last_name="Example", email=f"{name}@contoso.com")


def decide_about(engine: Engine, name: str) -> None:
    proposal = Proposal(action="ignore", reason="asked", by="bo")
    decide(engine.ports, engine.connector(), f"{name}@contoso.com", proposal)


def test_users_that_wait_for_a_decision_are_told_once_and_together_and_new_ones_again(engine: Engine) -> None:
    doubt(engine, "ann", "ben", "cid")
    for mode in ("full", "incremental", "full"):
        engine.run(sync_mode=mode)
        watch(engine, 3)
    ((_, title, body),) = engine.notifier.sent
    assert title == "contact-sync: review: users wait for a decision (new cases)"
    assert "- contoso: 3 new, 3 in all" in body
    assert "Look closer: contact-sync review contoso" in body
    doubt(engine, "dan")
    engine.run()
    watch(engine, 3)
    assert "- contoso: 1 new, 4 in all" in engine.notifier.sent[1][2]
    decide_about(engine, "ann")
    engine.run()
    doubt(engine, "eve")
    decide_about(engine, "eve")
    engine.run()
    watch(engine, 3)
    assert len(engine.notifier.sent) == 2, "what was decided is no case, and the others were told"


def test_new_cases_of_several_runs_gather_in_one_message(engine: Engine) -> None:
    other = FakeDirectory()
    engine.add_connector("fabrikam", other, tenant_id="22222222-2222-4222-8222-222222222222")
    engine.ports = replace(engine.ports, alert_rules=AlertRules(gather_s=0.3, over_s=0))
    doubt(engine, "ann")
    engine.run(sync_mode="full")
    watch(engine)
    doubt(engine, "ben")
    engine.run()
    other.add_user("ann")
    engine.run("fabrikam", sync_mode="full")
    watch(engine)
    assert engine.notifier.sent == []
    time.sleep(0.4)
    watch(engine, 3)
    ((_, _, body),) = engine.notifier.sent
    assert "Hit: 2 connectors: contoso, fabrikam" in body
    assert "- contoso: 2 new, 2 in all" in body


def test_link_that_cannot_be_obeyed_is_a_case_of_its_own(engine: Engine) -> None:
    doubt(engine, "ann")
    engine.directory.add_user("bob")
    contact = next(iter(engine.psa.contacts.values()))
    made = Proposal(action="link", reason="asked", by="bo", contact_id=contact.id)
    decide(engine.ports, engine.connector(), "ann@contoso.com", made)
    assert engine.run(sync_mode="full")["success"]
    engine.psa.remove_contact(contact.id)
    engine.run(sync_mode="full")
    watch(engine, 3)
    assert engine.notifier.titles == ["contact-sync: review: users wait for a decision (new cases)"]


def test_late_connector_expiring_secret_and_spent_budget_are_told_once_and_their_ends(engine: Engine) -> None:
    engine.configure(schedule="* * * * *")
    engine.ports = replace(engine.ports, alert_rules=AlertRules(gather_s=0, over_s=0, not_successful_s=0.001))
    engine.expiries = [Expiry("graph_app main", "certificate", "ends on 2027-01-01, in 12 days", 12)]
    engine.budgets.waits = {"main": 900.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "LATE_S", -3600.0)
        watch(engine)
        engine.pass_time(0.05)
        watch(engine, 3)
    assert sorted(engine.notifier.titles) == [
        "contact-sync: graph_app main: expires soon (certificate)",
        "contact-sync: main: no run has come to its end (for 2.77778e-07 h)",
        "contact-sync: main: the vendor's limit is used up (nothing may be sent)",
    ]
    expiry, late, spent = (body.splitlines() for _, _, body in sorted(engine.notifier.sent, key=lambda each: each[1]))
    assert expiry[1:3] == ["Hit: 1 credential: certificate", "- certificate: ends on 2027-01-01, in 12 days"]
    assert late[1] == "Hit: 1 connector: contoso"
    assert re.fullmatch(r"- contoso: none since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", late[2])
    assert spent[1:3] == ["Hit: 1 limit: main", "- main: it asked us to wait for another 15 minutes"]
    assert {lines[-1] for lines in (expiry, late, spent)} == {"Look closer: contact-sync status"}
    engine.expiries, engine.budgets.waits = [], {}
    engine.configure(schedule=None)
    watch(engine, 3)
    assert all(title.startswith("contact-sync: over: ") for title in engine.notifier.titles[3:])
    assert len(engine.notifier.sent) == 6, "and its end, too"


@pytest.mark.parametrize("settings", [{"schedule": None}, {"schedule": "0 0 1 1 *", "office365_sync_enabled": False}])
def test_connector_that_runs_by_hand_only_is_never_late(engine: Engine, settings: dict[str, object]) -> None:
    engine.configure(**settings)
    engine.ports = replace(engine.ports, alert_rules=AlertRules(gather_s=0, not_successful_s=0.001))
    watch(engine)
    engine.pass_time(0.05)
    watch(engine)
    assert engine.notifier.sent == []


def test_heartbeat_that_does_not_arrive_is_logged_and_harms_nobody(engine: Engine, logs: ENTRIES) -> None:
    watching.ping(engine.ports)
    assert engine.notifier.pings == 1

    class Deaf(FakeNotifier):
        def ping(self) -> None:
            raise TransientError("heartbeat_refused", vendor="notify", status=500)

    watching.ping(replace(engine.ports, notifier=Deaf()))
    assert [entry["status"] for entry in logs if entry["event"] == watching.NOT_PINGED] == [500]


def test_first_run_that_is_held_is_told_once_however_often_it_is_made_anew_and_its_approval_is_the_end(
    engine: Engine,
) -> None:
    engine.directory.add_user("new", business_phones=("1",))
    for _ in range(3):
        request_run(engine.ports, "contoso", {}, trigger="schedule")
        engine.work()
        watch(engine)
    run_id = engine.store.reports.heads(1)[0]["run_id"]
    ((_, _, body),) = engine.notifier.sent
    assert "contact-sync approve" in body
    applying.approve_run(engine.ports, run_id, trigger="cli")
    engine.work()
    request_run(engine.ports, "contoso", {}, trigger="schedule")
    engine.work()
    watch(engine)
    assert len(engine.notifier.sent) == 2  # that it is over


def let_grace_pass(engine: Engine) -> None:
    connection = engine.store.connection
    for message in connection.client.zrange(connection.keys.messages, 0, -1):
        connection.client.zadd(connection.keys.messages, {message: 0})
