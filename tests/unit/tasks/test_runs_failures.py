"""What fails, and for whom: one user, one connector, or nobody in the end."""

from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from adapters.errors import (
    BudgetError,
    InstanceError,
    ResyncError,
    SyncError,
    TenantError,
    TransientError,
    WireError,
)
from adapters.records import Contact
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names

AWAY = TransientError("server_error", vendor="connectwise", status=503)
GRAPH_AWAY = TransientError("timeout", vendor="graph")
NO_CONSENT = TenantError("consent_revoked", vendor="graph", permission="User.Read.All", status=403)
DEAD_KEY = InstanceError("credentials_refused", vendor="connectwise", status=401)
STRANGE = WireError("shape_unknown", vendor="connectwise", status=200)


def add_users(engine: Engine, number: int) -> None:
    """Add some users of whom nothing is to be warned."""
    for _ in range(number):
        engine.directory.add_user(business_phones=("+49 30 1",))


def assert_one_error(report: Json, code: str) -> None:
    """Check that the run ended by one error of the whole connector, with nobody counted for it."""
    assert codes(report) == [code]
    assert report["errors"][0]["user_principal_name"] is None
    assert report["errors"][0]["message"]
    assert report["statistics"]["errors"] == 0
    assert not report["success"]


# --- one user ---------------------------------------------------------------------------------------------------------


def test_refused_creation_carries_the_psas_own_words(engine: Engine) -> None:
    add_users(engine, 3)
    engine.psa.refuse("create_contact", field="email", message="Duplicate contact email")
    report = engine.run(sync_mode="full")
    assert counts(report) == (2, 0, 0, 1)
    (error,) = report["errors"]
    assert error["code"] == "ContactCreationFailed"
    assert error["psa_error"] == "Duplicate contact email"
    assert "email" in error["message"]
    assert report["users_unprocessed"] == []
    assert counts(engine.run()) == (1, 0, 0, 0)


