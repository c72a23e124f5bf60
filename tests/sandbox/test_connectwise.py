"""ConnectWise PSA's rules for contacts."""
# ruff: noqa: E501 - a table of cases is read by its lines

import base64
from typing import Any

import pytest

from tests.sandbox.harness import CODEBASE, Sandbox

EMAIL = {"type": {"id": 13}, "value": "ann@contoso.test", "communicationType": "Email", "defaultFlag": True}
PHONE = {"type": {"id": "22"}, "value": "5551234", "extension": "12", "communicationType": "Phone", "defaultFlag": True}
CELL = {"type": {"id": 26}, "value": "5559999", "communicationType": "Phone", "defaultFlag": False}


def inner_codes(answer: Any) -> set[tuple[str, str]]:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "InvalidObject")
    return {(entry["code"], entry["field"]) for entry in body["errors"]}


def values(contact: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(item["value"], item["defaultFlag"]) for item in contact.get("communicationItems", [])]


# --- who may call


def test_a_call_needs_the_client_id_and_a_plus_in_the_user_part(sandbox: Sandbox) -> None:
    good = sandbox.psa_headers()
    path = f"{CODEBASE}/company/contacts/count"
    assert sandbox.http.get(path, headers=good).status_code == 200
    assert sandbox.http.get(path, headers={"Authorization": good["Authorization"]}).status_code == 401
    assert sandbox.http.get(path, headers={"clientId": good["clientId"]}).status_code == 401
    psa = sandbox.info["connectwise"]
    no_plus = base64.b64encode(f"{psa['public_key']}:{psa['private_key']}".encode()).decode()
    assert sandbox.http.get(path, headers={**good, "Authorization": f"Basic {no_plus}"}).status_code == 401
    assert sandbox.http.get(path, headers=sandbox.psa_headers(private_key="wrong")).status_code == 401
    assert sandbox.http.get(path, headers=sandbox.psa_headers(client_id="wrong")).status_code == 401
    other = sandbox.http.get(path, headers=sandbox.psa_headers(company="other"))
    assert (other.status_code, other.text) == (400, "Cannot route. Codebase/company is invalid.")


def test_the_codebase_is_found_and_goes_stale(sandbox: Sandbox) -> None:
    info = sandbox.http.get("/login/companyinfo/sandbox").json()
    assert info["Codebase"] == "v2026_1/"
    assert sandbox.http.get("/login/companyinfo/nobody").text == "null"
    sandbox.mutate({"op": "psa.upgrade", "codebase": "v2026_2/"})
    stale = sandbox.psa("/company/contacts/count")
    assert (stale.status_code, stale.json()["message"]) == (404, "The endpoint does not exist.")
    assert sandbox.http.get("/login/companyinfo/sandbox").json()["Codebase"] == "v2026_2/"
    fresh = sandbox.http.get("/v2026_2/apis/3.0/company/contacts/count", headers=sandbox.psa_headers())
    assert fresh.status_code == 200


def test_the_forwarding_base_hides_a_bad_key_behind_a_404(sandbox: Sandbox) -> None:
    path = "/v4_6_release/apis/3.0/company/contacts/count"
    assert sandbox.http.get(path, headers=sandbox.psa_headers()).status_code == 200
    assert sandbox.http.get(path, headers=sandbox.psa_headers(private_key="wrong")).status_code == 404


def test_rights_methods_types_and_paths(sandbox: Sandbox) -> None:
    assert sandbox.psa("/company/nonsense").status_code == 404
    assert sandbox.http.get(f"{CODEBASE}{CODEBASE}/company/contacts", headers=sandbox.psa_headers()).status_code == 400
    assert sandbox.psa("/company/contacts", method="DELETE").status_code == 405
    headers = {"Content-Type": "text/plain"}
    assert sandbox.psa("/company/contacts", method="POST", content=b"{}", headers=headers).status_code == 415
    versioned = {"Accept": "application/vnd.connectwise.com+json; version=2026.4"}
    assert sandbox.psa("/company/contacts/count", headers=versioned).status_code == 200
    sandbox.mutate({"op": "psa.set_credentials", "rights": ["contacts.read"]})
    assert sandbox.psa("/company/contacts", method="POST", json={"firstName": "A"}).status_code == 403
    assert sandbox.psa("/company/companies/250").status_code == 403


