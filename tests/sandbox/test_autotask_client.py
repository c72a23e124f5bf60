"""A public Autotask client against the sandbox."""
# ruff: noqa: PLC0415 - the import is slow, and only these tests need it

from typing import Any

import pytest

from tests.sandbox.harness import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")

COMPANY = {"op": "eq", "field": "companyID", "value": 250}


def log_in(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, **changes: str) -> Any:
    from py_autotask import AutotaskClient
    from py_autotask.auth import AutotaskAuth

    keys = {**sandbox.info["autotask"], **changes}
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.info["ca_file"])
    monkeypatch.setattr(AutotaskAuth, "ZONE_INFO_URL", keys["zone_url"])
    monkeypatch.setattr(AutotaskAuth, "_zone_cache", {})
    return AutotaskClient.create(
        username=keys["username"],
        integration_code=keys["integration_code"],
        secret=keys["secret"],
    )


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    return log_in(sandbox, monkeypatch)


def test_it_finds_the_zone(client: Any, sandbox: Sandbox) -> None:
    assert client.auth.api_url == f"{sandbox.info['url']}/zone14/ATServicesRest/"


def test_it_lists_counts_and_walks_by_id(client: Any, sandbox: Sandbox) -> None:
    expected = [contact["id"] for contact in sandbox.control("GET", "contacts?vendor=autotask&company=250")["contacts"]]
    found: list[int] = []
    while True:
        after = {"op": "gt", "field": "id", "value": found[-1] if found else 0}
        request = {"filter": [COMPANY, after], "maxRecords": 100, "includeFields": ["id"]}
        page = client.query("Contacts", request)
        if not page.items:
            break
        found += [item["id"] for item in page.items]
    assert found == expected
    assert client.count("Contacts", {"filter": [COMPANY]}) == len(expected)


def test_it_follows_the_page_that_an_answer_names(client: Any) -> None:
    request = {"filter": [COMPANY], "maxRecords": 200, "includeFields": ["id"]}
    page = client.query("Contacts", request)
    following = client.session.post(page.page_details.next_page_url, json=request).json()
    assert len(page.items) + len(following["items"]) == 249


def test_it_reads_records_and_descriptions(client: Any) -> None:
    assert client.companies.get(0)["companyName"] == "Example MSP"
    assert client.contacts.get(999) is None
    fields = {field["name"]: field["length"] for field in client.get_field_info("Contacts")["fields"]}
    assert fields["firstName"] == 50


def test_it_creates_below_the_company_and_updates_there(client: Any) -> None:
    from py_autotask.exceptions import AutotaskAPIError

    contact = {"companyID": 250, "firstName": "Ann", "lastName": "Exämple", "isActive": 1}
    number = client.create_child_entity("Companies", 250, "Contacts", contact).item_id
    contacts = f"{client.auth.api_url}V1.0/Companies/250/Contacts"
    answer = client.session.patch(contacts, json={"id": number, "title": "Buyer"})
    assert answer.json() == {"itemId": number}
    stored = client.contacts.get(number)
    assert (stored["lastName"], stored["title"]) == ("Exämple", "Buyer")
    with pytest.raises(AutotaskAPIError):  # its own way: the id in the path, which the vendor does not know
        client.update_child_entity("Companies", 250, "Contacts", {"id": number, "title": "X"})
    assert client.delete_child_entity("Companies", 250, "Contacts", number)


def test_it_says_what_went_wrong(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from py_autotask.exceptions import AutotaskAuthError

    with pytest.raises(AutotaskAuthError):
        log_in(sandbox, monkeypatch, secret="wrong").companies.get(0)
    with pytest.raises(AutotaskAuthError):
        _ = log_in(sandbox, monkeypatch, username="stranger@sandbox.example").auth.api_url
