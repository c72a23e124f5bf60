"""Reading and matching, asked of every adapter alike."""

import pytest

from adapters.errors import (
    NotFoundError,
)
from adapters.read_only import ReadOnlyContacts, ReadOnlyError
from adapters.records import Contact
from tests.contract.kit.looking import everything
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, Psa, change, draft, object_id, permit

STRANGE = ['"ann b"@contoso.example', "a[b]c@contoso.example", "a*c@contoso.example", "100%@x.example"]


def test_pages_hold_every_contact_of_the_company_once_and_the_count_agrees(psa: Psa) -> None:
    ids = [psa.add(active=number % 2 == 0) for number in range(5)]
    psa.add(company=OTHER_COMPANY)
    found = everything(psa)
    assert [contact.id for contact in found] == ids
    assert [contact.active for contact in found] == [True, False, True, False, True]
    assert psa.port.count_contacts(COMPANY) == 5


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("pages", [1, 2])
def test_no_contact_is_lost_at_the_borders_of_pages(psa: Psa, more: int, pages: int) -> None:
    ids = psa.add_many(pages * psa.page_size + more)
    assert [contact.id for contact in everything(psa)] == ids
    assert psa.port.count_contacts(COMPANY) == len(ids)


def test_what_comes_and_goes_during_a_walk_hides_nobody(psa: Psa) -> None:
    ids = psa.add_many(psa.page_size + 3)
    first, cursor = psa.port.fetch_contacts(COMPANY)
    new = psa.add()
    assert cursor is not None
    rest: list[Contact] = []
    while cursor is not None:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        rest += page
    assert {contact.id for contact in [*first, *rest]} == {*ids, new}


def test_contact_that_is_deleted_during_a_walk_hides_nobody(psa: Psa) -> None:
    ids = psa.add_many(psa.page_size + 3)
    first, cursor = psa.port.fetch_contacts(COMPANY)
    for gone in (ids[0], ids[-1]):  # one that was read, and one that was not
        psa.delete(gone)
    rest: list[Contact] = []
    while cursor is not None:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        rest += page
    found = [contact.id for contact in (*first, *rest)]
    assert found in (ids, ids[:-1])  # the last one was there when the walk began


def test_company_without_contacts_is_empty(psa: Psa) -> None:
    assert everything(psa) == []
    assert psa.port.count_contacts(COMPANY) == 0


def test_company_and_its_sites_are_read(psa: Psa) -> None:
    company = psa.port.fetch_company(COMPANY)
    assert (company.id, company.active, company.deleted) == (COMPANY, True, False)
    assert [name for _, name in psa.port.fetch_sites(COMPANY)] == ["Main"]


def test_active_companies_are_listed_once_each(psa: Psa) -> None:
    companies = [company for page in psa.port.iter_companies() for company in page]
    assert len({company.id for company in companies}) == len(companies)
    assert {COMPANY, OTHER_COMPANY} <= {company.id for company in companies}
    whole = psa.port.fetch_company(COMPANY)
    assert next(company for company in companies if company.id == COMPANY).name == whole.name
    assert {(company.active, company.deleted) for company in companies} == {(True, False)}


@pytest.mark.parametrize("number", ["99999", "none"])
def test_what_does_not_exist_is_not_found(psa: Psa, number: str) -> None:
    with pytest.raises(NotFoundError):
        psa.port.fetch_company(number)
    with pytest.raises(NotFoundError):
        psa.port.fetch_contact(number)


