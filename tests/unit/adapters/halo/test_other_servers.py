"""What another Halo may do that the document leaves open: counts, clients in rows, bare arrays, null for nothing."""

from typing import Any

import httpx
import pytest

from adapters.errors import NotFoundError, WireError
from adapters.halo import HaloContacts
from tests.unit.adapters.halo.installation import Installation, caught, listed

JSON = {"content-type": "application/json"}


class Terse(Installation):
    """Leaves names out of its lists, or answers them as bare arrays."""

    hidden: tuple[str, ...] = ()
    bare = False

    def _list(self, request: httpx.Request) -> httpx.Response:
        body: Any = super()._list(request).json()
        rows = [{name: value for name, value in row.items() if name not in self.hidden} for row in body["users"]]
        frame = {name: value for name, value in body.items() if name not in self.hidden}
        return httpx.Response(200, json=rows if self.bare else {**frame, "users": rows})


def terse(*hidden: str, bare: bool = False) -> Terse:
    server = Terse()
    server.hidden, server.bare = hidden, bare
    return server


def ids(port: HaloContacts) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts("31", cursor)
        found += [contact.id for contact in page]
        if cursor is None:
            return found


@pytest.mark.parametrize("server", [terse("record_count"), terse(bare=True)], ids=["no count", "bare"])
def test_list_that_does_not_count_is_walked_to_its_end(server: Terse) -> None:
    expected = [str(server.add()) for _ in range(53)]
    assert ids(server.port()) == expected
    error = caught(lambda: server.port().count_contacts("31"))
    assert isinstance(error, WireError)
    assert error.reason == "count_missing"


def test_rows_that_name_no_client_are_told_by_their_details() -> None:
    server = terse("client_id", "site_id")
    ann = server.add(emailaddress="ann@contoso.com")
    server.add(emailaddress="ann@contoso.com", site_id=105)
    assert ids(server.port())[0] == str(ann)
    found = server.port().find_contacts(["31"], entra_id="", emails=["ann@contoso.com"])
    assert [contact.id for contact in found] == [str(ann)]


def test_user_whose_detail_names_no_client_is_no_stranger() -> None:
    server = Installation()
    number = server.add(emailaddress="ann@contoso.com")
    del server.users[number]["client_id"]
    whole = httpx.Response(200, json={"record_count": 1, "users": [listed(server.users[number])]})
    server.script = [whole]
    error = caught(lambda: server.port().find_contacts(["31"], entra_id="", emails=["ann@contoso.com"]))
    assert isinstance(error, WireError)
    assert error.reason == "company_missing"


def test_null_is_nobody() -> None:
    server = Installation(script=[httpx.Response(200, content=b"null", headers=JSON)])
    assert isinstance(caught(lambda: server.port().fetch_contact("7")), NotFoundError)


def test_detail_in_an_array_of_one_is_read() -> None:
    server = Installation()
    number = server.add(name="Ann Example")
    server.script = [httpx.Response(200, json=[server.users[number]])]
    assert server.port().fetch_contact(str(number)).fields["display_name"] == "Ann Example"


@pytest.mark.parametrize("title", [b'"cut \\ud83d"', b'"cut \xed\xa0\xbd"'])
def test_value_that_was_cut_inside_an_emoji_spoils_nothing(title: bytes) -> None:
    server = Installation()
    body = b'{"id": 7, "client_id": 31, "name": "Ann Example", "title": ' + title + b"}"
    server.script = [httpx.Response(200, content=body, headers=JSON)]
    assert server.port().fetch_contact("7").fields["job_title"].startswith("cut")


def test_names_in_any_case_are_one() -> None:
    server = Installation()
    number = server.add(emailaddress="ann@contoso.com", email2="a@contoso.com", azureoid="x")
    server.script = [httpx.Response(200, json={name.title(): value for name, value in server.users[number].items()})]
    contact = server.port().fetch_contact(str(number))
    assert (contact.emails, contact.entra_id) == (("ann@contoso.com", "a@contoso.com"), "x")
