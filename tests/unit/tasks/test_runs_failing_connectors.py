"""Failures of a whole connector: one error, nobody counted, the rest for the next run."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from adapters.errors import InstanceError, SyncError, TenantError, TransientError, WireError
from tests.fakes.engine import Engine
from tests.fakes.reports import assert_one_error, counts

AWAY = TransientError("server_error", vendor="connectwise", status=503)
GRAPH_AWAY = TransientError("timeout", vendor="graph")
NO_CONSENT = TenantError("consent_revoked", vendor="graph", permission="User.Read.All", status=403)
DEAD_KEY = InstanceError("credentials_refused", vendor="connectwise", status=401)


@pytest.mark.parametrize("method", ["fetch_users", "fetch_latest_delta_link"])
def test_tenant_whose_door_is_shut_is_one_error(engine: Engine, method: str) -> None:
    engine.directory.add_users(3)
    engine.directory.fail(method, NO_CONSENT)
    report = engine.run(sync_mode="full")
    assert_one_error(report, "PermissionDenied")
    assert "User.Read.All" in report["errors"][0]["message"]
    assert counts(report) == (0, 0, 0, 0)
    assert counts(engine.run()) == (3, 0, 0, 0)


@pytest.mark.parametrize("method", ["fetch_company", "fetch_contacts", "fetch_schema", "count_contacts"])
def test_psa_whose_key_is_dead_is_one_error(engine: Engine, method: str) -> None:
    engine.directory.add_users(3)
    engine.psa.fail(method, DEAD_KEY)
    assert_one_error(engine.run(sync_mode="full"), "PermissionDenied")
    assert counts(engine.run()) == (3, 0, 0, 0)


@pytest.mark.parametrize("error", [DEAD_KEY, TenantError("company_locked", vendor="connectwise")], ids=str)
def test_door_that_shuts_in_mid_run_leaves_the_rest_unprocessed(engine: Engine, error: SyncError) -> None:
    engine.directory.add_users(20)
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
    engine.directory.add_users(1)
    engine.add_connector("fabrikam", engine.directory)
    runs = [engine.request(connector_id) for connector_id in ("contoso", "fabrikam")]
    engine.directory.fail("fetch_latest_delta_link", NO_CONSENT)
    engine.work()
    assert [engine.report(run_id)["success"] for run_id in runs] == [False, True]


def test_second_run_of_a_connector_is_told_which_one_is_going_on(engine: Engine) -> None:
    engine.directory.add_users(2)
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
    engine.directory.add_users(3)
    del engine.psa.companies["250"]
    report = engine.run(sync_mode="full")
    assert_one_error(report, "MissingCompanyID")
    assert "250" in report["errors"][0]["message"]
    assert engine.psa.writes == []


def test_company_that_is_deleted_is_one_error(engine: Engine) -> None:
    engine.directory.add_users(3)
    engine.psa.add_company("251", deleted=True)
    report = engine.run(sync_mode="full", company_id="251")
    assert_one_error(report, "MissingCompanyID")
    assert "251" in report["errors"][0]["message"]


@pytest.mark.parametrize("method", ["fetch_users", "fetch_delta"])
def test_graph_that_stays_away_is_one_error(engine: Engine, method: str) -> None:
    engine.directory.add_users(1)
    engine.run(sync_mode="full")
    engine.with_timing(instance_horizon_s=0.0)
    engine.directory.fail(method, GRAPH_AWAY, times=99)
    before = engine.store.memory.watermark("contoso")
    assert_one_error(engine.run(sync_mode="full"), "GraphConnectionError")
    assert engine.store.memory.watermark("contoso") == before


@pytest.mark.parametrize("method", ["fetch_company", "fetch_contacts", "count_contacts", "fetch_schema"])
def test_psa_that_stays_away_while_it_is_read_is_one_error(engine: Engine, method: str) -> None:
    engine.directory.add_users(1)
    engine.with_timing(instance_horizon_s=0.0)
    engine.psa.fail(method, AWAY, times=99)
    assert_one_error(engine.run(sync_mode="full"), "PSAConnectionError")


@pytest.mark.parametrize(
    "method",
    ["fetch_latest_delta_link", "fetch_users", "fetch_company", "fetch_contacts", "count_contacts", "fetch_schema"],
)
def test_passing_failure_while_reading_is_outwaited(engine: Engine, method: str) -> None:
    engine.directory.add_users(3)
    engine.directory.fail(method, GRAPH_AWAY, times=2)
    engine.psa.fail(method, AWAY, times=2)
    report = engine.run(sync_mode="full")
    assert report["success"]
    assert counts(report) == (3, 0, 0, 0)


def test_failure_that_passed_is_not_counted_against_a_later_one(engine: Engine) -> None:
    engine.directory.add_users(2)
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
    engine.directory.add_users(10)
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
    engine.directory.add_users(3)
    run_id = engine.request(sync_mode="full")
    engine.work(until="upsert")
    engine.with_timing(user_horizon_s=0.0)
    engine.budgets.down_since = engine.store.runs.now_ms()
    engine.psa.fail("create_contact", AWAY, times=6)
    engine.reconcile()
    engine.work()
    assert counts(engine.report(run_id)) == (3, 0, 0, 0)


def test_answer_of_unknown_shape_ends_a_read_loudly(engine: Engine) -> None:
    engine.directory.add_users(1)
    engine.directory.fail("fetch_users", WireError("shape_unknown", vendor="graph", status=200))
    assert_one_error(engine.run(sync_mode="full"), "UnexpectedAnswer")


def test_mistake_of_ours_in_a_step_is_said_and_gives_the_connector_back(
    engine: Engine, logs: list[MutableMapping[str, Any]]
) -> None:
    engine.directory.add_users(1)
    for mistake in (ZeroDivisionError(), KeyError("x"), LookupError("y")):
        for method in ("fetch_contacts", "fetch_schema"):
            engine.psa.moments.plan_error(method, mistake)
            assert_one_error(engine.run(sync_mode="full"), "InternalError")
    assert [entry["event"] for entry in logs] == ["step.failed"] * 6
    assert counts(engine.run()) == (1, 0, 0, 0)