def test_contacts_are_read_by_their_ids_and_one_that_is_gone_is_said_to_be(psa: Psa) -> None:
    ids = [psa.add(emails=("a@contoso.example",), entra_id=object_id(7)), *psa.add_many(3), psa.add(active=False)]
    psa.add()  # not asked for
    psa.delete(ids[1])
    waiting, found = [*ids, "99999", "none"], dict[str, Contact | None]()
    while waiting:
        answer = psa.port.fetch_by_ids(waiting)
        assert list(answer) == waiting[: len(answer)]
        assert answer
        found |= answer
        waiting = waiting[len(answer) :]
    assert [contact_id for contact_id in found if found[contact_id] is None] == [ids[1], "99999", "none"]
    assert [found[contact_id] for contact_id in (ids[0], ids[-1])] == [
        psa.port.fetch_contact(ids[0]),
        psa.port.fetch_contact(ids[-1]),
    ]


@pytest.mark.parametrize(
    ("entra_id", "emails"),
    [
        (object_id(7), []),
        (object_id(8), ["INFO@contoso.example"]),
        (object_id(8), ["nobody@contoso.example", "a+B'C@contoso.example"]),
    ],
    ids=["object id", "mail", "alias"],
)
def test_contact_is_found_folded_for_case(psa: Psa, entra_id: str, emails: list[str]) -> None:
    wanted = psa.add(emails=("info@contoso.example", "A+b'c@contoso.example"), entra_id=object_id(7).upper())
    psa.add(emails=("xa+b'c@contoso.example",))
    psa.add()  # neither address nor object id
    psa.add(company=OTHER_COMPANY, emails=("info@contoso.example",), entra_id=object_id(7))
    found = psa.port.find_contacts([COMPANY], entra_id=entra_id, emails=emails)
    assert [contact.id for contact in found] == [wanted]


def test_contact_is_found_by_its_object_id_alone(psa: Psa) -> None:
    wanted = psa.add(emails=("a@contoso.example",), entra_id=object_id(7))
    psa.add(emails=("b@contoso.example",), entra_id=object_id(8))
    psa.add(emails=("c@contoso.example",))
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(7).upper(), emails=())
    assert [contact.id for contact in found] == [wanted]
    assert psa.port.find_contacts([COMPANY], entra_id=object_id(9), emails=()) == ()


def test_look_up_spans_companies_and_inactive_contacts(psa: Psa) -> None:
    ids = {
        psa.add(emails=("a@contoso.example",), active=False),
        psa.add(company=OTHER_COMPANY, emails=("a@contoso.example",)),
        psa.add(entra_id=object_id(7)),
    }
    found = psa.port.find_contacts([OTHER_COMPANY, COMPANY], entra_id=object_id(7), emails=["a@contoso.example"])
    assert {contact.id for contact in found} == ids


@pytest.mark.parametrize("address", STRANGE)
def test_strange_address_is_found_exactly(psa: Psa, address: str) -> None:
    wanted = psa.add(emails=(address,))
    psa.add(emails=("abc@x.example",))
    found = psa.port.find_contacts([COMPANY], entra_id=object_id(1), emails=[address])
    assert [contact.id for contact in found] == [wanted]


def test_many_addresses_are_looked_up(psa: Psa) -> None:
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


def test_read_only_port_reads_all_and_writes_nothing(psa: Psa) -> None:
    contact = psa.port.fetch_contact(psa.add(emails=("a@contoso.example",)))
    port = ReadOnlyContacts(psa.port)
    assert port.fetch_contact(contact.id) == contact
    assert port.find_contacts([COMPANY], entra_id="", emails=["a@contoso.example"]) == (contact,)
    assert port.find_namesakes([COMPANY], first_name="Bob", last_name="-")[:1] == (contact,)
    assert port.fetch_contacts(COMPANY)[0] == (contact,)
    assert (port.count_contacts(COMPANY), port.fetch_company(COMPANY).id) == (1, COMPANY)
    assert list(port.iter_companies()) == list(psa.port.iter_companies())
    assert port.fetch_schema() == psa.port.fetch_schema()
    with pytest.raises(ReadOnlyError):
        port.create_contact(draft(), permit=permit)
    with pytest.raises(ReadOnlyError):
        port.update_contact(change(contact, active=False), permit=permit)
    assert everything(psa) == [contact]
    assert psa.writes() == []
