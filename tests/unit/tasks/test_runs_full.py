"""Full runs: everybody in scope has one contact, and a second run has nothing to do."""

import pytest

from adapters.records import Contact
from tests.fakes.engine import Engine
from tests.fakes.reports import codes, counts, names


def contact_of(engine: Engine, name: str) -> Contact:
    """Return the one contact that has this user's address."""
    (found,) = (contact for contact in engine.psa.contacts.values() if f"{name}@contoso.com" in contact.emails)
    return found


def test_everybody_in_scope_gets_one_contact_and_a_second_run_writes_nothing(engine: Engine) -> None:
    users = [engine.directory.add_user() for _ in range(23)]
    first = engine.run(sync_mode="full")
    assert first["success"]
    assert counts(first) == (23, 0, 0, 0)
    assert {row["office365_id"] for row in first["created_contacts"]} == {user.id for user in users}
    assert {row["psa_contact_id"] for row in first["created_contacts"]} == set(engine.psa.contacts)
    writes = len(engine.psa.writes)
    second = engine.run(sync_mode="full")
    assert second["success"]
    assert counts(second) == (0, 0, 23, 0)
    assert len(engine.psa.writes) == writes == 23


def test_empty_tenant_is_a_success_with_nothing_in_it(engine: Engine) -> None:
    report = engine.run(sync_mode="full")
    assert report["success"]
    assert counts(report) == (0, 0, 0, 0)
    assert report["statistics"]["total_office365_users"] == 0


def test_report_says_what_was_written_where(engine: Engine) -> None:
    user = engine.directory.add_user("ann", business_phones=("+49 30 123",), job_title="Buyer")
    report = engine.run(sync_mode="full")
    (row,) = report["created_contacts"]
    contact = contact_of(engine, "ann")
    assert row.pop("changes")["job_title"] == [None, "Buyer"]
    assert row == {
        "office365_id": user.id,
        "user_principal_name": "ann@contoso.com",
        "display_name": "Ann Example",
        "psa_contact_id": contact.id,
        "psa_company_id": "250",
        "status": "created",
    }
    assert contact.entra_id == user.id
    assert contact.fields["job_title"] == "Buyer"
    assert report["sync_mode"] == "full"
    assert report["run_id"]
    assert report["warnings"] == []


def test_changed_fields_are_named_and_written_alone(engine: Engine) -> None:
    user = engine.directory.add_user("ann", job_title="Buyer", business_phones=("+49 30 123",))
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, job_title="Head of Buying", business_phones=("+49 30 999",))
    report = engine.run(sync_mode="full")
    assert counts(report) == (0, 1, 0, 0)
    (row,) = report["updated_contacts"]
    assert row["changed_fields"] == ["phone", "job_title"]
    assert row["status"] == "updated"
    assert engine.psa.writes[-1].written.fields == {"phone": "+49 30 999", "job_title": "Head of Buying"}


def test_existing_contact_is_found_by_address_and_keeps_what_is_right(engine: Engine) -> None:
    user = engine.directory.add_user("ann")
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="Ann@Contoso.com")
    report = engine.run(sync_mode="full")
    assert counts(report) == (0, 1, 0, 0)
    assert report["updated_contacts"][0]["changed_fields"] == ["entra_id"]
    assert [contact.entra_id for contact in engine.psa.contacts.values()] == [user.id]


def test_user_without_a_phone_is_warned_of_once_its_contact_is_made(engine: Engine) -> None:
    engine.directory.add_user("ann")
    report = engine.run(sync_mode="full")
    (warning,) = report["warnings"]
    assert warning["code"] == "MissingPhoneNumber"
    assert warning["message"] == "User missing phone number, contact created without phone"
    assert warning["user_principal_name"] == "ann@contoso.com"
    assert warning["timestamp"].endswith("Z")


def test_users_out_of_scope_count_only_as_excluded(engine: Engine) -> None:
    engine.directory.add_user("ann")
    engine.directory.add_user("bob", account_enabled=False)
    engine.directory.add_user("guest", user_type="Guest")
    engine.directory.add_user("room", mail=None)
    report = engine.run(sync_mode="full")
    assert counts(report) == (1, 0, 0, 0)
    assert {(row["user_principal_name"], row["rule"]) for row in report["excluded"]} == {
        ("bob@contoso.com", "disabled"),
        ("guest@contoso.com", "guest"),
        ("room@contoso.com", "no mail"),
    }
    assert report["statistics"]["total_office365_users"] == 3  # enabled ones, guests included
    assert report["success"]


