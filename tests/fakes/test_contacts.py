import pytest

from adapters.errors import AnswerLostError, NotFoundError, RecordError, TransientError
from adapters.records import ContactChange, ContactDraft
from tasks.ports import Contacts
from tests.fakes.contacts import FakeContacts


def permit() -> float:
    return 20.0


def draft(**fields: str) -> ContactDraft:
    return ContactDraft(company_id="250", entra_id="A1", fields={"first_name": "Ann", **fields})


@pytest.fixture
def psa() -> FakeContacts:
    psa = FakeContacts(page_size=2)
    psa.add_company()
    return psa


def test_pages_hold_every_contact_once_by_id(psa: FakeContacts) -> None:
    port: Contacts = psa
    ids = [psa.add_contact(first_name="A", active=number % 2 == 0).id for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts("250", cursor)
        seen += [contact.id for contact in page]
        if cursor is None:
            break
    assert seen == ids
    assert port.count_contacts("250") == 5


def test_contacts_are_found_by_object_id_any_address_and_name_folded_for_case(psa: FakeContacts) -> None:
    contact = psa.add_contact(first_name="Ann", last_name="X", entra_id="A1", emails=("a@x.example", "B@x.example"))
    psa.add_company("999")
    psa.add_contact(company_id="999", emails=("a@x.example",))
    assert psa.find_contacts(["250"], entra_id="a1", emails=[]) == (contact,)
    assert psa.find_contacts(["250"], entra_id="", emails=["b@X.example"]) == (contact,)
    assert psa.find_namesakes(["250"], first_name="ANN", last_name="x") == (contact,)


def test_lost_answer_leaves_the_write_behind_or_not(psa: FakeContacts) -> None:
    psa.lose_answer("create_contact")
    psa.lose_answer("create_contact", happened=False)
    for _ in range(2):
        with pytest.raises(AnswerLostError):
            psa.create_contact(draft(), permit=permit)
    assert len(psa.contacts) == len(psa.writes) == 1


def test_failures_are_used_up_one_by_one_and_write_nothing(psa: FakeContacts) -> None:
    psa.refuse("create_contact", field="email")
    psa.fail("create_contact", TransientError("throttled", vendor="fake", retry_after_s=3))
    with pytest.raises(RecordError):
        psa.create_contact(draft(), permit=permit)
    with pytest.raises(TransientError):
        psa.create_contact(draft(), permit=permit)
    assert psa.contacts == {}
    psa.create_contact(draft(), permit=permit)
    assert psa.calls["create_contact"] == 3


@pytest.mark.parametrize("fields", [{"job_title": "x" * 51}, {"department": "Law"}, {"hobby": "chess"}])
def test_what_does_not_fit_is_refused(psa: FakeContacts, fields: dict[str, str]) -> None:
    with pytest.raises(RecordError) as caught:
        psa.create_contact(draft(**fields), permit=permit)
    assert caught.value.field == next(iter(fields))


def test_update_replaces_the_default_address_and_clears_what_is_none(psa: FakeContacts) -> None:
    contact = psa.add_contact(first_name="Ann", job_title="Buyer", emails=("a@x.example", "b@x.example"))
    wanted = ContactChange(
        contact_id=contact.id, company_id="250", site_id="7", fields={"email": "c@x.example", "job_title": None}
    )
    after = psa.update_contact(wanted, permit=permit)
    assert after.emails == ("c@x.example", "b@x.example")
    assert after.fields == {"first_name": "Ann", "email": "c@x.example", "site": "Main"}
    assert psa.writes[-1].before == contact


def test_only_a_move_changes_the_company(psa: FakeContacts) -> None:
    psa.add_company("251", sites=())
    contact = psa.add_contact(first_name="Ann")
    stays = ContactChange(contact_id=contact.id, company_id="251", active=True)
    assert psa.update_contact(stays, permit=permit).company_id == "250"
    assert psa.update_contact(stays.model_copy(update={"moves": True}), permit=permit).company_id == "251"


def test_what_is_gone_is_not_found(psa: FakeContacts) -> None:
    contact = psa.add_contact(first_name="Ann")
    psa.remove_contact(contact.id)
    with pytest.raises(NotFoundError):
        psa.fetch_contact(contact.id)
    with pytest.raises(NotFoundError):
        psa.fetch_company("1")
