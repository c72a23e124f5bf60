"""Two runs at once: of one connector, of one user, of one address that two customers share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.exact import assert_exact, assert_one_contact_each
from tests.integration.stack import Json, Stack, running_stack, wait_for

SLOW_PER_MINUTE = 600  # calls: a full run of 120 users takes about ten seconds
CREATIONS = {"vendor": "connectwise", "path": "/company/contacts$", "method": "POST"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    connectors = {"demo": "", "second": ""}
    with running_stack(tmp_path, users=120, requests_per_minute=SLOW_PER_MINUTE, connectors=connectors) as running:
        running.start_worker()
        wait_for(lambda: len(running.store.presence.living()) == 1, timeout_s=30, what=running.log)
        yield running


def test_second_full_run_is_answered_with_the_one_that_is_going_on(stack: Stack) -> None:
    running = start_full_run(stack)
    for mode in ("full", "incremental"):
        refused = stack.run(sync_mode=mode, timeout_s=20)
        assert refused["success"] is False
        assert [(row["code"], row["user_principal_name"]) for row in refused["errors"]] == [("ConnectorBusy", None)]
        assert running in refused["errors"][0]["message"]
        assert refused["statistics"]["users_processed"] == 0
    assert stack.store.reports.head(running) is None, "the full run ended before the others were refused"
    assert_exact(stack, stack.wait(running))


def test_named_user_does_not_wait_for_the_full_run_and_gets_one_contact(stack: Stack) -> None:
    expected = stack.control.get("truth").json()["users"]
    new = [user for user in expected if user["outcome"] == "created"]
    last = max(new, key=lambda user: str(user["id"]))  # full runs write in the order of ids
    running = start_full_run(stack)
    assert stack.contacts_of(last["desired"]["email"]) == []
    targeted = stack.run(user_principal_names=[last["user_principal_name"]], timeout_s=20)
    assert stack.store.reports.head(running) is None, "the full run ended first"
    assert targeted["statistics"]["contacts_created"] == 1
    full = stack.wait(running)
    assert_one_contact_each(stack)
    created = {row["office365_id"] for row in full["created_contacts"]}
    assert last["id"] not in created
    assert full["statistics"]["contacts_created"] + 1 == len(new)
    assert full["statistics"]["errors"] == sum(user["outcome"] == "error" for user in expected)


def test_named_twice_at_the_same_moment_is_written_once(stack: Stack) -> None:
    users = [user for user in stack.control.get("truth").json()["users"] if user["outcome"] == "created"]
    names = [user["user_principal_name"] for user in users[:10]]
    runs = [stack.request(user_principal_names=names) for _ in range(3)]
    reports = [stack.wait(run_id) for run_id in runs]
    assert [report["errors"] for report in reports] == [[], [], []]
    assert sum(report["statistics"]["contacts_created"] for report in reports) == len(names)
    assert sum(report["statistics"]["contacts_updated"] for report in reports) == 0
    assert len(stack.writes()) == len(names)


def test_one_address_in_two_customers_of_one_company_is_one_contact(tmp_path: Path) -> None:
    connectors = {"demo": "", "second": 'company_rules = [{ when = "true", company_id = "250" }]'}
    with running_stack(tmp_path, users=20, connectors=connectors) as stack:
        shared = {"displayName": "Sam Shared", "surname": "Shared", "mail": "sam.shared@shared.example"}
        for tenant in stack.facts["tenants"][:2]:
            name = f"sam.shared@{tenant['domain']}"
            stack.mutate(op="graph.create_user", tenant=tenant["tenant_id"], set={**shared, "userPrincipalName": name})
        stack.fault("slow", match={**CREATIONS, "body": shared["mail"]}, times=1, seconds=1.5)  # the other one decides
        stack.start_worker()
        runs = [stack.request(connector, sync_mode="full") for connector in connectors]
        reports = [stack.wait(run_id) for run_id in runs]
        assert stack.fired() == 1
        assert len(stack.contacts_of("sam.shared@shared.example")) == 1
        ours = [outcome_of(report, "sam.shared@") for report in reports]
        assert sorted(ours) == ["DuplicateContact", "created"]


def start_full_run(stack: Stack) -> str:
    """Start a full run and see it write."""
    run_id = stack.request(sync_mode="full")
    wait_for(lambda: len(stack.writes()) > 5, timeout_s=40, what=lambda: stack.state(run_id))
    return run_id


def outcome_of(report: Json, name: str) -> str:
    rows = [*report["created_contacts"], *report["updated_contacts"], *report["errors"]]
    (row,) = [row for row in rows if row["user_principal_name"].startswith(name)]
    return str(row.get("status") or row["code"])
