"""Targeted runs: exactly the named users, beside whatever else is going on."""

import pytest

from adapters.errors import TransientError
from tests.fakes.engine import Engine
from tests.fakes.reports import Json, codes, counts, names


def test_exactly_the_named_users_are_processed(engine: Engine) -> None:
    for name in ("ann", "bob", "cid"):
        engine.directory.add_user(name)
    report = engine.run(user_principal_names=["ann@contoso.com", "cid@contoso.com"])
    assert names(report, "created_contacts") == ["ann", "cid"]
    assert counts(report) == (2, 0, 0, 0)
    assert report["statistics"]["total_office365_users"] == 3
    assert report["sync_mode"] == "incremental"
    assert counts(engine.run(user_principal_names=["ann@contoso.com"])) == (0, 0, 1, 0)


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_targeted_run_never_becomes_full_and_reads_no_list(engine: Engine, mode: str) -> None:
    engine.directory.add_user("ann")
    report = engine.run(sync_mode=mode, user_principal_names=["ann@contoso.com"])
    assert report["sync_mode"] == "incremental"
    assert codes(report, "warnings") == ["MissingPhoneNumber"]
    assert engine.directory.calls.keys() == {"fetch_user", "count_users"}
    assert engine.psa.calls["fetch_contacts"] == 0


def test_unknown_name_is_an_error_of_that_name_and_the_others_go_on(engine: Engine) -> None:
    engine.directory.add_user("ann")
    report = engine.run(user_principal_names=["nobody@contoso.com", "ann@contoso.com"])
    assert counts(report) == (1, 0, 0, 1)
    assert codes(report) == ["UserNotFound"]
    assert report["errors"][0]["user_principal_name"] == "nobody@contoso.com"
    assert report["statistics"]["users_processed"] == 2
    assert not report["success"]
    assert engine.store.memory.unfinished("contoso") == {}


def test_one_user_by_several_names_counts_once(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    report = engine.run(user_principal_names=["Ann@Contoso.com", " ann@contoso.com ", user.id])
    assert counts(report) == (1, 0, 0, 0)


def test_named_user_out_of_scope_is_told_why(engine: Engine) -> None:
    engine.directory.add_user("ann", account_enabled=False)
    engine.directory.add_user("bob", department="IT")
    report = engine.run(user_principal_names=["ann@contoso.com", "bob@contoso.com"], department_filter="Sales")
    assert [row["rule"] for row in report["excluded"]] == ["disabled", "department_filter"]
    assert counts(report) == (0, 0, 0, 0)
    assert report["success"]


def test_many_names_are_read_page_by_page(engine: Engine) -> None:
    engine.with_timing(names_per_page=2)
    people = [engine.directory.add_user() for _ in range(7)]
    report = engine.run(user_principal_names=[user.id for user in people])
    assert counts(report) == (7, 0, 0, 0)
    assert engine.queue.sent.count("fan_out") == 5  # four pages, and the end


def test_targeted_run_does_not_wait_for_the_connectors_lease(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.directory.add_user("bob")
    full = engine.request(sync_mode="full")
    engine.work(until="judge")
    targeted = engine.request(user_principal_names=["ann@contoso.com"])
    engine.work()
    assert engine.report(targeted)["success"]
    assert engine.report(full)["success"]
    assert len(engine.psa.contacts) == 2


@pytest.mark.parametrize("step", ["judge", "feed", "upsert"])
def test_newer_record_of_a_targeted_run_is_not_undone_by_an_older_one(engine: Engine, step: str) -> None:
    user = engine.directory.add_user("ann", job_title="Clerk")
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Buyer")
    full = engine.request(sync_mode="full")
    engine.work(until=step)  # this run has read the Buyer
    waiting = [*engine.queue.waiting]
    engine.queue.waiting.clear()
    engine.directory.change_user(user.id, job_title="Head of Buying")
    assert names(engine.run(user_principal_names=[user.id]), "updated_contacts") == ["ann"]
    engine.queue.waiting.extend(waiting)
    engine.work()
    assert engine.report(full)["success"]
    (contact,) = engine.psa.contacts.values()
    assert contact.fields["job_title"] == "Head of Buying"


def test_creation_by_a_targeted_run_is_not_repeated_by_a_full_one(engine: Engine) -> None:
    engine.directory.add_user("ann")
    full = engine.request(sync_mode="full")
    engine.work(until="upsert")
    waiting = [*engine.queue.waiting]
    engine.queue.waiting.clear()
    engine.run(user_principal_names=["ann@contoso.com"])
    engine.queue.waiting.extend(waiting)
    engine.work()
    assert counts(engine.report(full)) == (0, 0, 1, 0)
    assert len(engine.psa.contacts) == 1


def test_failed_user_that_a_targeted_run_mends_is_not_retried(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.with_timing(user_horizon_s=0.0)
    engine.psa.fail("create_contact", TransientError("server_error", vendor="connectwise"), times=9)
    assert not engine.run(sync_mode="full")["success"]
    engine.psa.heal()
    assert engine.store.memory.unfinished("contoso")
    engine.run(user_principal_names=["ann@contoso.com"])
    assert engine.store.memory.unfinished("contoso") == {}


@pytest.mark.parametrize("inputs", [{"company_id": "251"}, {"update_existing": False}], ids=str)
def test_restricted_targeted_run_leaves_the_retry_set_alone(engine: Engine, inputs: Json) -> None:
    engine.psa.add_company("251")
    user = engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.with_timing(user_horizon_s=0.0)
    engine.directory.change_user(user.id, job_title="Buyer")
    engine.psa.fail("update_contact", TransientError("server_error", vendor="connectwise"), times=9)
    engine.run()
    engine.psa.heal()
    engine.run(user_principal_names=[user.id], **inputs)
    assert names(engine.run(), "updated_contacts") == ["ann"]


def test_company_of_a_run_is_where_named_users_go(engine: Engine) -> None:
    engine.psa.add_company("251")
    engine.directory.add_user("ann")
    report = engine.run(user_principal_names=["ann@contoso.com"], company_id="251")
    assert report["created_contacts"][0]["psa_company_id"] == "251"