def test_only_the_wanted_departments_and_locations(engine: Engine) -> None:
    engine.directory.add_user("ann", department="Sales", office_location="Berlin")
    engine.directory.add_user("bob", department=" SALES ", office_location="Paris")
    engine.directory.add_user("cid", department="IT", office_location="Berlin")
    engine.directory.add_user("dan", office_location="Berlin")
    report = engine.run(sync_mode="full", department_filter="sales, Accounting")
    assert names(report, "created_contacts") == ["ann", "bob"]
    report = engine.run(sync_mode="full", office_location_filter=" berlin ")
    assert names(report, "created_contacts") == ["cid", "dan"]
    assert counts(report) == (2, 0, 1, 0)
    assert [row["rule"] for row in report["excluded"]] == ["office_location_filter"]


def test_existing_contacts_are_left_alone_on_demand(engine: Engine) -> None:
    engine.directory.add_user("ann", job_title="Buyer")
    engine.directory.add_user("bob")
    engine.psa.add_contact(first_name="Ann", email="ann@contoso.com")
    report = engine.run(sync_mode="full", update_existing=False)
    assert counts(report) == (1, 0, 1, 0)
    assert names(report, "created_contacts") == ["bob"]
    assert "job_title" not in contact_of(engine, "ann").fields
    assert contact_of(engine, "ann").entra_id is None
    report = engine.run(sync_mode="full")
    assert names(report, "updated_contacts") == ["ann"]


def test_disabled_users_contacts_are_updated_on_demand_but_neither_switched_nor_made(engine: Engine) -> None:
    engine.directory.add_user("ann", account_enabled=False, job_title="Buyer")
    engine.directory.add_user("bob", account_enabled=False, job_title="Buyer")
    engine.directory.add_user("cid", account_enabled=False)
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com")
    engine.psa.add_contact(first_name="Bob", last_name="Example", email="bob@contoso.com", active=False)
    report = engine.run(sync_mode="full", skip_disabled_users=False)
    assert names(report, "updated_contacts") == ["ann", "bob"]
    assert counts(report) == (0, 2, 1, 0)
    assert contact_of(engine, "ann").active
    assert not contact_of(engine, "bob").active
    assert report["statistics"]["total_office365_users"] == 0
    assert report["success"]


def test_inactive_contact_is_switched_on_again_with_a_warning(engine: Engine) -> None:
    engine.directory.add_user("ann", business_phones=("1",))
    engine.psa.add_contact(first_name="Ann", last_name="Example", email="ann@contoso.com", active=False, phone="1")
    report = engine.run(sync_mode="full")
    (row,) = report["updated_contacts"]
    assert row["changed_fields"] == ["entra_id", "active"]
    assert codes(report, "warnings") == ["ContactReactivated"]
    assert contact_of(engine, "ann").active


def test_namesake_without_address_is_refused_not_doubled(engine: Engine) -> None:
    engine.directory.add_user("ann")
    namesake = engine.psa.add_contact(first_name="ANN", last_name="example")
    report = engine.run(sync_mode="full")
    assert codes(report) == ["DuplicateContact"]
    assert namesake.id in report["errors"][0]["message"]
    assert engine.psa.writes == []
    assert not report["success"]


def test_deleted_contact_is_made_anew_with_a_warning(engine: Engine) -> None:
    engine.directory.add_user("ann", business_phones=("1",))
    engine.directory.add_user("bob", business_phones=("1",))
    engine.run(sync_mode="full")
    gone = contact_of(engine, "ann").id
    engine.psa.remove_contact(gone)
    report = engine.run(sync_mode="full")
    assert counts(report) == (1, 0, 1, 0)
    assert codes(report, "warnings") == ["ContactRecreated"]
    assert gone in report["warnings"][0]["message"]
    assert counts(engine.run(sync_mode="full")) == (0, 0, 2, 0)


def test_deleted_contact_is_reported_where_that_is_the_policy(engine: Engine) -> None:
    engine.configure(on_contact_deleted="report")
    engine.directory.add_user("ann")
    engine.run(sync_mode="full")
    engine.psa.remove_contact(contact_of(engine, "ann").id)
    report = engine.run(sync_mode="full")
    assert codes(report) == ["ContactDeleted"]
    assert engine.psa.contacts == {}


