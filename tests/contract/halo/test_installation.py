"""What is Halo's own: faults, tokens, rights, shapes of errors, short lists, searches that are refused."""

import time
from typing import Any

import pytest

from adapters.errors import (
    AnswerLostError,
    InstanceError,
    NotFoundError,
    RecordError,
    TransientError,
    WireError,
)
from adapters.halo import FieldSettings
from tests.contract.halo.psas import COMPANY, HaloPsa, change, draft, object_id, permit
from tests.fakes.budget import DiaryBudget

SHAPES = ["exception", "message", "error", "result", "problem", "string", "text"]


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False])
def test_limit_of_five_minutes_is_met_as_throttling(psa: HaloPsa, tells: bool) -> None:
    psa.sandbox.settings(halo__retry_after=tells)
    psa.sandbox.post("limits", {"halo": {"per_5_minutes": 2}})
    psa.add_many(3)
    with pytest.raises(TransientError) as caught:
        psa.port.fetch_contacts(COMPANY)
    assert caught.value.reason == "throttled"
    assert (caught.value.retry_after_s is not None) is tells


@pytest.mark.parametrize("body", ["null", "{}", '{"users": []}', "[[]]"])
def test_answer_of_unknown_shape_is_no_empty_company(psa: HaloPsa, body: str) -> None:
    psa.fault("status", status=200, body=body, headers={"content-type": "application/json"})
    with pytest.raises(WireError):
        psa.port.fetch_contacts(COMPANY)


@pytest.mark.parametrize("kind", ["missing_items", "empty_page"])
def test_list_that_lacks_something_shows_in_the_count(psa: HaloPsa, kind: str) -> None:
    psa.add_many(10)
    psa.fault(kind, count=6, times=None)
    page, cursor = psa.port.fetch_contacts(COMPANY)
    while cursor is not None:
        further, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        page += further
    assert len(page) < 7
    assert psa.port.count_contacts(COMPANY) >= 10


# --- keys, rights, shapes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("key", ["client_id", "client_secret"])
def test_wrong_key_stops_the_instance(psa: HaloPsa, key: str, status: int) -> None:
    psa.sandbox.settings(halo__invalid_client_status=status)
    access: dict[str, Any] = {key: "wrong"}
    with pytest.raises(InstanceError) as caught:
        psa.contacts(**access).check()
    assert caught.value.reason == "credentials_refused"
    assert "wrong" not in str(caught.value)


def test_wrong_tenant_stops_the_instance(psa: HaloPsa) -> None:
    with pytest.raises(InstanceError) as caught:
        psa.contacts(tenant="nobody").check()
    assert (caught.value.reason, caught.value.status) == ("login_refused", 500)


def test_wrong_address_stops_the_instance(psa: HaloPsa) -> None:
    facts = psa.sandbox.facts["halo"]
    with pytest.raises(InstanceError) as caught:
        psa.contacts(resource_url=facts["resource_url"] + "/api").check()
    assert caught.value.reason == "endpoint_unknown"


def test_revoked_token_is_exchanged_unnoticed(psa: HaloPsa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    time.sleep(1.1)  # tokens tell seconds
    psa.sandbox.post("advance-clock", {"seconds": 5})
    psa.mutate("psa.revoke_tokens")
    assert psa.port.update_contact(change(contact, active=False), permit=permit).active is False


def test_missing_rights_are_told_apart_from_wrong_keys(psa: HaloPsa) -> None:
    psa.mutate("psa.set_credentials", rights=["contacts.read"])
    assert psa.contacts().check().missing == ("companies",)
    with pytest.raises(InstanceError) as caught:
        psa.port.create_contact(draft().model_copy(update={"site_id": "92501"}), permit=permit)
    assert caught.value.reason == "permission_missing"


def test_check_of_a_sound_installation(psa: HaloPsa) -> None:
    facts = psa.contacts().check()
    assert (facts.codebase, facts.missing) == (psa.sandbox.facts["halo"]["resource_url"], ())


@pytest.mark.parametrize("shape", SHAPES)
def test_words_of_a_refusal_are_read_in_every_shape(psa: HaloPsa, shape: str) -> None:
    psa.sandbox.settings(halo__error_shape=shape, halo__refuse_duplicate_email=True)
    psa.add(emails=("ann@contoso.example",))
    with pytest.raises(RecordError) as caught:
        psa.port.create_contact(draft(email="ann@contoso.example"), permit=permit)
    assert caught.value.vendor_message == "This email address is already in use"
    assert caught.value.reason == "already_exists"
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact("99999")


def test_refusal_in_a_page_for_people_creates_nothing(psa: HaloPsa) -> None:
    psa.sandbox.settings(halo__error_shape="html", halo__max_length=20)
    with pytest.raises(TransientError) as caught:
        psa.port.create_contact(draft(job_title="x" * 30), permit=permit)
    assert not isinstance(caught.value, AnswerLostError)
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact("99999")


@pytest.mark.parametrize("is_array", [True, False])
def test_written_user_is_read_from_an_object_or_an_array(psa: HaloPsa, is_array: bool) -> None:
    psa.sandbox.settings(halo__answers_array=is_array)
    contact = psa.port.create_contact(draft(), permit=permit)
    assert contact == psa.port.fetch_contact(contact.id)


# --- lists, searches, people ------------------------------------------------------------------------------------------


def test_server_that_caps_pages_is_read_whole(psa: HaloPsa) -> None:
    psa.sandbox.settings(halo__max_page_size=7, halo__gives_whole_lists=False)
    ids = psa.add_many(20)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        seen += [contact.id for contact in page]
        if cursor is None:
            break
    assert seen == ids


def test_refused_advanced_search_leaves_the_search_by_address(psa: HaloPsa) -> None:
    psa.sandbox.settings(halo__refuse_advanced_search=True)
    wanted = psa.add(emails=("a@contoso.example",), entra_id=object_id(1))
    for _ in range(2):
        found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=["a@contoso.example"])
        assert [contact.id for contact in found] == [wanted]


