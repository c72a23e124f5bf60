"""Each adapter on servers that say the same in another way, as an emulation by others, or tomorrow's release, may."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.records import Contact, ContactChange, ContactDraft
from tests.unit.adapters.autotask.installation import Installation as Autotask
from tests.unit.adapters.connectwise.installation import Installation as ConnectWise
from tests.unit.adapters.halo.installation import Installation as Halo

COMPANIES = {"autotask": "250", "connectwise": "250", "halo": "31"}
OBJECT_ID = "4f6c0a1e-0000-4000-8000-000000000001"
MAIL = "Ann@contoso.example"

CONTACT = {"firstName", "firstname"}
UNSAID = (
    *("title", "site", "department", "country", "communicationItems", "customFields", "userDefinedField10"),
    *("companyLocationID", "countryID", "userDefinedFields", "primaryContact", "zipCode"),
    *("site_id_int", "email2", "customfields", "isimportantcontact", "other1"),
)

Body = Callable[[Any], Any]


def _each(value: Any, change: Body) -> Any:
    """Change every value from the leaves up."""
    if isinstance(value, dict):
        value = {name: _each(part, change) for name, part in value.items()}
    elif isinstance(value, list):
        value = [_each(part, change) for part in value]
    return change(value)


def _numbers_as(kind: Callable[[int], object]) -> Body:
    return lambda value: kind(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _truth_as(*, yes: object, no: object) -> Body:
    return lambda value: (yes if value else no) if isinstance(value, bool) else value


def _more(value: Any) -> Any:
    tomorrow: dict[str, Any] = {
        "fieldOfTomorrow": {"id": None, "parts": [None, {}]},
        "another": None,
        "shortFlag": True,
    }
    return {**tomorrow, **value} if isinstance(value, dict) else value


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = ("items", "users", "sites", "item", "fields", "info", "rows")  # the frame is there
    return {name: part for name, part in value.items() if part not in (None, "", [], {}) or name in kept}


def _backwards(value: Any) -> Any:
    """Say each object's fields the other way round; lists keep their order."""
    return dict(reversed(value.items())) if isinstance(value, dict) else value


def _with_null(value: Any) -> Any:
    """Name what a contact does not have, too."""
    return {**dict.fromkeys(UNSAID), **value} if isinstance(value, dict) and CONTACT & set(value) else value


BODIES: dict[str, Body] = {
    "as documented": lambda value: value,
    "numbers as text": _numbers_as(str),
    "numbers as doubles": _numbers_as(float),
    "truth as text": _truth_as(yes="true", no="False"),
    "truth as numbers": _truth_as(yes=1, no=0),
    "null is empty text": lambda value: "" if value is None else value,
    "empty text is null": lambda value: None if value == "" else value,
    "nothing empty": _without_empty,
    "more fields": _more,
    "null fields": _with_null,
    "the other way round": _backwards,
}
HEADERS: dict[str, dict[str, str]] = {
    "charset": {"content-type": "application/json; charset=utf-8"},
    "loud": {"CONTENT-TYPE": "Application/JSON; Charset=UTF-8"},
    "text": {"content-type": "text/json"},
    "vendor's": {"content-type": "application/vnd.connectwise.com+json; version=2026.4"},
    "problem": {"content-type": "application/problem+json"},
}


class Speaking:
    """A server that answers in a dialect."""

    body: Body = staticmethod(BODIES["as documented"])
    headers: dict[str, str] = {}
    before = b""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer: httpx.Response = super().__call__(request)  # type: ignore[misc]  # the vendor's own
        if not answer.content:
            return answer
        told = {name: value for name, value in answer.headers.items() if name not in ("content-type", "content-length")}
        content = json.dumps(_each(json.loads(answer.content), type(self).body)).encode()
        kind = {"content-type": "application/json"}
        return httpx.Response(
            answer.status_code, headers={**told, **(self.headers or kind)}, content=self.before + content
        )


SERVERS: dict[str, Any] = {"autotask": Autotask, "connectwise": ConnectWise, "halo": Halo}


def speaking(vendor: str, **parts: Any) -> Any:
    """Make the vendor's server speak so."""
    return type("Speaking", (Speaking, SERVERS[vendor]), parts)()


def permit() -> float:
    return 20.0


def story(server: Any, company_id: str) -> list[object]:
    """Live through what a run does, and tell what was seen."""
    port = server.port()
    fields = {"first_name": "Ann", "last_name": "Example", "email": MAIL, "phone": "+49 30 1 x12", "job_title": "Buyer"}
    draft = ContactDraft(company_id=company_id, entra_id=OBJECT_ID, fields=fields)
    ann: Contact = port.create_contact(draft, permit=permit)
    bob = port.create_contact(draft.model_copy(update={"entra_id": "another"}), permit=permit)
    wanted = ContactChange(contact_id=ann.id, company_id=company_id, fields={"job_title": "Chief", "phone": None})
    changed = port.update_contact(wanted.model_copy(update={"active": False}), permit=permit)
    walked: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = port.fetch_contacts(company_id, cursor)
        walked += page
        if cursor is None:
            break
    return [
        ann,
        bob,
        changed,
        walked,
        port.fetch_contact(ann.id),
        port.find_contacts([company_id], entra_id=OBJECT_ID, emails=[]),
        port.find_contacts([company_id], entra_id="nobody", emails=[MAIL.upper()]),
        port.find_namesakes([company_id], first_name="ann", last_name="EXAMPLE"),
        port.count_contacts(company_id),
        port.fetch_schema(),
    ]


@pytest.fixture(params=sorted(SERVERS))
def vendor(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("dialect", BODIES)
def test_run_sees_the_same_in_every_dialect(vendor: str, dialect: str) -> None:
    expected = story(SERVERS[vendor](), COMPANIES[vendor])
    assert len(expected[3]) == 2  # type: ignore[arg-type]
    assert story(speaking(vendor, body=staticmethod(BODIES[dialect])), COMPANIES[vendor]) == expected


@pytest.mark.parametrize("headers", HEADERS)
def test_content_type_is_read_for_what_it_means(vendor: str, headers: str) -> None:
    expected = story(SERVERS[vendor](), COMPANIES[vendor])
    assert story(speaking(vendor, headers=HEADERS[headers]), COMPANIES[vendor]) == expected


def test_mark_of_the_byte_order_is_no_part_of_the_answer(vendor: str) -> None:
    expected = story(SERVERS[vendor](), COMPANIES[vendor])
    assert story(speaking(vendor, before=b"\xef\xbb\xbf"), COMPANIES[vendor]) == expected
