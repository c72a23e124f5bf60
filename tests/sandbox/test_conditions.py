"""ConnectWise PSA's queries and pages."""
# ruff: noqa: E501 - a table of cases is read by its lines

from typing import Any

import pytest

from tests.sandbox.harness import Sandbox


def contacts(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.control("GET", "contacts")["contacts"]
    return found


def mails(contact: dict[str, Any]) -> set[str]:
    return {i["value"].casefold() for i in contact.get("communicationItems", []) if i["communicationType"] == "Email"}


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("company/id=250", lambda c: c["company"]["id"] == 250),
        ("company/id = 251 AND inactiveFlag = False", lambda c: c["company"]["id"] == 251 and not c["inactiveFlag"]),
        ("Company/ID=250 and InactiveFlag=True", lambda c: c["company"]["id"] == 250 and c["inactiveFlag"]),
        ("company/id in (251,300)", lambda c: c["company"]["id"] in {251, 300}),
        ("id in (1001, 1002,999)", lambda c: c["id"] in {1001, 1002}),
        ("id=1001", lambda c: c["id"] == 1001),
        ("id >= 1010 and id < 1020", lambda c: 1010 <= c["id"] < 1020),
        ('lastName="MAIDENNAME"', lambda c: c.get("lastName") == "Maidenname"),
        ('lastName like "Stranger1*"', lambda c: c.get("lastName", "").startswith("Stranger1")),
        ('lastName like "anger"', lambda c: "anger" in c.get("lastName", "")),
        ('lastName contains "anger1"', lambda c: "anger1" in c.get("lastName", "")),
        ('lastName not contains "anger"', lambda c: "anger" not in c.get("lastName", "")),
        ('title="Former*"', lambda c: c.get("title", "").startswith("Former")),
        ("userDefinedField10 = null", lambda c: "userDefinedField10" not in c),
        ("userDefinedField10 != null AND company/id=250", lambda c: "userDefinedField10" in c and c["company"]["id"] == 250),
        ('(lastName="Else" OR lastName="Duplicate") AND company/id=250', lambda c: c.get("lastName") in {"Else", "Duplicate"} and c["company"]["id"] == 250),
        ('company/name="Contoso Berlin"', lambda c: c["company"]["name"] == "Contoso Berlin"),
        ("lastUpdated > [2020-01-01T00:00:00Z]", lambda c: True),
        ("lastUpdated > [2099-01-01T00:00:00Z]", lambda c: False),
    ],
)  # fmt: skip
def test_conditions(sandbox: Sandbox, text: str, test: Any) -> None:
    params = {"conditions": text, "pageSize": 1000, "fields": "id"}
    found = {contact["id"] for contact in sandbox.psa("/company/contacts", params=params).json()}
    wanted = {contact["id"] for contact in contacts(sandbox) if test(contact)}
    assert found == wanted
    assert sandbox.psa("/company/contacts/count", params={"conditions": text}).json() == {"count": len(wanted)}


@pytest.mark.parametrize(
    "params",
    [
        {"conditions": 'communicationItems/value="a@b.c"'},
        {"conditions": 'email="a@b.c"'},
        {"conditions": "nonsense=1"},
        {"conditions": "id ~ 5"},
        {"conditions": "id ="},
        {"conditions": "id = abc"},
        {"conditions": "(id = 5"},
        {"conditions": 'lastName="O"Brien"'},
        {"conditions": "id = 5 id = 6"},
        {"childConditions": 'communicationItems/value in ("a","b")'},
        {"childConditions": 'value="a"'},
        {"customFieldConditions": 'caption in ("EntraId")'},
        {"customFieldConditions": 'name="EntraId"'},
        {"pageSize": "many"},
    ],
)
def test_what_cannot_be_asked(sandbox: Sandbox, params: dict[str, str]) -> None:
    assert sandbox.psa("/company/contacts", params=params).status_code == 400


