"""A public ConnectWise client against the sandbox."""
# ruff: noqa: PLC0415 - the import is slow, and only these tests need it

import base64
from typing import Any

import pytest

from tests.sandbox.harness import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    from pyconnectwise import ConnectWiseManageAPIClient

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.info["ca_file"])
    psa = sandbox.info["connectwise"]
    return ConnectWiseManageAPIClient(
        psa["company"],
        psa["site_url"].removeprefix("https://"),
        psa["client_id"],
        psa["public_key"],
        psa["private_key"],
    )


def test_it_finds_the_codebase(client: Any) -> None:
    assert client.codebase == "v2026_1/"


def test_it_lists_and_pages(client: Any, sandbox: Sandbox) -> None:
    first = client.company.contacts.get()
    assert len(first) == 25
    pages = client.company.contacts.paginated(1, 100, {"conditions": "company/id=250", "orderBy": "id asc"})
    contacts = list(pages.all())
    assert [c.id for c in contacts] == [c["id"] for c in sandbox.control("GET", "contacts?company=250")["contacts"]]
    assert client.company.contacts.count.get(params={"conditions": "company/id=250"}).count == len(contacts)


def test_it_finds_by_child_conditions(client: Any, sandbox: Sandbox) -> None:
    contact = sandbox.create_contact(
        firstName="Ann", communicationItems=[{"type": {"id": 13}, "value": "ann+x@contoso.example"}]
    )
    is_ann = 'communicationItems/value="ann+x@contoso.example"'
    params = {"childConditions": f'{is_ann} AND communicationItems/communicationType="Email"'}
    assert [c.id for c in client.company.contacts.get(params=params)] == [contact["id"]]


def test_it_creates_patches_and_deletes(client: Any) -> None:
    from pyconnectwise.exceptions import NotFoundException

    new = client.company.contacts.post({"firstName": "Ann", "lastName": "Exämple", "company": {"id": 250}})
    assert new.last_name == "Exämple"
    contact = client.company.contacts.id(new.id)
    assert contact.patch([{"op": "replace", "path": "title", "value": "Buyer"}]).title == "Buyer"
    assert contact.get().title == "Buyer"
    contact.delete()
    with pytest.raises(NotFoundException):
        contact.get()


def test_it_reads_companies_and_tables(client: Any) -> None:
    companies = client.company.companies.get(params={"conditions": 'deletedFlag=False AND status/name="Active"'})
    assert 250 in {company.id for company in companies}
    assert client.company.companies.id(250).get().name == "Contoso Ltd"
    assert {t.id for t in client.company.communication_types.get()} >= {13, 22, 26}
    assert client.company.contacts.departments.get()


def test_it_says_what_went_wrong(client: Any) -> None:
    from pyconnectwise.exceptions import AuthenticationFailedException, MalformedRequestException

    with pytest.raises(MalformedRequestException):
        client.company.contacts.post({"lastName": "Nobody"})
    client.private_key = base64.b64encode(b"wrong").decode()
    with pytest.raises(AuthenticationFailedException):
        client.company.contacts.get()
