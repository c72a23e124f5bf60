"""Situations of whole connectors, by their real causes on the sandbox: doors, companies, links, inputs.

One installation for all tests; each puts back what it changed. ops/docs/what-happens-when.md names these tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fakes.reports import assert_one_error, codes, counts
from tests.integration.stack import Json, Stack, running_stack, wait_for
from worker.cli.sandbox import PSA_KEYS

RUN_S = 60
OPEN = """\
guard.creations = { absolute = 1000, small_absolute = 1000 }
guard.rewrites = { absolute = 1000, small_absolute = 1000 }
"""
SOON = {"instance_horizon_s": 2.0, "retry_horizon_s": 2.0}
ROLES = ["User.Read.All", "Directory.Read.All", "Organization.Read.All"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("connectors")
    with running_stack(folder, users=5, connectors=connectors(), timing=SOON) as running:
        running.start_worker()
        wait_for(lambda: len(running.store.presence.living()) == 1, timeout_s=RUN_S, what=running.log)
        for name in connectors():
            assert "ModeChanged" in codes(running.wait(running.request(name), timeout_s=RUN_S), "warnings")
        yield running


def connectors(**settings: str) -> dict[str, str]:
    return {name: settings.get(name, "") + OPEN for name in ("demo", "second", "third")}


def run(stack: Stack, connector: str = "second", **inputs: Any) -> Json:
    return stack.wait(stack.request(connector, **inputs), timeout_s=RUN_S)


@contextmanager
def app(stack: Stack, **wrong: Any) -> Iterator[None]:
    """Change the app in the second tenant, with no token left, for as long as the block lasts."""
    tenant = stack.facts["tenants"][1]["tenant_id"]
    target = {"tenant": tenant, "client_id": stack.facts["multi_tenant_app"]["client_id"]}
    good = {"roles": ROLES, "secret_expired": False, "enabled": True}
    stack.mutate(op="graph.set_app", **target, **wrong)
    stack.mutate(op="graph.revoke_tokens", tenant=tenant)
    yield
    stack.mutate(op="graph.set_app", **target, **{name: good[name] for name in wrong})
    stack.mutate(op="graph.revoke_tokens", tenant=tenant)
    assert run(stack)["success"]


def new_user(stack: Stack, name: str, *, tenant: int = 1, **properties: Any) -> Json:
    facts = stack.facts["tenants"][tenant]
    mail = f"{name}@{facts['domain']}"
    defaults = {"userPrincipalName": mail, "mail": mail, "givenName": "Given", "surname": name.title()}
    user: Json = stack.mutate(op="graph.create_user", tenant=facts["tenant_id"], set={**defaults, **properties})
    return user


# --- doors that are shut ---


def test_missing_permission_is_named_in_one_error(stack: Stack) -> None:
    with app(stack, roles=[]):
        report = run(stack)
        assert_one_error(report, "PermissionDenied")
        assert "User.Read.All" in report["errors"][0]["message"]
        assert run(stack, "third")["success"], "another customer is none the worse"


def test_expired_secret_is_one_error(stack: Stack) -> None:
    with app(stack, secret_expired=True):
        report = run(stack)
    assert_one_error(report, "PermissionDenied")
    assert "secret" in report["errors"][0]["message"]


def test_revoked_consent_is_one_error(stack: Stack) -> None:
    with app(stack, enabled=False):
        report = run(stack)
    assert_one_error(report, "PermissionDenied")
    assert "consent" in report["errors"][0]["message"]


def test_consent_revoked_in_mid_run_stops_it_with_one_error(stack: Stack) -> None:
    new_user(stack, "midway")
    body = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}
    tenant = stack.facts["tenants"][1]["tenant_id"]
    match = {"vendor": "graph", "tenant": tenant}
    stack.fault("status", match=match, times=None, after=2, status=403, body=body)
    report = run(stack, sync_mode="full")
    stack.control.delete("faults")
    assert_one_error(report, "PermissionDenied")
    assert counts(run(stack)) == (1, 0, 0, 0), "the link did not move"


def test_wrong_psa_key_is_one_error(stack: Stack) -> None:
    stack.mutate(op="psa.set_credentials", private_key="another")
    report = run(stack, sync_mode="full")
    stack.mutate(op="psa.set_credentials", private_key=stack.facts["connectwise"]["private_key"])
    assert_one_error(report, "PermissionDenied")
    assert "PSA key" in report["errors"][0]["message"]
    assert run(stack, sync_mode="full")["success"]


def test_psa_key_without_the_right_to_write_stops_the_run(stack: Stack) -> None:
    new_user(stack, "unwritten")
    stack.mutate(op="psa.set_credentials", rights=["contacts.read", "companies.read"])
    report = run(stack)
    stack.mutate(op="psa.set_credentials", rights=["contacts.read", "contacts.write", "companies.read"])
    assert codes(report) == ["PermissionDenied"]
    assert not report["success"]
    assert counts(run(stack))[0] == 1


def test_company_that_was_deleted_is_one_error(stack: Stack) -> None:
    company = stack.facts["tenants"][1]["company_id"]
    stack.mutate(op="psa.update_company", company=company, set={"deletedFlag": True})
    report = run(stack)
    stack.mutate(op="psa.update_company", company=company, set={"deletedFlag": False})
    assert_one_error(report, "MissingCompanyID")
    assert company in report["errors"][0]["message"]


def test_inactive_company_still_gets_its_contacts(stack: Stack) -> None:
    company = stack.facts["tenants"][1]["company_id"]
    active = stack.mutate(op="psa.update_company", company=company, set={})["status"]
    stack.mutate(op="psa.deactivate_company", company=company)
    new_user(stack, "inactive.company")
    report = run(stack)
    stack.mutate(op="psa.update_company", company=company, set={"status": active})
    assert (counts(report)[0], report["errors"]) == (1, [])


def test_graph_that_stays_away_is_one_error(stack: Stack) -> None:
    stack.fault("status", match={"vendor": "graph"}, times=None, status=503, body="empty")
    report = run(stack)
    stack.control.delete("faults")
    assert_one_error(report, "GraphConnectionError")


def test_answer_of_unknown_shape_is_one_error(stack: Stack) -> None:
    stack.fault("status", match={"vendor": "graph", "path": "/users"}, times=None, status=200, body={"odd": []})
    report = run(stack)
    stack.control.delete("faults")
    assert_one_error(report, "UnexpectedAnswer")


# --- links and configuration ---


def test_dead_delta_link_makes_the_run_full(stack: Stack) -> None:
    stack.fault("dead_delta", match={"vendor": "graph"}, times=1, status=410)
    report = run(stack)
    assert (report["sync_mode"], report["success"]) == ("full", True)
    assert "ModeChanged" in codes(report, "warnings")
    assert run(stack)["sync_mode"] == "incremental"


def test_entries_that_a_delta_names_again_write_nothing(stack: Stack) -> None:
    run(stack)
    stack.mutate(op="graph.replay", tenant=stack.facts["tenants"][1]["tenant_id"])
    last = stack.last_write()
    report = run(stack)
    assert report["statistics"]["users_processed"] > 0
    assert (counts(report)[:2], stack.writes(since=last)) == ((0, 0), [])


def test_changed_filter_makes_the_run_full_and_reports_who_is_out_now(stack: Stack) -> None:
    user = new_user(stack, "filtered", department="IT")
    assert counts(run(stack))[0] == 1
    stack.publish(connectors(second="office365_sync_filter = \"user.department != 'IT'\"\n"))
    report = run(stack)
    stack.publish(connectors())
    assert (report["sync_mode"], report["success"]) == ("full", True)
    assert {"ModeChanged", "UserOutOfScope"} <= set(codes(report, "warnings"))
    rules = {row["user_principal_name"]: row["rule"] for row in report["excluded"]}
    assert rules[user["userPrincipalName"]] == "office365_sync_filter"


def test_changed_mapping_makes_the_run_full_and_is_written_everywhere(stack: Stack) -> None:
    stack.publish(connectors(second="field_mapping.job_title = \"{{ user.jobTitle | default('-') }} (M365)\"\n"))
    report = run(stack)
    stack.publish(connectors())
    assert report["sync_mode"] == "full"
    assert report["updated_contacts"]
    assert {tuple(row["changed_fields"]) for row in report["updated_contacts"]} == {("job_title",)}


def test_run_by_hand_goes_ahead_where_automatic_sync_is_off(stack: Stack) -> None:
    stack.publish(connectors(third="office365_sync_enabled = false\n"))
    report = run(stack, "third")
    stack.publish(connectors())
    assert report["success"]
    assert "SyncDisabled" in codes(report, "warnings")


# --- inputs ---


def test_unknown_name_is_its_error_and_the_others_go_on(stack: Stack) -> None:
    known, disabled = new_user(stack, "named"), new_user(stack, "asleep", accountEnabled=False)
    names = [" " + str(known["userPrincipalName"]).upper(), "nobody@nowhere.example", disabled["userPrincipalName"]]
    report = run(stack, user_principal_names=names)
    assert counts(report) == (1, 0, 0, 1)
    assert [(row["user_principal_name"], row["code"]) for row in report["errors"]] == [(names[1], "UserNotFound")]
    assert [row["rule"] for row in report["excluded"]] == ["disabled"]


def test_several_departments_and_a_location_fold_and_trim(stack: Stack) -> None:
    new_user(stack, "north", department="Sales", officeLocation="North")
    new_user(stack, "south", department="IT", officeLocation=" south ")
    new_user(stack, "legal", department="Legal", officeLocation="South")
    inputs = {"sync_mode": "full", "department_filter": " sALES ,it", "office_location_filter": "SOUTH,West"}
    dry = run(stack, **inputs, dry_run=True)
    report = run(stack, **inputs)
    made = [
        [row["display_name"] or row["user_principal_name"] for row in each["created_contacts"]]
        for each in (dry, report)
    ]
    assert made[0] == made[1]
    assert [row["user_principal_name"].partition("@")[0] for row in report["created_contacts"]] == ["south"]


def test_company_of_one_run_moves_nobody_and_is_forgotten(stack: Stack) -> None:
    run(stack)
    last = stack.last_write()
    report = run(stack, sync_mode="full", company_id="251")
    assert set(codes(report)) == {"CompanyMismatch"}
    assert stack.writes(since=last) == []
    assert run(stack, sync_mode="full")["success"]


def test_existing_contacts_are_left_alone_and_new_ones_made(stack: Stack) -> None:
    kept = new_user(stack, "kept", jobTitle="Buyer")
    run(stack)
    tenant = stack.facts["tenants"][1]["tenant_id"]
    stack.mutate(op="graph.update_user", tenant=tenant, user=kept["id"], set={"jobTitle": "Director"})
    new_user(stack, "added")
    report = run(stack, update_existing=False)
    assert counts(report)[:2] == (1, 0)
    after = run(stack)
    assert [row["changed_fields"] for row in after["updated_contacts"]] == [["job_title"]]


# --- another PSA ---


def test_surname_that_the_psa_requires_is_missing(stack: Stack) -> None:
    keys = "\n".join(f'{name} = "{stack.facts["autotask"][name]}"' for name in PSA_KEYS["autotask"])
    table = f'\n[psa.autotask]\nkind = "autotask"\n{keys}\nca_file = "{stack.facts["ca_file"]}"\n'
    user = new_user(stack, "prince", tenant=2, surname=None, displayName="Prince")
    stack.publish({**connectors(), "third": f'psa = "autotask"\n{OPEN}{table}'})
    report = run(stack, "third", sync_mode="full")
    stack.publish(connectors())
    rows = [row for row in report["errors"] if row["user_principal_name"] == user["userPrincipalName"]]
    assert [row["code"] for row in rows] == ["UserDataIncomplete"]
    assert "last_name" in rows[0]["message"]