def test_refused_change_is_an_update_that_failed(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Buyer")
    engine.psa.refuse("update_contact", message="Locked")
    report = engine.run()
    assert codes(report) == ["ContactUpdateFailed"]
    assert report["errors"][0]["psa_error"] == "Locked"
    assert counts(engine.run()) == (0, 1, 0, 0)


def test_company_of_a_rule_that_does_not_exist_is_named(engine: Engine) -> None:
    engine.configure(company_rules=[{"when": "user.officeLocation == 'Berlin'", "company_id": "999"}])
    engine.directory.add_user("ann", office_location="Berlin")
    engine.directory.add_user("bob")
    report = engine.run(sync_mode="full")
    assert names(report, "created_contacts") == ["bob"]
    assert codes(report) == ["MissingCompanyID"]
    assert names(report, "errors") == ["ann"]
    assert "999" in report["errors"][0]["message"]


def test_long_words_of_the_psa_are_cut(engine: Engine) -> None:
    add_users(engine, 1)
    engine.psa.refuse("create_contact", message="x" * 5000)
    assert len(engine.run(sync_mode="full")["errors"][0]["psa_error"]) <= 500


def test_passing_failure_of_a_write_is_outwaited(engine: Engine) -> None:
    add_users(engine, 3)
    engine.psa.fail("create_contact", AWAY, times=2)
    assert counts(engine.run(sync_mode="full")) == (3, 0, 0, 0)
    assert len(engine.psa.contacts) == 3


def test_user_that_keeps_failing_is_given_up_at_its_horizon(engine: Engine) -> None:
    add_users(engine, 2)
    engine.with_timing(user_horizon_s=0.0)
    engine.psa.fail("create_contact", AWAY, times=99)
    report = engine.run(sync_mode="full")
    assert codes(report) == ["PSAConnectionError", "PSAConnectionError"]
    assert counts(report) == (0, 0, 0, 2)
    engine.psa.heal()
    assert counts(engine.run()) == (2, 0, 0, 0)


def test_spent_budget_is_no_failure_however_long_it_lasts(engine: Engine) -> None:
    add_users(engine, 2)
    engine.with_timing(user_horizon_s=0.0)
    spent = BudgetError("budget_spent", vendor="connectwise", retry_after_s=0.01)
    engine.psa.fail("create_contact", spent, times=7)
    engine.psa.fail("fetch_contacts", spent, times=3)
    assert counts(engine.run(sync_mode="full")) == (2, 0, 0, 0)


def test_rule_that_cannot_be_evaluated_for_a_user_is_that_users_error(engine: Engine) -> None:
    engine.configure(exclude=[{"name": "thirds", "when": "100 // (user.employeeId | default('1') | int) < 33"}])
    engine.directory.add_user("ann", employee_id="7")
    engine.directory.add_user("bob", employee_id="0")
    engine.directory.add_user("cid", employee_id="2")
    report = engine.run(sync_mode="full")
    assert names(report, "created_contacts") == ["cid"]
    assert names(report, "errors") == ["bob"]
    assert codes(report) == ["InvalidFieldMapping"]
    assert [row["rule"] for row in report["excluded"]] == ["thirds"]


def test_strange_answer_to_a_write_is_looked_into_not_repeated(engine: Engine) -> None:
    add_users(engine, 1)
    engine.psa.moments.plan("create_contact", raising(STRANGE), moment="after")
    report = engine.run(sync_mode="full")
    assert counts(report) == (1, 0, 0, 0)
    assert engine.psa.calls["create_contact"] == 1


def test_mistake_of_ours_ends_no_run_and_doubles_no_contact(engine: Engine) -> None:
    add_users(engine, 2)
    engine.psa.moments.plan("create_contact", raising(ZeroDivisionError()), moment="after")
    assert counts(engine.run(sync_mode="full")) == (2, 0, 0, 0)
    assert len(engine.psa.contacts) == 2


def test_write_that_never_becomes_clear_is_an_error_in_the_end(engine: Engine) -> None:
    add_users(engine, 2)
    engine.with_timing(write_deadline_s=0.05, write_margin_s=0.01)
    engine.psa.fail("create_contact", STRANGE, times=99)
    report = engine.run(sync_mode="full")
    assert codes(report) == ["ContactCreationFailed", "ContactCreationFailed"]
    engine.psa.heal()
    assert counts(engine.run()) == (2, 0, 0, 0)


def test_change_that_the_psa_takes_and_does_not_keep_is_no_endless_loop(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Buyer")
    engine.with_timing(write_deadline_s=0.05, write_margin_s=0.01)
    before = next(iter(engine.psa.contacts.values()))

    def forget() -> None:
        engine.psa.contacts[before.id] = before

    engine.psa.moments.watch(
        lambda method, moment: forget() if (method, moment) == ("update_contact", "after") else None
    )
    assert counts(engine.run()) == (0, 1, 0, 0)


# --- the whole connector ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fetch_users", "fetch_latest_delta_link"])
def test_tenant_whose_door_is_shut_is_one_error(engine: Engine, method: str) -> None:
    add_users(engine, 3)
    engine.directory.fail(method, NO_CONSENT)
    report = engine.run(sync_mode="full")
    assert_one_error(report, "PermissionDenied")
    assert "User.Read.All" in report["errors"][0]["message"]
    assert counts(report) == (0, 0, 0, 0)
    assert counts(engine.run()) == (3, 0, 0, 0)


@pytest.mark.parametrize("method", ["fetch_company", "fetch_contacts", "fetch_schema", "count_contacts"])
def test_psa_whose_key_is_dead_is_one_error(engine: Engine, method: str) -> None:
    add_users(engine, 3)
    engine.psa.fail(method, DEAD_KEY)
    assert_one_error(engine.run(sync_mode="full"), "PermissionDenied")
    assert counts(engine.run()) == (3, 0, 0, 0)


@pytest.mark.parametrize("error", [DEAD_KEY, TenantError("company_locked", vendor="connectwise")], ids=str)
def test_door_that_shuts_in_mid_run_leaves_the_rest_unprocessed(engine: Engine, error: SyncError) -> None:
    add_users(engine, 20)
    engine.with_timing(batch_size=2, most_in_flight=4)
    done = 0

    def close_door(method: str, moment: str) -> None:
        nonlocal done
        if (method, moment) == ("create_contact", "before"):
            done += 1
            if done > 3:
                raise error

    engine.psa.moments.watch(close_door)
    report = engine.run(sync_mode="full")
    assert_one_error(report, "PermissionDenied")
    assert counts(report) == (3, 0, 0, 0)
    assert len(report["users_unprocessed"]) == 17
    assert all(row["user_principal_name"] and row["office365_id"] for row in report["users_unprocessed"])
    assert engine.store.memory.watermark("contoso") is None
    done = -100
    assert counts(engine.run()) == (17, 0, 3, 0)


def test_failure_of_one_connector_leaves_the_others_alone(engine: Engine) -> None:
    add_users(engine, 1)
    engine.add_connector("fabrikam", engine.directory)
    runs = [engine.request(connector_id) for connector_id in ("contoso", "fabrikam")]
    engine.directory.fail("fetch_latest_delta_link", NO_CONSENT)
    engine.work()
    assert [engine.report(run_id)["success"] for run_id in runs] == [False, True]


def test_second_run_of_a_connector_is_told_which_one_is_going_on(engine: Engine) -> None:
    add_users(engine, 2)
    first = engine.request(sync_mode="full")
    engine.work(until="fan_out")
    second = engine.request(sync_mode="full")
    engine.work()
    report = engine.report(second)
    assert_one_error(report, "ConnectorBusy")
    assert first in report["errors"][0]["message"]
    assert counts(engine.report(first)) == (2, 0, 0, 0)
    assert engine.run()["success"]


def test_connector_that_is_gone_when_its_run_starts_is_one_error(engine: Engine) -> None:
    run_id = engine.request()
    engine.configuration.publish()
    engine.work()
    report = engine.report(run_id)
    assert_one_error(report, "UnknownConnector")
    assert "contoso" in report["errors"][0]["message"]


def test_company_that_is_gone_is_one_error(engine: Engine) -> None:
    add_users(engine, 3)
    del engine.psa.companies["250"]
    report = engine.run(sync_mode="full")
    assert_one_error(report, "MissingCompanyID")
    assert "250" in report["errors"][0]["message"]
    assert engine.psa.writes == []


def test_company_that_is_deleted_is_one_error(engine: Engine) -> None:
    add_users(engine, 3)
    engine.psa.add_company("251", deleted=True)
    report = engine.run(sync_mode="full", company_id="251")
    assert_one_error(report, "MissingCompanyID")
    assert "251" in report["errors"][0]["message"]


@pytest.mark.parametrize(
    ("method", "code"), [("fetch_users", "GraphConnectionError"), ("fetch_delta", "GraphConnectionError")]
)
def test_graph_that_stays_away_is_one_error(engine: Engine, method: str, code: str) -> None:
    add_users(engine, 1)
    engine.run(sync_mode="full")
    engine.with_timing(instance_horizon_s=0.0)
    engine.directory.fail(method, GRAPH_AWAY, times=99)
    before = engine.store.memory.watermark("contoso")
    assert_one_error(engine.run(sync_mode="full"), code)
    assert engine.store.memory.watermark("contoso") == before


@pytest.mark.parametrize("method", ["fetch_company", "fetch_contacts", "count_contacts", "fetch_schema"])
def test_psa_that_stays_away_while_it_is_read_is_one_error(engine: Engine, method: str) -> None:
    add_users(engine, 1)
    engine.with_timing(instance_horizon_s=0.0)
    engine.psa.fail(method, AWAY, times=99)
    assert_one_error(engine.run(sync_mode="full"), "PSAConnectionError")


@pytest.mark.parametrize(
    "method",
    ["fetch_latest_delta_link", "fetch_users", "fetch_company", "fetch_contacts", "count_contacts", "fetch_schema"],
)
def test_passing_failure_while_reading_is_outwaited(engine: Engine, method: str) -> None:
    add_users(engine, 3)
    engine.directory.fail(method, GRAPH_AWAY, times=2)
    engine.psa.fail(method, AWAY, times=2)
    report = engine.run(sync_mode="full")
    assert report["success"]
    assert counts(report) == (3, 0, 0, 0)


def test_failure_that_passed_is_not_counted_against_a_later_one(engine: Engine) -> None:
    add_users(engine, 2)
    engine.directory.page_size = 1
    engine.with_timing(instance_horizon_s=0.05)
    run_id = engine.request(sync_mode="full")
    engine.directory.fail("fetch_users", GRAPH_AWAY)
    engine.work(until="judge")
    engine.pass_time(0.1)
    engine.psa.fail("fetch_schema", AWAY)
    engine.work()
    assert engine.report(run_id)["success"]


def test_psa_that_is_down_for_too_long_closes_its_runs(engine: Engine) -> None:
    add_users(engine, 10)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.psa.fail("create_contact", AWAY, times=10_000)
    engine.budgets.down_since = engine.store.runs.now_ms() - 6000
    report = engine.recover(run_id)
    assert_one_error(report, "PSAConnectionError")
    assert counts(report) == (0, 0, 0, 0)
    assert len(report["users_unprocessed"]) == 10
    assert engine.store.memory.watermark("contoso") is None
    engine.budgets.down_since = None
    engine.psa.heal()
    assert counts(engine.run()) == (10, 0, 0, 0)


def test_psa_that_is_down_for_a_while_costs_nobody_anything(engine: Engine) -> None:
    add_users(engine, 3)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.with_timing(user_horizon_s=0.0)
    engine.budgets.down_since = engine.store.runs.now_ms()
    engine.psa.fail("create_contact", AWAY, times=6)
    engine.reconcile()
    engine.work()
    assert counts(engine.report(run_id)) == (3, 0, 0, 0)


def test_answer_of_unknown_shape_ends_a_read_loudly(engine: Engine) -> None:
    add_users(engine, 1)
    engine.directory.fail("fetch_users", WireError("shape_unknown", vendor="graph", status=200))
    assert_one_error(engine.run(sync_mode="full"), "UnexpectedAnswer")


def test_mistake_of_ours_in_a_step_is_said_and_gives_the_connector_back(
    engine: Engine, logs: list[MutableMapping[str, Any]]
) -> None:
    add_users(engine, 1)
    for mistake in (ZeroDivisionError(), KeyError("x"), LookupError("y")):
        for method in ("fetch_contacts", "fetch_schema"):
            engine.psa.moments.plan(method, raising(mistake))
            assert_one_error(engine.run(sync_mode="full"), "InternalError")
    assert [entry["event"] for entry in logs] == ["step.failed"] * 6
    assert counts(engine.run()) == (1, 0, 0, 0)


# --- what may not be believed -----------------------------------------------------------------------------------------


def test_contact_list_that_lacks_too_much_is_read_again(engine: Engine) -> None:
    add_users(engine, 10)
    engine.run(sync_mode="full")
    hidden = hide(engine, list(engine.psa.contacts)[:5])
    run_id = engine.request(sync_mode="full")
    engine.psa.moments.plan("fetch_contacts", hidden, moment="after")
    engine.work()
    assert counts(engine.report(run_id)) == (0, 0, 10, 0)


def test_contact_list_that_keeps_lacking_too_much_ends_the_run_without_a_write(engine: Engine) -> None:
    add_users(engine, 10)
    engine.run(sync_mode="full")
    engine.with_timing(instance_horizon_s=0.0)
    writes = len(engine.psa.writes)
    found = list(engine.psa.contacts)[:5]

    def cut(method: str, moment: str) -> None:
        if method == "fetch_contacts":
            move(engine, found, "250" if moment == "after" else "999")

    engine.psa.moments.watch(cut)
    assert_one_error(engine.run(sync_mode="full"), "PSAConnectionError")
    assert len(engine.psa.writes) == writes


def test_index_that_lacks_many_of_our_contacts_is_not_believed(engine: Engine) -> None:
    add_users(engine, 10)
    engine.run(sync_mode="full")
    writes = len(engine.psa.writes)
    found = list(engine.psa.contacts)[:5]

    def cut(method: str, moment: str) -> None:  # list and count agree, but both are short
        if method in ("fetch_contacts", "count_contacts"):
            move(engine, found, "250" if moment == "after" else "999")

    engine.psa.moments.watch(cut)
    assert_one_error(engine.run(sync_mode="full"), "UnexpectedAnswer")
    assert len(engine.psa.writes) == writes


def test_contact_that_moved_while_the_list_was_read_is_not_doubled(engine: Engine) -> None:
    add_users(engine, 10)
    engine.run(sync_mode="full")
    found = list(engine.psa.contacts)[:2]

    def cut(method: str, moment: str) -> None:
        if method == "fetch_contacts":
            move(engine, found, "250" if moment == "after" else "999")

    engine.psa.moments.watch(cut)
    assert counts(engine.run(sync_mode="full")) == (0, 0, 10, 0)


def test_expired_page_link_starts_the_list_over(engine: Engine) -> None:
    add_users(engine, 5)
    engine.directory.page_size = 2
    run_id = engine.request(sync_mode="full")
    engine.directory.moments.plan("fetch_users", engine.directory.expire_page_links, moment="after")
    engine.work()
    assert counts(engine.report(run_id)) == (5, 0, 0, 0)
    assert engine.directory.calls["fetch_users"] == 1 + 1 + 3


def test_page_links_that_keep_expiring_end_the_run(engine: Engine) -> None:
    add_users(engine, 5)
    engine.with_timing(instance_horizon_s=0.0)
    engine.directory.fail("fetch_users", ResyncError("page_link_expired", vendor="graph", status=400), times=99)
    assert_one_error(engine.run(sync_mode="full"), "GraphConnectionError")
    assert engine.directory.calls["fetch_users"] <= 8


def test_delta_links_that_keep_dying_end_the_run(engine: Engine) -> None:
    add_users(engine, 5)
    engine.run(sync_mode="full")
    engine.with_timing(instance_horizon_s=0.0)
    engine.directory.fail("fetch_delta", ResyncError("delta_link_dead", vendor="graph", status=410), times=99)
    assert engine.run()["sync_mode"] == "full"
    assert engine.directory.calls["fetch_delta"] <= 8


def raising(error: BaseException) -> Callable[[], None]:
    """Return what raises this."""

    def do() -> None:
        raise error

    return do


def move(engine: Engine, contact_ids: list[str], company_id: str) -> None:
    """Put contacts into another company behind our back."""
    for contact_id in contact_ids:
        contact: Contact = engine.psa.contacts[contact_id]
        engine.psa.contacts[contact_id] = contact.model_copy(update={"company_id": company_id})


def hide(engine: Engine, contact_ids: list[str]) -> Callable[[], None]:
    """Take contacts out of the next list, and put them back when it was answered."""
    move(engine, contact_ids, "999")
    return lambda: move(engine, contact_ids, "250")
