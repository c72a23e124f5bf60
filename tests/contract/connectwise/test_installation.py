"""What is ConnectWise's own: faults, keys, upgrades, items, custom fields, paging beyond one page."""

import threading
from typing import Any

import pytest

from adapters.connectwise import ConnectWiseContacts, FieldSettings
from adapters.errors import (
    InstanceError,
    NotFoundError,
    RecordError,
    SyncError,
    WireError,
)
from adapters.records import Contact
from tests.contract.connectwise.psas import COMPANY, OTHER_COMPANY, SandboxPsa, change, draft, object_id, permit
from tests.fakes.budget import DiaryBudget


def items(psa: SandboxPsa, contact_id: str) -> dict[int, tuple[Any, ...]]:
    """Return a contact's items by id."""
    rows = psa.raw(contact_id).get("communicationItems", [])
    return {row["id"]: (row["type"]["id"], row["value"], row.get("extension"), row["defaultFlag"]) for row in rows}


def item(value: str, kind: int, *, default: bool = False) -> dict[str, Any]:
    communication_class = "Email" if "@" in value else "Fax" if kind == 31 else "Phone"
    return {"type": {"id": kind}, "value": value, "defaultFlag": default, "communicationType": communication_class}


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["null", "{}", '{"items": []}', "[[]]"])
def test_answer_of_unknown_shape_is_no_empty_company(sandbox_psa: SandboxPsa, body: str) -> None:
    sandbox_psa.port.fetch_schema()
    headers = {"content-type": "application/json"}
    sandbox_psa.fault("status", status=200, body=body, headers=headers)
    with pytest.raises(WireError):
        sandbox_psa.port.fetch_contacts(COMPANY)


# --- keys, rights, address --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["public_key", "private_key", "client_id"])
def test_wrong_key_stops_the_instance(sandbox_psa: SandboxPsa, key: str) -> None:
    access: dict[str, Any] = {key: "wrong"}
    with pytest.raises(InstanceError) as caught:
        sandbox_psa.contacts(**access).check()
    assert caught.value.reason == "credentials_refused"
    assert "wrong" not in str(caught.value)


def test_unknown_login_company_stops_the_instance(sandbox_psa: SandboxPsa) -> None:
    with pytest.raises(InstanceError) as caught:
        sandbox_psa.contacts(company="nobody").fetch_schema()
    assert caught.value.reason == "company_unknown"


def test_missing_rights_are_told_apart_from_wrong_keys(sandbox_psa: SandboxPsa) -> None:
    sandbox_psa.sandbox.mutate("psa.set_credentials", rights=["contacts.read"])
    facts = sandbox_psa.contacts().check()
    assert facts.missing == ("companies",)
    with pytest.raises(InstanceError) as caught:
        sandbox_psa.port.create_contact(draft(), permit=permit)
    assert caught.value.reason == "permission_missing"


def test_check_of_a_sound_installation(sandbox_psa: SandboxPsa) -> None:
    facts = sandbox_psa.contacts().check()
    assert (facts.codebase, facts.vendor_sync, facts.missing) == ("v2026_1/", False, ())
    assert facts.version