def test_pseudo_users_are_nobody(psa: HaloPsa) -> None:
    psa.add_raw(isserviceaccount=True, emailaddress="scan@contoso.example")
    page, _ = psa.port.fetch_contacts(COMPANY)
    assert page == ()
    assert psa.port.count_contacts(COMPANY) == 0
    assert psa.port.find_contacts([COMPANY], entra_id="", emails=["scan@contoso.example"]) == ()
    assert psa.port.find_namesakes([COMPANY], first_name="General", last_name="User") == ()


@pytest.mark.parametrize("flag", ["isimportantcontact", "isimportantcontact2"])
def test_important_contact_is_protected(psa: HaloPsa, flag: str) -> None:
    flags: dict[str, Any] = {flag: True}
    psa.add_raw(**flags)
    page, _ = psa.port.fetch_contacts(COMPANY)
    assert [contact.protected for contact in page] == ["important"]


def test_object_id_is_kept_in_a_custom_field_and_the_others_stay(psa: HaloPsa) -> None:
    port = psa.contacts(settings=FieldSettings(entra_id_field="EntraId"))
    contact_id = psa.add_raw(customfields=[{"id": 221, "value": "theirs"}])
    after = port.update_contact(change(port.fetch_contact(contact_id), entra_id=object_id(2)), permit=permit)
    assert after.entra_id == object_id(2)
    assert {entry["name"]: entry["value"] for entry in psa.raw(contact_id)["customfields"]} == {
        "CFContactNote": "theirs",
        "CFEntraId": object_id(2),
    }
    made = port.create_contact(draft(), permit=permit)
    assert [contact.entra_id for contact in port.fetch_contacts(COMPANY)[0]] == [object_id(2), object_id(1)]
    assert made.entra_id == object_id(1)


def test_custom_field_that_does_not_exist_is_refused(psa: HaloPsa) -> None:
    port = psa.contacts(settings=FieldSettings(entra_id_field="Nope"))
    with pytest.raises(RecordError) as caught:
        port.create_contact(draft(), permit=permit)
    assert caught.value.vendor_message == "There is no custom field CFNope"


def test_control_characters_leave_no_difference_behind(psa: HaloPsa) -> None:
    contact = psa.port.create_contact(draft(job_title="Head\r\nof\x08 Sales"), permit=permit)
    assert contact.fields["job_title"] == "Head of Sales"


def test_calls_cost_what_they_say(psa: HaloPsa) -> None:
    budget = DiaryBudget()
    port = psa.contacts(budget=budget)

    def cost() -> int:
        spent = len([entry for entry in budget.diary if entry == "reserve"])
        budget.diary.clear()
        return spent

    port.fetch_schema()
    assert cost() == 0
    port.fetch_company(COMPANY)
    assert cost() == 2
    contact = port.create_contact(draft(email="a@contoso.example"), permit=permit)
    assert cost() == 1
    port.update_contact(change(contact, fields={"job_title": "Chief"}, active=False), permit=permit)
    assert cost() == 1
    port.update_contact(change(contact, fields={"last_name": "Sample"}), permit=permit)
    assert cost() == 2
    port.find_contacts([COMPANY], entra_id=object_id(1), emails=["a@contoso.example", "b@contoso.example"])
    assert cost() == 3 + 1
    port.find_namesakes([COMPANY], first_name="Ann", last_name="Sample")
    assert cost() == 1 + 1
    port.fetch_contacts(COMPANY)
    assert cost() == 2 + 1
    port.count_contacts(COMPANY)
    assert cost() == 1
    port.check()
    assert cost() == 3
