"""What tasks may rely on, asked of the adapter on the sandbox."""

import pytest

from adapters.errors import AnswerLostError, NotFoundError, RecordError, TransientError
from adapters.records import Contact
from tests.contract.halo.psas import COMPANY, OTHER_COMPANY, SITE_ID, HaloPsa, change, draft, object_id, permit


def everything(psa: HaloPsa) -> list[Contact]:
    """Walk all pages."""
    found: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        found.extend(page)
        if cursor is None:
            return found


def test_pages_hold_every_contact_of_the_company_once_and_the_count_agrees(psa: HaloPsa) -> None:
    ids = [psa.add(active=number % 2 == 0) for number in range(5)]
    psa.add(company=OTHER_COMPANY)
    found = everything(psa)
    assert [contact.id for contact in found] == ids
    assert [contact.active for contact in found] == [True, False, True, False, True]
    assert psa.port.count_contacts(COMPANY) == 5


@pytest.mark.parametrize("count", [23, 24, 25, 49, 50, 51])
def test_no_contact_is_lost_at_the_borders_of_pages(psa: HaloPsa, count: int) -> None:
    ids = psa.add_many(count)  # and the pseudo-user of the site
    assert [contact.id for contact in everything(psa)] == ids
    assert psa.port.count_contacts(COMPANY) == count


def test_company_without_contacts_is_empty(psa: HaloPsa) -> None:
    assert everything(psa) == []
    assert psa.port.count_contacts(COMPANY) == 0


def test_company_is_read_with_its_sites(psa: HaloPsa) -> None:
    company = psa.port.fetch_company(COMPANY)
    assert (company.id, company.active, company.deleted) == (COMPANY, True, False)
    assert company.sites == ((SITE_ID, "Main"),)


@pytest.mark.parametrize("number", ["99999", "none"])
@pytest.mark.parametrize("missing", ["404", "zero"])
def test_what_does_not_exist_is_not_found(psa: HaloPsa, number: str, missing: str) -> None:
    psa.sandbox.settings(halo__missing_user=missing)
    with pytest.raises(NotFoundError):
        psa.port.fetch_company(number)
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact(number)


def test_created_contact_is_returned_as_it_is_then_read(psa: HaloPsa) -> None:
    wanted = draft(
        last_name="Exämple",
        email="Ann@contoso.example",
        email2="a@contoso.example",
        phone="+49 30 123 x12",
        mobile_phone="+49 170 1",
        job_title="Buyer \N{GRINNING FACE}",
        department="Projets spéciaux",
        fax="1",
        other3="x",
    )
    contact = psa.port.create_contact(wanted, permit=permit)
    assert contact == psa.port.fetch_contact(contact.id) == everything(psa)[0]
    assert contact.fields == wanted.fields | {"site": "Main", "display_name": "Ann Exämple"}
    assert (contact.company_id, contact.site_id, contact.active) == (COMPANY, SITE_ID, True)
    assert contact.entra_id == object_id(1)
    assert contact.emails == ("Ann@contoso.example", "a@contoso.example")


def test_every_field_of_the_schema_is_written_read_and_cleared(psa: HaloPsa) -> None:
    names = [spec.name for spec in psa.port.fetch_schema().fields if spec.name != "site"]
    values = {name: f"{name}@x.example" if name.startswith("email") else f"{len(name)} {name}" for name in names}
    contact = psa.port.create_contact(draft(), permit=permit)
    fields: dict[str, str | None] = {**values}
    after = psa.port.update_contact(change(contact, fields=fields), permit=permit)
    assert after.fields == values | {"site": "Main"}
    cleared: dict[str, str | None] = {
        name: None for name in names if name not in ("first_name", "display_name", "last_name")
    }
    after = psa.port.update_contact(change(contact, fields=cleared), permit=permit)
    assert after == psa.port.fetch_contact(contact.id)
    assert set(after.fields) == {"first_name", "last_name", "display_name", "site"}


def test_contact_is_found_by_object_id_and_by_any_address_folded_for_case(psa: HaloPsa) -> None:
    wanted = psa.add(emails=("info@contoso.example", "A+b'c@contoso.example"), entra_id=object_id(7).upper())
    psa.add(emails=("xa+b'c@contoso.example",))
    psa.add(company=OTHER_COMPANY, emails=("info@contoso.example",), entra_id=object_id(7))
    for entra_id, emails in (
        (object_id(7), []),
        (object_id(8), ["INFO@contoso.example"]),
        (object_id(8), ["nobody@contoso.example", "a+B'C@contoso.example"]),
    ):
        found = psa.port.find_contacts([COMPANY], entra_id=entra_id, emails=emails)
        assert [contact.id for contact in found] == [wanted]