def test_contact_linked_in_another_company_is_reported_not_moved(engine: Engine) -> None:
    engine.psa.add_company("251")
    engine.directory.add_user("ann")
    engine.directory.add_user("bob")
    engine.run(user_principal_names=["ann@contoso.com"])
    report = engine.run(sync_mode="full", company_id="251")
    assert codes(report) == ["CompanyMismatch"]
    assert names(report, "errors") == ["ann"]
    assert [row["psa_company_id"] for row in report["created_contacts"]] == ["251"]
    assert contact_of(engine, "ann").company_id == "250"


def test_company_of_one_run_is_not_remembered(engine: Engine) -> None:
    engine.psa.add_company("251")
    engine.directory.add_user("ann")
    engine.run(sync_mode="full", company_id="251")
    engine.directory.add_user("bob")
    engine.run(sync_mode="full")
    assert contact_of(engine, "bob").company_id == "250"


def test_rules_say_the_company_and_a_contact_moves_where_that_is_the_policy(engine: Engine) -> None:
    rule = {"when": "user.officeLocation == 'Berlin'", "company_id": "251"}
    engine.psa.add_company("251")
    user = engine.directory.add_user("ann")
    engine.configure(company_rules=[rule], on_company_change="move")
    engine.run(sync_mode="full")
    engine.directory.change_user(user.id, office_location="Berlin")
    report = engine.run(sync_mode="full")
    (row,) = report["updated_contacts"]
    assert "company" in row["changed_fields"]
    assert row["psa_company_id"] == "251"
    assert contact_of(engine, "ann").company_id == "251"


def test_user_of_no_company_is_an_error_of_its_own(engine: Engine) -> None:
    rule = {"when": "user.officeLocation == 'Berlin'", "company_id": "250"}
    engine.configure(psa_default_company_id=None, company_rules=[rule])
    engine.directory.add_user("ann", office_location="Berlin")
    engine.directory.add_user("bob", office_location="Paris")
    report = engine.run(sync_mode="full")
    assert counts(report) == (1, 0, 0, 1)
    assert codes(report) == ["MissingCompanyID"]
    assert names(report, "errors") == ["bob"]


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_small_pages_of_both_vendors_change_nothing(engine: Engine, page_size: int) -> None:
    engine.directory.page_size = engine.psa.page_size = page_size
    engine.directory.blank_pages = True
    for number in range(5):
        engine.directory.add_user(f"new{number}")
        engine.directory.add_user(f"old{number}")
        engine.psa.add_contact(first_name=f"Old{number}", last_name="Example", email=f"old{number}@contoso.com")
    assert counts(engine.run(sync_mode="full")) == (5, 5, 0, 0)
    assert counts(engine.run(sync_mode="full")) == (0, 0, 10, 0)


def test_run_goes_by_the_configuration_it_began_with(engine: Engine) -> None:
    engine.directory.add_user("ann", department="Sales")
    engine.directory.add_user("bob", department="IT")
    run_id = engine.request(sync_mode="full")
    engine.work(until="fan_out")
    engine.configure(office365_sync_filter="user.department == 'Sales'", fingerprint="f2")
    engine.work()
    assert names(engine.report(run_id), "created_contacts") == ["ann", "bob"]


def test_run_by_hand_goes_ahead_with_a_warning_where_automatic_sync_is_off(engine: Engine) -> None:
    engine.configure(office365_sync_enabled=False)
    engine.directory.add_users(1)
    report = engine.run(sync_mode="full")
    assert counts(report) == (1, 0, 0, 0)
    assert codes(report, "warnings") == ["SyncDisabled"]
    assert report["success"]


def test_calls_stay_near_the_floor(engine: Engine) -> None:
    for number in range(40):
        engine.directory.add_user(f"u{number}")
    engine.run(sync_mode="full")
    engine.directory.calls.clear()
    engine.psa.calls.clear()
    engine.run(sync_mode="full")
    assert engine.directory.calls.total() <= 5  # the list, the delta, its link, the deleted users, the count
    assert engine.psa.calls == {"fetch_company": 1, "fetch_contacts": 1, "count_contacts": 1, "fetch_schema": 1}