def test_child_conditions_hold_for_one_item_as_a_whole(sandbox: Sandbox) -> None:
    wanted = next(c for c in contacts(sandbox) if mails(c) and c["company"]["id"] == 251)
    mail = next(iter(mails(wanted)))
    child = f'communicationItems/value="{mail.upper()}" AND communicationItems/communicationType="Email"'
    everywhere = sandbox.psa("/company/contacts", params={"childConditions": child}).json()
    assert {c["id"] for c in everywhere} == {c["id"] for c in contacts(sandbox) if mail in mails(c)}
    here = sandbox.psa("/company/contacts", params={"childConditions": child, "conditions": "company/id=251"}).json()
    assert [c["id"] for c in here] == [wanted["id"]]
    phone = f'communicationItems/value="{mail}" AND communicationItems/communicationType="Phone"'
    assert sandbox.psa("/company/contacts", params={"childConditions": phone}).json() == []


def test_several_addresses_in_one_question(sandbox: Sandbox) -> None:
    for name in ("one", "two", "three"):
        sandbox.create_contact(
            firstName=name, communicationItems=[{"type": {"id": 13}, "value": f"{name}@several.test"}]
        )
    child = 'communicationItems/value="one@several.test" OR communicationItems/value="TWO@several.test"'
    found = sandbox.psa("/company/contacts", params={"childConditions": child, "orderBy": "id"}).json()
    assert [c["firstName"] for c in found] == ["one", "two"]


def test_a_raw_plus_never_matches(sandbox: Sandbox) -> None:
    sandbox.create_contact(firstName="Ann", communicationItems=[{"type": {"id": 13}, "value": "a+b@contoso.test"}])
    good = sandbox.psa("/company/contacts?childConditions=communicationItems/value=%22a%2Bb@contoso.test%22").json()
    bad = sandbox.psa("/company/contacts?childConditions=communicationItems/value=%22a+b@contoso.test%22").json()
    assert (len(good), len(bad)) == (1, 0)


def test_custom_field_conditions(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann", customFields=[{"id": 15, "value": "Abc-1"}])["id"]
    found = sandbox.psa(
        "/company/contacts", params={"customFieldConditions": 'caption="EntraId" AND value="abc-1"'}
    ).json()
    assert [c["id"] for c in found] == [number]
    other = sandbox.psa(
        "/company/contacts", params={"customFieldConditions": 'caption="Other" AND value="abc-1"'}
    ).json()
    assert other == []


def test_pages_are_25_long_and_at_most_1000(sandbox: Sandbox) -> None:
    first = sandbox.psa("/company/contacts", params={"orderBy": "id asc"})
    assert len(first.json()) == 25
    links = first.headers["Link"]
    assert 'rel="next"' in links
    assert 'rel="last"' in links
    assert 'rel="prev"' not in links
    everything = sandbox.psa("/company/contacts", params={"pageSize": 5000})
    assert len(everything.json()) == len(contacts(sandbox))
    assert 'rel="next"' not in everything.headers["Link"]
    assert sandbox.psa("/company/contacts", params={"page": 99}).json() == []


def test_links_lead_through_all_pages(sandbox: Sandbox) -> None:
    url: str | None = "/company/contacts?conditions=company/id=250&orderBy=id%20asc&pageSize=40"
    found: list[int] = []
    answer = sandbox.psa(url or "")
    while url:
        found += [contact["id"] for contact in answer.json()]
        url = answer.links.get("next", {}).get("url")
        if url:
            assert url.startswith(sandbox.info["url"])
            answer = sandbox.http.get(url, headers=sandbox.psa_headers())
    assert found == [c["id"] for c in contacts(sandbox) if c["company"]["id"] == 250]


def test_forward_only_pages_always_have_a_link(sandbox: Sandbox) -> None:
    headers = {"pagination-type": "forward-only"}
    found: list[int] = []
    answer = sandbox.psa(
        "/company/contacts", params={"pageId": 0, "pageSize": 60, "conditions": "company/id=250"}, headers=headers
    )
    while answer.json():
        found += [contact["id"] for contact in answer.json()]
        answer = sandbox.http.get(answer.links["next"]["url"], headers=sandbox.psa_headers() | headers)
    assert "next" in answer.links
    assert found == [c["id"] for c in contacts(sandbox) if c["company"]["id"] == 250]


def test_order(sandbox: Sandbox) -> None:
    rows = sandbox.psa("/company/contacts", params={"orderBy": "lastName desc, id asc", "pageSize": 1000}).json()
    keys = [row.get("lastName", "").casefold() for row in rows]
    assert keys == sorted(keys, reverse=True)