def test_look_up_spans_companies_and_inactive_contacts(psa: HaloPsa) -> None:
    ids = {
        psa.add(emails=("a@contoso.example",), active=False),
        psa.add(company=OTHER_COMPANY, emails=("a@contoso.example",)),
        psa.add(entra_id=object_id(7)),
    }
    found = psa.port.find_contacts([OTHER_COMPANY, COMPANY], entra_id=object_id(7), emails=["a@contoso.example"])
    assert {contact.id for contact in found} == ids


@pytest.mark.parametrize(
    "address", ['"ann b"@contoso.example', "a[b]c@contoso.example", "a*c@contoso.example", "100%@x.example"]
)
def test_strange_address_is_found_exactly(psa: HaloPsa, address: str) -> None:
    wanted = psa.add(emails=(address,))
    psa.add(emails=("abc@x.example",))
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=[address])
    assert [contact.id for contact in found] == [wanted]


def test_namesakes_are_found_folded_for_case_and_exactly(psa: HaloPsa) -> None:
    ids = {psa.add(first_name="Ann", last_name='O"Brien'), psa.add(first_name="ANN", last_name='o"brien', active=False)}
    psa.add(first_name="Ann", last_name="Brien")
    psa.add(first_name="Joann", last_name='O"Brien')
    found = psa.port.find_namesakes([COMPANY], first_name="ann", last_name='O"BRIEN')
    assert {contact.id for contact in found} == ids


def test_namesake_without_a_last_name_is_found(psa: HaloPsa) -> None:
    wanted = psa.add(first_name="Reception")
    psa.add(first_name="Reception", last_name="Desk")
    found = psa.port.find_namesakes([COMPANY], first_name="reception", last_name="")
    assert [contact.id for contact in found] == [wanted]


def test_update_writes_the_differences_and_nothing_else(psa: HaloPsa) -> None:
    before = psa.port.create_contact(draft(last_name="Example", job_title="Buyer", phone="+49 1 23"), permit=permit)
    wanted = change(before, fields={"job_title": "Chief", "phone": None, "department": "IT"}, entra_id=object_id(2))
    after = psa.port.update_contact(wanted, permit=permit)
    assert after == psa.port.fetch_contact(before.id)
    expected = {**before.fields, "job_title": "Chief", "department": "IT"}
    del expected["phone"]
    assert after.fields == expected
    assert after.entra_id == object_id(2)


def test_repeated_update_writes_the_same_values(psa: HaloPsa) -> None:
    before = psa.port.create_contact(draft(email="a@contoso.example", job_title="Buyer"), permit=permit)
    wanted = change(before, fields={"email": "b@contoso.example", "job_title": None, "last_name": "Sample"})
    after = psa.port.update_contact(wanted, permit=permit)
    assert psa.port.update_contact(wanted, permit=permit) == after


def test_contact_is_switched_off_and_on(psa: HaloPsa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    assert psa.port.update_contact(change(contact, active=False), permit=permit).active is False
    assert psa.port.update_contact(change(contact, active=True), permit=permit).active is True


def test_only_a_move_changes_the_company(psa: HaloPsa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    moved = psa.port.update_contact(
        change(contact, moves=True).model_copy(update={"company_id": OTHER_COMPANY}), permit=permit
    )
    assert (moved.company_id, moved.site_id) == (OTHER_COMPANY, "92511")


def test_update_of_a_deleted_contact_says_so(psa: HaloPsa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    psa.delete(contact.id)
    with pytest.raises(NotFoundError):
        psa.port.update_contact(change(contact, active=False), permit=permit)


def test_value_that_does_not_fit_is_refused_and_nothing_is_written(psa: HaloPsa) -> None:
    psa.sandbox.settings(halo__max_length=50)
    with pytest.raises(RecordError) as caught:
        psa.port.create_contact(draft(job_title="x" * 60), permit=permit)
    assert caught.value.vendor_message == "String or binary data would be truncated in title"
    assert psa.port.count_contacts(COMPANY) == 1  # the pseudo-user: nothing has been walked yet


def test_contact_of_a_company_that_does_not_exist_is_refused(psa: HaloPsa) -> None:
    with pytest.raises(RecordError):
        psa.port.create_contact(draft().model_copy(update={"company_id": "99999"}), permit=permit)


def test_lost_answer_of_a_creation_leaves_a_contact_that_a_look_up_finds(psa: HaloPsa) -> None:
    psa.lose_answer()
    with pytest.raises(AnswerLostError):
        psa.port.create_contact(draft(email="ann@contoso.example"), permit=permit)
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=["ann@contoso.example"])
    assert len(found) == len(everything(psa)) == 1


def test_lost_answer_of_an_update_leaves_it_written(psa: HaloPsa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    psa.lose_answer()
    with pytest.raises(AnswerLostError):
        psa.port.update_contact(change(contact, fields={"job_title": "Chief"}), permit=permit)
    assert psa.port.fetch_contact(contact.id).fields["job_title"] == "Chief"


def test_write_without_a_permit_does_not_happen(psa: HaloPsa) -> None:
    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    with pytest.raises(TransientError):
        psa.port.create_contact(draft(), permit=no)
    assert everything(psa) == []
