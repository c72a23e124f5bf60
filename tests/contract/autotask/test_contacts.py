"""What tasks may rely on, asked of the fake and of the adapter on the sandbox alike."""

import pytest

from adapters.errors import AnswerLostError, NotFoundError, RecordError, TransientError
from adapters.records import Contact
from tests.contract.autotask.psas import COMPANY, OTHER_COMPANY, Psa, change, draft, object_id, permit


def everything(psa: Psa) -> list[Contact]:
    """Walk all pages."""
    found: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        found.extend(page)
        if cursor is None:
            return found


def test_pages_hold_every_contact_of_the_company_once_and_the_count_agrees(psa: Psa) -> None:
    ids = [psa.add(active=number % 2 == 0) for number in range(5)]
    psa.add(company=OTHER_COMPANY)

    found = everything(psa)

    assert [contact.id for contact in found] == ids
    assert [contact.active for contact in found] == [True, False, True, False, True]
    assert psa.port.count_contacts(COMPANY) == 5


def test_company_without_contacts_is_empty(psa: Psa) -> None:
    assert everything(psa) == []
    assert psa.port.count_contacts(COMPANY) == 0


def test_company_is_read_with_its_sites(psa: Psa) -> None:
    company = psa.port.fetch_company(COMPANY)
    assert (company.id, company.active, company.deleted) == (COMPANY, True, False)
    assert [name for _, name in company.sites] == ["Main"]


@pytest.mark.parametrize("number", ["99999", "none"])
def test_what_does_not_exist_is_not_found(psa: Psa, number: str) -> None:
    with pytest.raises(NotFoundError):
        psa.port.fetch_company(number)
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact(number)


def test_created_contact_is_returned_as_it_is_then_read(psa: Psa) -> None:
    wanted = draft(
        last_name="Example",
        email="Ann@contoso.example",
        phone="+49 30 123 x12",
        mobile_phone="+49 170 1",
        job_title="Buyer",
        city="Köln",
    )

    contact = psa.port.create_contact(wanted, permit=permit)

    assert contact == psa.port.fetch_contact(contact.id)
    assert contact.fields | {"site": "x"} == wanted.fields | {"site": "x"}
    assert (contact.company_id, contact.active, contact.entra_id) == (COMPANY, True, object_id(1))
    assert contact.emails == ("Ann@contoso.example",)


def test_contact_is_created_at_the_site_that_is_asked_for(psa: Psa) -> None:
    [(site_id, name)] = psa.port.fetch_company(COMPANY).sites
    contact = psa.port.create_contact(draft().model_copy(update={"site_id": site_id}), permit=permit)
    assert (contact.site_id, contact.fields["site"]) == (site_id, name)


def test_contact_is_found_by_object_id_and_by_any_address_folded_for_case(psa: Psa) -> None:
    wanted = psa.add(emails=("info@contoso.example", "A+b'c@contoso.example"), entra_id=object_id(7).upper())
    psa.add(emails=("xa+b'c@contoso.example",))
    psa.add(company=OTHER_COMPANY, emails=("info@contoso.example",), entra_id=object_id(7))
    for keys in (
        {"entra_id": object_id(7), "emails": []},
        {"entra_id": object_id(8), "emails": ["INFO@contoso.example"]},
        {"entra_id": object_id(8), "emails": ["nobody@contoso.example", "a+B'C@contoso.example"]},
    ):
        assert [contact.id for contact in psa.port.find_contacts([COMPANY], **keys)] == [wanted]  # type: ignore[arg-type]  # mixed values


def test_look_up_spans_companies_and_inactive_contacts(psa: Psa) -> None:
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
def test_strange_address_is_found_exactly(psa: Psa, address: str) -> None:
    wanted = psa.add(emails=(address,))
    psa.add(emails=("abc@x.example",))
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=[address])
    assert [contact.id for contact in found] == [wanted]


def test_forty_addresses_are_looked_up(psa: Psa) -> None:
    wanted = psa.add(emails=("a39@a-long-domain-name-of-a-customer.contoso.example",))
    addresses = [f"a{number}@a-long-domain-name-of-a-customer.contoso.example" for number in range(40)]
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=addresses)
    assert [contact.id for contact in found] == [wanted]


