"""What another ConnectWise may do that the guide leaves open: caps, numbered pages, words of a 404, absent classes."""

import httpx
import pytest

from adapters.connectwise import FieldSettings
from adapters.connectwise.paging import NUMBERED, Step, next_step
from adapters.errors import InstanceError, NotFoundError, WireError
from tests.unit.adapters.connectwise.installation import Installation, caught, email, phone

OBJECT_ID = "4f6c0a1e-0000-4000-8000-00000000a001"


@pytest.mark.parametrize("size", [7, 10, 999])
def test_odd_cap_that_the_link_admits_to_is_walked_on(size: int) -> None:
    link = f'<https://x/y?pageId={size}&pageSize={size}>; rel="next"'
    assert next_step(Step(), range(1, size + 1), link=link) == Step("forward", at=size)


def test_short_numbered_page_with_a_next_one_goes_on() -> None:
    link = '<https://x/y?page=2&pageSize=10>; rel="next", <https://x/y?page=3>; rel="last"'
    assert next_step(NUMBERED, range(1, 11), link=link) == Step("numbered", at=2, seen=10)


@pytest.mark.parametrize("header", ["Link", "LINK", "link"])
def test_header_of_the_next_page_is_read_in_any_case(header: str) -> None:
    server = Installation()
    first, second = server.add(), server.add()
    rows = [{"id": number, "firstName": "Ann", "company": {"id": 250}} for number in (first, second)]
    pages = [
        httpx.Response(200, json=rows[:1], headers={header: f'<https://x?pageSize=1&pageId={first}>; rel="next"'}),
        httpx.Response(200, json=rows[1:], headers={header: f'<https://x?pageSize=1&pageId={second}>; rel="next"'}),
        httpx.Response(200, json=[]),
    ]
    server.script = [*pages]
    port, cursor, found = server.port(), None, list[str]()
    for _ in pages:
        page, cursor = port.fetch_contacts("250", cursor)
        found += [contact.id for contact in page]
    assert found == [str(first), str(second)]
    assert cursor is None


@pytest.mark.parametrize(
    "body",
    [{"message": "Contact 7 not found"}, {"code": "ObjectNotFound", "message": "no such"}, {"code": "NOTFOUND"}],
)
def test_record_that_is_gone_is_not_found_in_other_words_too(body: dict[str, str]) -> None:
    server = Installation(script=[httpx.Response(404, json=body)])
    assert isinstance(caught(lambda: server.port().fetch_contact("7")), NotFoundError)


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(404, json={"message": "gone"})])
def test_list_that_is_not_there_is_a_wrong_address(answer: httpx.Response) -> None:
    server = Installation(script=[answer, answer])
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, InstanceError)
    assert error.reason == "endpoint_unknown"


def test_item_without_its_class_is_told_by_its_looks() -> None:
    server = Installation()
    items = [email("ann@contoso.com"), phone("+49 30 1"), phone("+49 30 2", type_id=30)]
    bare = [{name: value for name, value in item.items() if name != "communicationType"} for item in items]
    number = server.add(communicationItems=bare)
    contact = server.port().fetch_contact(str(number))
    assert contact.emails == ("ann@contoso.com",)
    assert (contact.fields["email"], contact.fields["phone"]) == ("ann@contoso.com", "+49 30 1")


@pytest.mark.parametrize("number", [15, "15"])
def test_id_of_a_custom_field_may_be_text(number: object) -> None:
    server = Installation(settings=FieldSettings(entra_id_field="EntraId"))
    entry = {"id": number, "caption": "EntraId", "value": OBJECT_ID}
    contact = server.port().fetch_contact(str(server.add(customFields=[entry])))
    assert contact.entra_id == OBJECT_ID


@pytest.mark.parametrize("company", [{"id": 251}, {}, None])
def test_page_of_strangers_is_not_believed(company: object) -> None:
    server = Installation()
    server.add(company=company)
    error = caught(lambda: server.port().fetch_contacts("250"))
    assert isinstance(error, WireError)
    assert error.reason == "query_ignored"


def test_refused_look_up_is_a_failure_of_ours_and_no_record() -> None:
    server = Installation(script=[httpx.Response(400, json={"code": "InvalidObject", "message": "conditions"})])
    error = caught(lambda: server.port().find_contacts(["250"], entra_id=OBJECT_ID, emails=[]))
    assert isinstance(error, WireError)
    assert error.reason == "query_refused"