def test_too_long_a_url_is_refused(sandbox: Sandbox) -> None:
    ids = ",".join(str(number) for number in range(1000, 1500))
    assert sandbox.psa("/company/contacts", params={"conditions": f"id in ({ids})"}).status_code == 414


def test_the_limit_counts_calls_of_a_minute(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"connectwise": {"per_minute": 3}})
    answers = [sandbox.psa("/company/contacts/count") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"] == "ConnectWiseAPI"
    assert "code" not in answers[3].json()
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60


# --- creating


def test_a_created_contact_comes_back_whole_without_empty_values(sandbox: Sandbox) -> None:
    body = {
        "firstName": "Ann",
        "lastName": "Exämple",
        "title": "",
        "company": {"id": 250},
        "communicationItems": [EMAIL, PHONE],
        "customFields": [{"id": 15, "value": "abc"}],
        "typeIds": [5],
        "department": {"id": 5},
        "userDefinedField10": "u" * 36,
    }
    answer = sandbox.psa("/company/contacts", method="POST", json=body)
    contact = answer.json()
    assert answer.status_code == 201
    assert contact["company"] == {"id": 250, "identifier": "CONTOSO", "name": "Contoso Ltd", "_info": {}}
    assert contact["site"]["id"] == 2501
    assert contact["department"]["name"] == "Sales"
    assert contact["types"][0]["name"] == "Employee"
    assert contact["relationship"] == {"_info": {}}
    assert "title" not in contact
    assert (contact["defaultPhoneType"], contact["defaultPhoneNbr"], contact["defaultPhoneExtension"]) == (
        "Direct",
        "5551234",
        "12",
    )
    assert contact["communicationItems"][0]["domain"] == "@contoso.test"
    assert contact["customFields"][0]["value"] == "abc"
    assert sandbox.contact(contact["id"]) == contact
    bare = sandbox.create_contact(firstName="Bare")
    assert "communicationItems" not in bare
    assert "lastName" not in bare
    assert "value" not in bare["customFields"][0]


def test_fields_trim_answers_of_get_and_post(sandbox: Sandbox) -> None:
    params = {"fields": "id,company/id,communicationItems/value"}
    answer = sandbox.psa(
        "/company/contacts",
        method="POST",
        params=params,
        json={"firstName": "A", "company": {"id": 250}, "communicationItems": [EMAIL]},
    )
    contact = answer.json()
    assert contact == {
        "id": contact["id"],
        "company": {"id": 250},
        "communicationItems": [{"value": "ann@contoso.test"}],
    }
    assert sandbox.psa(f"/company/contacts/{contact['id']}", params=params).json() == contact


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"lastName": "X"}, ("MissingRequiredField", "firstName")),
        ({"firstName": None}, ("MissingRequiredField", "firstName")),
        ({"firstName": "A" * 31}, ("InvalidField", "firstName")),
        ({"firstName": "A", "lastName": "B" * 31}, ("InvalidField", "lastName")),
        ({"firstName": "A", "title": "T" * 51}, ("InvalidField", "title")),
        ({"firstName": "A", "userDefinedField10": "U" * 51}, ("InvalidField", "userDefinedField10")),
        ({"firstName": 5}, ("InvalidField", "firstName")),
        ({"firstName": "A", "inactiveFlag": "no"}, ("InvalidField", "inactiveFlag")),
        ({"firstName": "A", "company": {"id": 999}}, ("InvalidField", "company/id")),
        ({"firstName": "A", "company": {"id": 253}}, ("InvalidField", "company/id")),
        ({"firstName": "A", "company": {"identifier": "NOBODY"}}, ("InvalidField", "company")),
        ({"firstName": "A", "company": "CONTOSO"}, ("InvalidField", "company")),
        ({"firstName": "A", "company": {"id": 250}, "site": {"id": 2511}}, ("InvalidField", "site/id")),
        ({"firstName": "A", "department": {"id": 1}}, ("InvalidField", "department/id")),
        ({"firstName": "A", "department": {"name": "Sales"}}, ("InvalidField", "department")),
        ({"firstName": "A", "typeIds": [1]}, ("InvalidField", "typeIds")),
        ({"firstName": "A", "communicationItems": [{"type": {"id": 1}, "value": "x"}]}, ("InvalidField", "communicationItems/type/id")),
        ({"firstName": "A", "communicationItems": [{"type": {"id": 13}}]}, ("MissingRequiredField", "communicationItems/value")),
        ({"firstName": "A", "communicationItems": [{**EMAIL, "value": "e" * 251}]}, ("InvalidField", "communicationItems/value")),
        ({"firstName": "A", "communicationItems": [{**PHONE, "extension": "1" * 16}]}, ("InvalidField", "communicationItems/extension")),
        ({"firstName": "A", "communicationItems": [{**PHONE, "communicationType": "Email"}]}, ("InvalidField", "communicationItems/communicationType")),
        ({"firstName": "A", "customFields": [{"id": 16, "value": "x"}]}, ("InvalidField", "customFields")),
    ],
)  # fmt: skip
def test_what_a_contact_must_be(sandbox: Sandbox, body: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in inner_codes(sandbox.psa("/company/contacts", method="POST", json=body))
    assert sandbox.writes() == []


def test_lengths_can_be_switched_off_and_inactive_companies_are_allowed(sandbox: Sandbox) -> None:
    sandbox.control("POST", "settings", {"connectwise.max_lengths": False})
    assert sandbox.create_contact(firstName="A" * 60, company={"id": 252})["firstName"] == "A" * 60
    assert sandbox.create_contact(firstName="B", company={"identifier": "contoso"})["company"]["id"] == 250


# --- patching


def test_a_patch_is_an_array_and_counts_whole_or_not_at_all(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann")["id"]
    path = f"/company/contacts/{number}"
    single = sandbox.psa(path, method="PATCH", json={"op": "replace", "path": "/title", "value": "x"})
    assert single.status_code == 400
    refused = sandbox.patch(number, ("replace", "/title", "Buyer"), ("replace", "/lastName", "L" * 31))
    assert inner_codes(refused) == {("InvalidField", "lastName")}
    assert "title" not in sandbox.contact(number)
    answer = sandbox.patch(number, ("replace", "title", "Buyer"), ("add", "/nickName", "Annie"))
    assert (answer.status_code, answer.json()["title"], answer.json()["nickName"]) == (200, "Buyer", "Annie")
    assert sandbox.patch(999_999, ("replace", "title", "x")).json() == {
        "code": "NotFound",
        "message": "Contact 999999 not found",
    }


@pytest.mark.parametrize(
    "operation",
    [
        ("move", "/title", "x"),
        ("replace", "/Title", "x"),
        ("replace", "/nonsense", "x"),
        ("replace", "/id", 5),
        ("replace", "/types", []),
        ("remove", "/firstName"),
        ("remove", "/lastName"),
        ("replace", "/firstName", ""),
        ("replace", "/customFields/0/value", "x"),
        ("add", "/customFields", [{"id": 15, "value": "x"}]),
        ("replace", "/communicationItems/5/value", "x"),
        ("remove", "/communicationItems/2"),
        ("add", "/communicationItems/3", CELL),
        ("replace", "/communicationItems/0/nonsense", "x"),
        ("replace", "/communicationItems/0/value", ""),
    ],
)
def test_what_a_patch_may_not_do(sandbox: Sandbox, operation: tuple[Any, ...]) -> None:
    number = sandbox.create_contact(firstName="Ann", communicationItems=[EMAIL, PHONE])["id"]
    before = sandbox.contact(number)
    assert sandbox.patch(number, operation).status_code == 400
    assert sandbox.contact(number) == before


def test_the_inside_of_a_reference_answers_200_and_changes_nothing(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann")["id"]
    for path, value in (
        ("company/identifier", "CATCHALL"),
        ("/company/id", 254),
        ("/site/id", 2541),
        ("/department/id", 5),
    ):
        assert sandbox.patch(number, ("replace", path, value)).status_code == 200
    assert sandbox.contact(number)["company"]["id"] == 250
    assert "department" not in sandbox.contact(number)


def test_a_whole_reference_moves_the_contact_and_takes_the_new_companys_site(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann", department={"id": 5})["id"]
    moved = sandbox.patch(number, ("replace", "/company", {"id": 251}), ("replace", "/department", None)).json()
    assert (moved["company"]["id"], moved["site"]["id"], "department" in moved) == (251, 2511, False)
    assert sandbox.patch(number, ("replace", "/site", {"id": 2501})).status_code == 400


def test_items_are_renumbered_after_each_removal(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann", communicationItems=[EMAIL, PHONE, CELL])["id"]
    answer = sandbox.patch(number, ("remove", "/communicationItems/0"), ("remove", "/communicationItems/0"))
    assert values(answer.json()) == [("5559999", False)]


def test_an_added_default_clears_the_old_one(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann", communicationItems=[EMAIL, PHONE])["id"]
    second = {"type": {"id": 13}, "value": "second@contoso.test", "defaultFlag": True}
    answer = sandbox.patch(number, ("add", "/communicationItems/2", second))
    assert values(answer.json()) == [("ann@contoso.test", False), ("5551234", True), ("second@contoso.test", True)]
    back = sandbox.patch(number, ("replace", "/communicationItems/0/defaultFlag", True))
    assert values(back.json()) == [("ann@contoso.test", True), ("5551234", True), ("second@contoso.test", False)]


def test_adding_at_index_0_appends_without_the_default_flag(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann", communicationItems=[EMAIL])["id"]
    second = {"type": {"id": 13}, "value": "second@contoso.test", "defaultFlag": True}
    assert values(sandbox.patch(number, ("add", "/communicationItems/0", second)).json()) == [
        ("ann@contoso.test", True),
        ("second@contoso.test", False),
    ]
    empty = sandbox.create_contact(firstName="Bea")["id"]
    assert values(sandbox.patch(empty, ("add", "/communicationItems/0", EMAIL)).json()) == [("ann@contoso.test", True)]


def test_an_item_keeps_its_id_when_its_value_changes(sandbox: Sandbox) -> None:
    contact = sandbox.create_contact(firstName="Ann", communicationItems=[EMAIL, PHONE])
    patched = sandbox.patch(contact["id"], ("replace", "/communicationItems/1/value", "777")).json()
    assert patched["communicationItems"][1]["id"] == contact["communicationItems"][1]["id"]
    assert patched["communicationItems"][1]["extension"] == "12"
    assert patched["defaultPhoneNbr"] == "777"


def test_custom_fields_are_one_array_whose_gaps_keep_their_value(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann", customFields=[{"id": 15, "value": "one"}])["id"]
    assert sandbox.patch(number, ("replace", "/customFields", [])).json()["customFields"][0]["value"] == "one"
    assert (
        sandbox.patch(number, ("replace", "/customFields", [{"id": 15, "value": "two"}])).json()["customFields"][0][
            "value"
        ]
        == "two"
    )
    assert (
        "value"
        not in sandbox.patch(number, ("replace", "/customFields", [{"id": 15, "value": None}])).json()["customFields"][
            0
        ]
    )


def test_some_servers_demand_a_custom_fields_operation(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann")["id"]
    sandbox.control("POST", "settings", {"connectwise.demand_custom_fields_op": True})
    assert inner_codes(sandbox.patch(number, ("replace", "/title", "x"))) == {("MissingRequiredField", "customFields")}
    assert sandbox.patch(number, ("replace", "/title", "x"), ("replace", "/customFields", [])).status_code == 200


def test_the_order_of_items_can_differ_between_reads(sandbox: Sandbox) -> None:
    many = [{"type": {"id": 37}, "value": f"a{number}@x.test"} for number in range(6)]
    number = sandbox.create_contact(firstName="Ann", communicationItems=many)["id"]
    sandbox.control("POST", "settings", {"connectwise.shuffle_items": True})
    orders = {tuple(value for value, _ in values(sandbox.contact(number))) for _ in range(8)}
    assert len(orders) > 1
    first = values(sandbox.contact(number))[0][0]
    removed = sandbox.patch(number, ("remove", "/communicationItems/0")).json()
    assert first not in {value for value, _ in values(removed)}


def test_line_ends_become_blanks(sandbox: Sandbox) -> None:
    contact = sandbox.create_contact(firstName="Ann\nMarie", title="a\r\nb\x08")
    assert (contact["firstName"], contact["title"]) == ("Ann Marie", "a b\x08")


def test_put_empties_what_is_left_out_but_not_custom_fields(sandbox: Sandbox) -> None:
    contact = sandbox.create_contact(
        firstName="Ann", title="Buyer", communicationItems=[EMAIL], customFields=[{"id": 15, "value": "x"}]
    )
    path = f"/company/contacts/{contact['id']}"
    assert sandbox.psa(path, method="PUT", json=contact).status_code == 400
    replaced = sandbox.psa(path, method="PUT", json={"firstName": "Ann", "company": {"id": 250}}).json()
    assert "title" not in replaced
    assert "communicationItems" not in replaced
    assert replaced["customFields"][0]["value"] == "x"


def test_deleting_answers_204_and_refuses_a_companys_default_contact(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann")["id"]
    path = f"/company/contacts/{number}"
    assert sandbox.psa(path, method="DELETE").status_code == 204
    assert sandbox.psa(path).status_code == 404
    default = sandbox.psa("/company/contacts/default", params={"companyId": 250}).json()
    refused = sandbox.psa(f"/company/contacts/{default['id']}", method="DELETE")
    assert refused.status_code == 409
    other = sandbox.create_contact(firstName="Bea", defaultFlag=True)["id"]
    assert sandbox.contact(default["id"])["defaultFlag"] is False
    assert sandbox.psa("/company/contacts/default", params={"companyId": 250}).json()["id"] == other


# --- the other records


def test_communications_have_an_endpoint_of_their_own(sandbox: Sandbox) -> None:
    contact = sandbox.create_contact(firstName="Ann", communicationItems=[EMAIL])
    path = f"/company/contacts/{contact['id']}/communications"
    [item] = sandbox.psa(path).json()
    assert item["contactId"] == contact["id"]
    added = sandbox.psa(path, method="POST", json=PHONE)
    assert (added.status_code, added.json()["value"]) == (201, "5551234")
    one = f"{path}/{added.json()['id']}"
    assert (
        sandbox.psa(one, method="PATCH", json=[{"op": "replace", "path": "value", "value": "1"}]).json()["value"] == "1"
    )
    assert sandbox.psa(f"{path}/count").json() == {"count": 2}
    assert sandbox.psa(one, method="DELETE").status_code == 204
    assert sandbox.psa(one).status_code == 404
    assert values(sandbox.contact(contact["id"])) == [("ann@contoso.test", True)]


def test_contact_types_are_linked_by_associations(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann")["id"]
    path = f"/company/contacts/{number}/typeAssociations"
    types = {entry["description"]: entry["id"] for entry in sandbox.psa("/company/contacts/types").json()}
    linked = sandbox.psa(path, method="POST", json={"type": {"id": types["Employee"]}})
    assert linked.status_code == 201
    assert sandbox.contact(number)["types"][0]["name"] == "Employee"
    assert sandbox.psa(f"{path}/{linked.json()['id']}", method="DELETE").status_code == 204
    assert "types" not in sandbox.contact(number)


def test_type_ids_are_not_those_that_most_installations_have(sandbox: Sandbox) -> None:
    types = {entry["id"]: entry for entry in sandbox.psa("/company/communicationTypes").json()}
    assert not {1, 2, 3, 4} & types.keys()
    assert [t["description"] for t in types.values() if t["phoneFlag"] and t["defaultFlag"]] == ["Direct"]


def test_companies_sites_and_tables(sandbox: Sandbox) -> None:
    active = sandbox.psa(
        "/company/companies", params={"conditions": 'deletedFlag=False AND status/name="Active"', "fields": "id,name"}
    ).json()
    assert {250, 251, 254, 300, 301} == {company["id"] for company in active}
    names = {company["name"] for company in active}
    assert {"Zażółć Gęślą GmbH & Söhne", "株式会社さくら"} <= names
    assert sandbox.psa("/company/companies/count").json() == {"count": 7}
    assert sandbox.psa("/company/companies/999").json() == {"code": "NotFound", "message": "Company 999 not found"}
    assert [site["id"] for site in sandbox.psa("/company/companies/250/sites").json()] == [2501]
    definitions = sandbox.psa("/system/userDefinedFields", params={"conditions": 'screenId="ct300"'}).json()
    assert [(entry["id"], entry["caption"]) for entry in definitions] == [(15, "EntraId")]
    for table in ("departments", "relationships", "types"):
        assert sandbox.psa(f"/company/contacts/{table}/count").json()["count"] > 0
    assert {"id", "name", "_info"} == set(sandbox.psa("/company/countries").json()[0])
    assert sandbox.psa("/system/m365contactsync/info").status_code == 200
    assert sandbox.psa("/system/info").json()["isCloud"] is True


def test_a_departments_table_shows_no_unknown_department(sandbox: Sandbox) -> None:
    names = {entry["name"] for entry in sandbox.psa("/company/contacts/departments").json()}
    assert "Facilities" not in names
    assert "Research & Development" in names