def test_namesakes_are_found_folded_for_case_and_exactly(psa: Psa) -> None:
    ids = {psa.add(first_name="Ann", last_name='O"Brien'), psa.add(first_name="ANN", last_name='o"brien', active=False)}
    psa.add(first_name="Ann", last_name="Brien")
    psa.add(first_name="Joann", last_name='O"Brien')
    found = psa.port.find_namesakes([COMPANY], first_name="ann", last_name='O"BRIEN')
    assert {contact.id for contact in found} == ids


def test_update_writes_the_differences_and_nothing_else(psa: Psa) -> None:
    before = psa.port.create_contact(draft(last_name="Example", job_title="Buyer", phone="+49 1 23"), permit=permit)
    wanted = change(before, fields={"job_title": "Chief", "phone": None, "city": "Bonn"}, entra_id=object_id(2))

    after = psa.port.update_contact(wanted, permit=permit)

    assert after == psa.port.fetch_contact(before.id)
    expected = {**before.fields, "job_title": "Chief", "city": "Bonn"}
    del expected["phone"]
    assert after.fields == expected
    assert after.entra_id == object_id(2)


def test_repeated_update_writes_the_same_values(psa: Psa) -> None:
    before = psa.port.create_contact(draft(email="a@contoso.example", job_title="Buyer"), permit=permit)
    wanted = change(before, fields={"email": "b@contoso.example", "job_title": None, "mobile_phone": "+49 1 7"})
    after = psa.port.update_contact(wanted, permit=permit)
    assert psa.port.update_contact(wanted, permit=permit) == after


def test_contact_is_switched_off_and_on(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    assert psa.port.update_contact(change(contact, active=False), permit=permit).active is False
    assert psa.port.update_contact(change(contact, active=True), permit=permit).active is True


def test_new_address_takes_the_place_of_the_default_and_the_others_stay(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add(emails=("old@contoso.example", "alias@contoso.example")))
    after = psa.port.update_contact(change(contact, fields={"email": "new@contoso.example"}), permit=permit)
    assert after.fields["email"] == "new@contoso.example"
    assert set(after.emails) == {"new@contoso.example", "alias@contoso.example"}


def test_update_of_a_deleted_contact_says_so(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add())
    psa.delete(contact.id)
    with pytest.raises(NotFoundError):
        psa.port.update_contact(change(contact, active=False), permit=permit)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"job_title": "x" * 60}, "job_title"), ({"zip": "x" * 20}, "zip")],
)
def test_value_that_does_not_fit_is_refused_with_its_field(psa: Psa, fields: dict[str, str], field: str) -> None:
    with pytest.raises(RecordError) as caught:
        psa.port.create_contact(draft(**fields), permit=permit)
    assert caught.value.field == field
    assert psa.port.count_contacts(COMPANY) == 0


def test_contact_of_a_company_that_does_not_exist_is_refused(psa: Psa) -> None:
    with pytest.raises(RecordError):
        psa.port.create_contact(draft().model_copy(update={"company_id": "99999"}), permit=permit)


def test_lost_answer_of_a_creation_leaves_a_contact_that_a_look_up_finds(psa: Psa) -> None:
    psa.port.fetch_schema()
    psa.lose_answer("create_contact")
    with pytest.raises(AnswerLostError):
        psa.port.create_contact(draft(email="ann@contoso.example"), permit=permit)
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=["ann@contoso.example"])
    assert len(found) == psa.port.count_contacts(COMPANY) == 1


def test_lost_answer_of_an_update_leaves_it_written(psa: Psa) -> None:
    contact = psa.port.create_contact(draft(), permit=permit)
    psa.lose_answer("update_contact")
    with pytest.raises(AnswerLostError):
        psa.port.update_contact(change(contact, fields={"job_title": "Chief"}), permit=permit)
    assert psa.port.fetch_contact(contact.id).fields["job_title"] == "Chief"


def test_write_without_a_permit_does_not_happen(psa: Psa) -> None:
    def no() -> float:
        raise TransientError("write_deadline_passed", vendor="worker")

    with pytest.raises(TransientError):
        psa.port.create_contact(draft(), permit=no)
    assert psa.port.count_contacts(COMPANY) == 0
