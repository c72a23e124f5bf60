"""What another Autotask may do that the pages leave open: order, links, absent page details, the loopback's names."""

import httpx
import pytest

from adapters.autotask.auth import is_trusted
from adapters.errors import WireError
from adapters.records import Contact
from tests.unit.adapters.autotask.installation import ZONE, Installation, caught


def page(ids: list[int], **details: object) -> httpx.Response:
    rows = [{"id": number, "companyID": 250, "firstName": "Ann", "lastName": "E", "isActive": 1} for number in ids]
    return httpx.Response(200, json={"items": rows, **details})


def walk(server: Installation) -> list[Contact]:
    port, cursor, found = server.port(), None, list[Contact]()
    port.fetch_schema()
    while True:
        rows, cursor = port.fetch_contacts("250", cursor)
        found += rows
        if cursor is None:
            return found


def test_answer_in_another_order_is_followed_by_a_link_without_its_host() -> None:
    link = "/ATServicesRest/V1.0/Contacts/query/next?paging=2"
    server = Installation()
    server.port().fetch_schema()
    answers = [page([9, 3], pageDetails={"nextPageUrl": link}), page([7], pageDetails={"nextPageUrl": None})]
    port = server.port()
    port.fetch_schema()
    server.script = [*answers]
    first, cursor = port.fetch_contacts("250")
    second, end = port.fetch_contacts("250", cursor)
    assert [contact.id for contact in (*first, *second)] == ["9", "3", "7"]
    assert end is None
    assert str(server.requests[-1].url) == f"{ZONE}/V1.0/Contacts/query/next?paging=2"


@pytest.mark.parametrize("details", [{}, {"pageDetails": None}, {"pageDetails": {}}])
def test_list_without_page_details_is_whole_when_it_is_short(details: dict[str, object]) -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script = [page([3, 9], **details)]
    contacts, cursor = port.fetch_contacts("250")
    assert ([contact.id for contact in contacts], cursor) == (["3", "9"], None)


def test_empty_page_with_a_next_one_goes_on() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    link = f"{ZONE}/V1.0/Contacts/query/next?paging=1"
    server.script = [page([], pageDetails={"nextPageUrl": link}), page([3])]
    nobody, cursor = port.fetch_contacts("250")
    somebody, end = port.fetch_contacts("250", cursor)
    assert (nobody, [contact.id for contact in somebody], end) == ((), ["3"], None)


@pytest.mark.parametrize("company_id", [251, None, ""])
def test_page_of_strangers_is_not_believed(company_id: object) -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script = [httpx.Response(200, json={"items": [{"id": 1, "companyID": company_id}]})]
    error = caught(lambda: port.fetch_contacts("250"))
    assert isinstance(error, WireError)
    assert error.reason == "query_ignored"


def test_contact_that_a_look_up_shows_without_its_company_is_no_stranger() -> None:
    server = Installation()
    port = server.port()
    port.fetch_schema()
    server.script = [httpx.Response(200, json={"items": [{"id": 1, "emailAddress": "a@x.example"}]})]
    error = caught(lambda: port.find_contacts(["250"], entra_id="", emails=["a@x.example"]))
    assert isinstance(error, WireError)
    assert error.reason == "company_missing"


def test_user_defined_field_of_another_kind_spoils_nothing() -> None:
    server = Installation()
    fields = [{"name": "VIP", "value": True}, {"name": "Age", "value": 7}, {"name": "None", "value": None}]
    number = server.add(userDefinedFields=fields)
    assert server.port().fetch_contact(str(number)).fields["first_name"] == "Ann"


@pytest.mark.parametrize(
    ("told", "asked", "is_fine"),
    [
        ("http://127.0.0.1:8001/ATServicesRest", "http://localhost:8001/zoneInformation", True),
        ("https://localhost:8002/x", "https://127.0.0.1/zoneInformation", True),
        ("http://127.0.0.1:8001/x", "https://localhost/zoneInformation", False),
        ("http://127.0.0.1.evil.example/x", "http://localhost/zoneInformation", False),
        ("https://127.0.0.1/x", "https://webservices.autotask.net/zoneInformation", False),
    ],
)
def test_names_of_the_loopback_are_one_machine(told: str, asked: str, is_fine: bool) -> None:
    assert is_trusted(told, zone_url=asked) is is_fine