def test_upgrade_is_survived_by_reads_and_writes_of_many_threads(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.contacts()
    contact = port.create_contact(draft(), permit=permit)
    sandbox_psa.sandbox.mutate("psa.upgrade", codebase="v2026_2/")
    assert port.update_contact(change(contact, active=False), permit=permit).active is False
    sandbox_psa.sandbox.mutate("psa.upgrade", codebase="v2026_3/")
    errors: list[Exception] = []

    def read() -> None:
        try:
            port.fetch_contact(contact.id)
        except SyncError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# --- whole companies --------------------------------------------------------------------------------------------------


def test_company_of_more_than_one_page_is_read_in_two_calls(sandbox_psa: SandboxPsa) -> None:
    operations = [
        {"op": "psa.create_contact", "company": COMPANY, "set": {"firstName": f"N{number}"}} for number in range(1001)
    ]
    sandbox_psa.sandbox.post("mutate", {"operations": operations})
    budget = DiaryBudget()
    port = sandbox_psa.contacts(budget=budget)
    port.fetch_schema()
    spent = budget.left
    first, cursor = port.fetch_contacts(COMPANY)
    second, end = port.fetch_contacts(COMPANY, cursor)
    assert spent - budget.left == 2
    assert (len(first), len(second), end) == (1000, 1, None)
    assert port.count_contacts(COMPANY) == len({contact.id for contact in first + second})


# --- items ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffled", [False, True])
def test_items_of_others_are_left_alone(sandbox_psa: SandboxPsa, shuffled: bool) -> None:
    sandbox_psa.sandbox.settings(connectwise__shuffle_items=shuffled)
    theirs = [item("1", 31), item("private@home.example", 37), item("2", 34), item("alias@contoso.example", 13)]
    ours = [item("old@contoso.example", 13, default=True), item("3", 22, default=True), item("4", 26)]
    contact_id = sandbox_psa.add_raw(communicationItems=[*theirs[:2], ours[0], theirs[2], *ours[1:], theirs[3]])
    before = items(sandbox_psa, contact_id)
    contact = sandbox_psa.port.fetch_contact(contact_id)

    wanted = change(contact, fields={"email": "new@contoso.example", "phone": "30 x1", "mobile_phone": None})
    after = sandbox_psa.port.update_contact(wanted, permit=permit)

    assert (after.fields["email"], after.fields["phone"]) == ("new@contoso.example", "30 x1")
    assert "mobile_phone" not in after.fields
    kept = items(sandbox_psa, contact_id)
    values = {row[1] for row in before.values()} - {"old@contoso.example", "3", "4"}
    assert {number: row for number, row in kept.items() if row[1] in values} == {
        number: row for number, row in before.items() if row[1] in values
    }
    assert len(kept) == len(before) - 1


def test_wanted_address_that_is_there_already_becomes_the_default(sandbox_psa: SandboxPsa) -> None:
    addresses = [item("old@contoso.example", 13, default=True), item("New@contoso.example", 37)]
    contact = sandbox_psa.port.fetch_contact(sandbox_psa.add_raw(communicationItems=addresses))
    after = sandbox_psa.port.update_contact(change(contact, fields={"email": "new@contoso.example"}), permit=permit)
    assert after.emails == ("New@contoso.example", "old@contoso.example")


def test_addresses_and_numbers_are_added_where_there_were_none(sandbox_psa: SandboxPsa) -> None:
    contact = sandbox_psa.port.fetch_contact(sandbox_psa.add())
    fields: dict[str, str | None] = {"email": "a@contoso.example", "phone": "1 x2", "mobile_phone": "3"}
    after = sandbox_psa.port.update_contact(change(contact, fields=fields), permit=permit)
    assert {name: after.fields[name] for name in fields} == fields
    defaults = {row[0]: row[3] for row in items(sandbox_psa, contact.id).values()}
    assert defaults == {13: True, 22: True, 26: False}


def test_control_characters_leave_no_difference_behind(sandbox_psa: SandboxPsa) -> None:
    contact = sandbox_psa.port.create_contact(draft(job_title="Head\r\nof\x08 Sales"), permit=permit)
    assert contact.fields["job_title"] == "Head of Sales"


def test_contact_with_a_site_moves_to_the_main_site_of_the_new_company(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.port
    [(old_site, _)] = port.fetch_sites(COMPANY)
    [(new_site, _)] = port.fetch_sites(OTHER_COMPANY)
    contact = port.create_contact(draft().model_copy(update={"site_id": old_site}), permit=permit)
    wanted = change(contact, moves=True).model_copy(update={"company_id": OTHER_COMPANY})
    after = port.update_contact(wanted, permit=permit)
    assert (after.company_id, after.site_id) == (OTHER_COMPANY, new_site)


# --- custom fields ----------------------------------------------------------------------------------------------------


def test_object_id_is_kept_in_a_custom_field(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.contacts(settings=FieldSettings(entra_id_field="EntraId"))
    contact = port.create_contact(draft(), permit=permit)
    assert contact.entra_id == object_id(1)
    after = port.update_contact(change(contact, entra_id=object_id(2)), permit=permit)
    assert after.entra_id == object_id(2)
    assert [c.id for c in port.find_contacts([COMPANY], entra_id=object_id(2), emails=[])] == [contact.id]
    page, _ = port.fetch_contacts(COMPANY)
    assert [c.entra_id for c in page] == [object_id(2)]


def test_unknown_caption_is_a_fault_of_the_configuration(sandbox_psa: SandboxPsa) -> None:
    port = sandbox_psa.contacts(settings=FieldSettings(entra_id_field="Nope"))
    with pytest.raises(InstanceError) as caught:
        port.fetch_schema()
    assert caught.value.reason == "entra_id_field_unknown"


def test_installation_that_demands_custom_fields_in_every_patch_gets_them(sandbox_psa: SandboxPsa) -> None:
    sandbox_psa.sandbox.settings(connectwise__demand_custom_fields_op=True)
    contact_id = sandbox_psa.add_raw(customFields=[{"id": 15, "value": "theirs"}])
    budget = DiaryBudget()
    port = sandbox_psa.contacts(budget=budget)
    contact = port.fetch_contact(contact_id)
    assert _title(port, contact, "Chief") == "Chief"
    left = budget.left
    assert _title(port, contact, "Buyer") == "Buyer"
    assert left - budget.left == 2
    assert sandbox_psa.raw(contact_id)["customFields"][0]["value"] == "theirs"


def _title(port: ConnectWiseContacts, contact: Contact, title: str) -> str:
    return port.update_contact(change(contact, fields={"job_title": title}), permit=permit).fields["job_title"]


# --- companies and cost -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("company_id", "active", "deleted"), [("250", True, False), ("252", False, False), ("253", False, True)]
)
def test_company_is_read_with_its_state(sandbox_psa: SandboxPsa, company_id: str, active: bool, deleted: bool) -> None:
    company = sandbox_psa.port.fetch_company(company_id)
    assert (company.active, company.deleted) == (active, deleted)
    assert company.domains


def test_company_that_was_removed_is_not_found(sandbox_psa: SandboxPsa) -> None:
    with pytest.raises(NotFoundError):
        sandbox_psa.port.fetch_company("77777")


def test_calls_cost_what_they_say(sandbox_psa: SandboxPsa) -> None:
    budget = DiaryBudget()
    port = sandbox_psa.contacts(budget=budget)

    def cost() -> int:
        spent = len([entry for entry in budget.diary if entry == "reserve"])
        budget.diary.clear()
        return spent

    port.fetch_schema()
    assert cost() == 1 + 4  # the codebase, once
    port.fetch_company(COMPANY)
    assert cost() == 1
    port.fetch_sites(COMPANY)
    port.fetch_sites(COMPANY)
    assert cost() == 1
    contact = port.create_contact(draft(email="a@contoso.example"), permit=permit)
    assert cost() == 1
    port.update_contact(change(contact, fields={"job_title": "Chief"}, active=False), permit=permit)
    assert cost() == 1
    port.update_contact(change(contact, fields={"email": "b@contoso.example"}), permit=permit)
    assert cost() == 2
    port.find_contacts([COMPANY], entra_id=object_id(1), emails=["a@contoso.example", "b@contoso.example"])
    assert cost() == 2
    port.find_namesakes([COMPANY], first_name="Ann", last_name="")
    assert cost() == 1
    port.fetch_contacts(COMPANY)
    assert cost() == 1
    port.count_contacts(COMPANY)
    assert cost() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"job_title": "x" * 60}, "job_title"), ({"department": "No such department"}, "department")],
)
def test_value_that_does_not_fit_is_refused_with_its_field(
    sandbox_psa: SandboxPsa, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(RecordError) as caught:
        sandbox_psa.port.create_contact(draft(**fields), permit=permit)
    assert caught.value.field == field
    assert sandbox_psa.port.count_contacts(COMPANY) == 0


def test_contact_type_is_given_to_new_contacts_and_taken_from_none(sandbox_psa: SandboxPsa) -> None:
    types = sandbox_psa.port.fetch_schema().contact_types
    (employee, _), (other, _) = types[0], types[1]
    wanted = draft(email="a@contoso.example").model_copy(update={"contact_type": employee})
    made = sandbox_psa.port.create_contact(wanted, permit=permit)
    assert [str(each["id"]) for each in sandbox_psa.raw(made.id)["types"]] == [employee]
    by_hand = sandbox_psa.add_raw(typeIds=[int(other)])
    for contact_id in (made.id, by_hand):
        contact = sandbox_psa.port.fetch_contact(contact_id)
        before = sandbox_psa.raw(contact_id)["types"]
        sandbox_psa.port.update_contact(change(contact, fields={"job_title": "Chief"}, active=False), permit=permit)
        assert sandbox_psa.raw(contact_id)["types"] == before
