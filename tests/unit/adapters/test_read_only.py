import pickle

import pytest

from adapters.errors import SyncError
from adapters.read_only import ReadOnlyContacts, ReadOnlyError
from adapters.records import ContactChange, ContactDraft
from tasks.ports import Contacts
from tests.fakes.contacts import FakeContacts


def test_reads_pass_and_writes_raise_before_anything_is_sent() -> None:
    psa = FakeContacts()
    psa.add_company()
    contact = psa.add_contact(first_name="Ann", last_name="Example", emails=("ann@contoso.com",), entra_id="x")
    port: Contacts = ReadOnlyContacts(psa)
    assert port.fetch_schema() == psa.schema
    assert port.fetch_company("250").name == "Contoso Ltd"
    assert [company.id for page in port.iter_companies() for company in page] == ["250"]
    assert port.fetch_contacts("250") == ((contact,), None)
    assert port.count_contacts("250") == 1
    assert port.fetch_contact(contact.id) == contact
    assert port.find_contacts(["250"], entra_id="x", emails=[]) == (contact,)
    assert port.find_namesakes(["250"], first_name="ann", last_name="example") == (contact,)
    asked: list[float] = [1.0]
    with pytest.raises(ReadOnlyError):
        port.create_contact(ContactDraft(company_id="250", entra_id="y", fields={"first_name": "B"}), permit=asked.pop)
    with pytest.raises(ReadOnlyError):
        port.update_contact(ContactChange(contact_id=contact.id, company_id="250", active=False), permit=asked.pop)
    assert psa.writes == []
    assert asked == [1.0]


def test_error_survives_pickling_as_a_sync_error() -> None:
    error = pickle.loads(pickle.dumps(ReadOnlyError("read_only", vendor="psa")))  # noqa: S301 - our own bytes
    assert isinstance(error, SyncError)
    assert error.reason == "read_only"
