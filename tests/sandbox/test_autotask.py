"""Autotask PSA's rules for contacts."""
# ruff: noqa: E501 - a table of cases is read by its lines

from typing import Any

import httpx
import pytest

from tests.sandbox.harness import Sandbox

COMPANY = {"op": "eq", "field": "companyID", "value": 250}
CONTACTS = "/Companies/250/Contacts"
CONTACT = {"companyID": 250, "firstName": "Ann", "lastName": "Example", "isActive": 1}


def refusal(answer: httpx.Response) -> str:
    """The texts of a refusal; its status says nothing."""
    assert answer.status_code == 500, answer.text
    texts: list[str] = answer.json()["errors"]
    return " ".join(texts)


def post(sandbox: Sandbox, **values: Any) -> httpx.Response:
    return sandbox.autotask(CONTACTS, method="POST", json={**CONTACT, **values})


def patch(sandbox: Sandbox, contact_id: int, **values: Any) -> httpx.Response:
    return sandbox.autotask(CONTACTS, method="PATCH", json={"id": contact_id, **values})


def look_up_zone(sandbox: Sandbox, user: str | None = None) -> httpx.Response:
    keys = sandbox.info["autotask"]
    return sandbox.http.get(keys["zone_url"], params={"user": user or keys["username"]})


# --- who may call


def test_the_zone_is_told_to_a_known_user_without_a_secret(sandbox: Sandbox) -> None:
    assert look_up_zone(sandbox).json()["url"] == f"{sandbox.info['url']}/zone14/ATServicesRest/"
    assert refusal(look_up_zone(sandbox, "stranger@sandbox.example")) == "Zone information could not be determined"


def test_three_headers_are_needed_and_only_the_code_says_that_it_is_wrong(sandbox: Sandbox) -> None:
    url = "/zone14/ATServicesRest/V1.0/Companies/0"
    assert sandbox.http.get(url, headers=sandbox.autotask_headers()).status_code == 200
    for key in ("username", "secret"):
        answer = sandbox.http.get(url, headers=sandbox.autotask_headers(**{key: "wrong"}))
        assert (answer.status_code, answer.content) == (401, b"")
    wrong_code = sandbox.http.get(url, headers=sandbox.autotask_headers(integration_code="wrong"))
    assert refusal(wrong_code) == "IntegrationCode is invalid."


def test_a_zone_that_moved_looks_like_a_wrong_secret_until_it_is_looked_up_again(sandbox: Sandbox) -> None:
    sandbox.mutate({"op": "psa.move_zone", "vendor": "autotask", "zone": "zone15"})
    assert sandbox.query("Contacts", COMPANY).status_code == 401
    assert look_up_zone(sandbox).json()["url"].endswith("/zone15/ATServicesRest/")
    assert sandbox.autotask("/Companies/250", zone="zone15").status_code == 200


def test_paths_are_compared_without_case(sandbox: Sandbox) -> None:
    headers = sandbox.autotask_headers()
    assert sandbox.http.get("/zone14/atservicesrest/v1.0/companies/250", headers=headers).status_code == 200
    versions = sandbox.http.get("/zone14/ATServicesRest/VersionInformation", headers=headers)
    assert versions.json() == {"apiVersions": ["1.0"]}
    assert sandbox.autotask("/Nonsense").status_code == 404


@pytest.mark.parametrize(("right", "verb"), [("contacts.read", "query"), ("contacts.write", "create")])
def test_a_missing_right_is_a_500(sandbox: Sandbox, right: str, verb: str) -> None:
    rights = {"contacts.read", "contacts.write", "companies.read"} - {right}
    sandbox.mutate({"op": "psa.set_credentials", "vendor": "autotask", "rights": sorted(rights)})
    answer = sandbox.query("Contacts") if verb == "query" else post(sandbox)
    assert refusal(answer) == f"The logged in Resource does not have the adequate permissions to {verb} Contact."
    info = sandbox.autotask("/Contacts/entityInformation").json()["info"]
    assert (info["canQuery"], info["canCreate"]) == (verb != "query", verb != "create")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/Contacts"),
        ("PATCH", "/Contacts"),
        ("PUT", "/Contacts"),
        ("PATCH", "/Contacts/30001"),
        ("PATCH", f"{CONTACTS}/30001"),
        ("PUT", f"{CONTACTS}/30001"),
        ("DELETE", "/Contacts/30001"),
    ],
)
def test_flat_writes_do_not_exist(sandbox: Sandbox, method: str, path: str) -> None:
    answer = sandbox.autotask(path, method=method, json={**CONTACT, "id": 30001})
    assert (answer.status_code, answer.json()["Message"]) == (
        405,
        f"The requested resource does not support http method '{method}'.",
    )
    assert sandbox.writes() == []


# --- queries


def test_pages_follow_by_the_same_verb_and_body_and_the_last_may_be_empty(sandbox: Sandbox) -> None:
    every = sandbox.control("GET", "contacts?vendor=autotask&company=250")["contacts"]
    ids = [contact["id"] for contact in every]
    boundary = {"op": "lte", "field": "id", "value": ids[199]}
    body = {"MaxRecords": 100, "IncludeFields": ["id"], "filter": [COMPANY, boundary]}
    answer = sandbox.autotask("/Contacts/query", method="POST", json=body)
    seen, sizes = [], []
    while True:
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        sizes.append(page["pageDetails"]["count"])
        link = page["pageDetails"]["nextPageUrl"]
        if link is None:
            break
        assert sandbox.autotask(link).status_code == 405
        other = sandbox.autotask(link, method="POST", json={**body, "filter": [COMPANY]})
        assert "differs" in refusal(other)
        answer = sandbox.autotask(link, method="POST", json=body)
    assert seen == ids[:200]
    assert sizes == [100, 100, 0]


def test_a_query_by_get_pages_by_get(sandbox: Sandbox) -> None:
    search = '{"MaxRecords":200,"filter":[{"op":"eq","field":"companyID","value":250}]}'
    page = sandbox.autotask("/Contacts/query", params={"search": search}).json()
    assert sandbox.autotask(page["pageDetails"]["nextPageUrl"], method="POST", json={}).status_code == 405
    rest = sandbox.autotask(page["pageDetails"]["nextPageUrl"]).json()
    count = sandbox.autotask("/Contacts/query/count", params={"search": search}).json()["queryCount"]
    assert len(page["items"]) + len(rest["items"]) == count


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ({"op": "eq", "field": "emailAddress", "value": "ANN@CONTOSO.TEST"}, {"Ann"}),
        ({"op": "contains", "field": "emailaddress", "value": "nn@contoso"}, {"Ann", "Joann"}),
        ({"op": "beginsWith", "field": "firstName", "value": "jo"}, {"Joann"}),
        ({"op": "endsWith", "field": "emailAddress2", "value": ".org"}, {"Bea"}),
        ({"op": "notExist", "field": "emailAddress"}, {"Bea"}),
        ({"op": "exist", "field": "emailAddress"}, {"Ann", "Joann"}),
        ({"op": "in", "field": "firstName", "value": ["ann", "bea", "nobody"]}, {"Ann", "Bea"}),
        ({"op": "notIn", "field": "firstName", "value": ["ann", "bea"]}, {"Joann"}),
        ({"op": "noteq", "field": "isActive", "value": 1}, {"Bea"}),
        ({"op": "eq", "field": "isActive", "value": "0"}, {"Bea"}),
        ({"op": "eq", "udf": True, "field": "Entra ID", "value": "abc"}, {"Joann"}),
        ({"op": "or", "items": [{"op": "eq", "field": "firstName", "value": "Bea"}, {"op": "and", "items": [{"op": "eq", "field": "firstName", "value": "Ann"}, {"op": "eq", "field": "isActive", "value": 1}]}]}, {"Ann", "Bea"}),
        ({"op": "or", "items": [{"op": "eq", "field": name, "value": value} for name, value in (("emailAddress", "ann@contoso.test"), ("emailAddress2", "bea@mail.org"))]}, {"Ann", "Bea"}),
        ({"op": "gt", "field": "lastModifiedDate", "value": "2020-01-01T00:00:00Z"}, {"Ann", "Joann", "Bea"}),
        ({"op": "lt", "field": "createDate", "value": "2020-01-01T00:00:00Z"}, set()),
    ],
)  # fmt: skip
def test_conditions(sandbox: Sandbox, condition: dict[str, Any], names: set[str]) -> None:
    [company] = sandbox.mutate(
        {"op": "psa.create_company", "vendor": "autotask", "set": {"identifier": "TEST", "name": "Test"}}
    )
    own = {"companyID": company["id"]}
    sandbox.create_autotask_contact(**own, emailAddress="ann@contoso.test")
    sandbox.create_autotask_contact(
        **own,
        firstName="Joann",
        emailAddress="joann@contoso.test",
        userDefinedFields=[{"name": "Entra ID", "value": "abc"}],
    )
    sandbox.create_autotask_contact(**own, firstName="Bea", emailAddress2="bea@mail.org", isActive=0)
    found = sandbox.query("Contacts", {"op": "eq", "field": "companyID", "value": company["id"]}, condition)
    assert {item["firstName"] for item in found.json()["items"]} == names


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"filter": []}, "must not be empty"),
        ({}, "must not be empty"),
        ({"filter": [COMPANY], "MaxRecords": 501}, "between 1 and 500"),
        ({"filter": [COMPANY], "MaxRecords": 0}, "between 1 and 500"),
        ({"filter": [COMPANY], "IncludeFields": ["id", "companyName"]}, "Unable to find companyName in the Contact Entity."),
        ({"filter": [{"op": "eq", "field": "department", "value": "IT"}]}, "Unable to find department in the Contact Entity."),
        ({"filter": [{"op": "like", "field": "firstName", "value": "A"}]}, "Unknown operator"),
        ({"filter": [{"op": "eq", "field": "surveyOptOut", "value": True}]}, "not queryable"),
        ({"filter": [{"op": "in", "field": "id", "value": list(range(501))}]}, "500 or fewer 'OR' conditions"),
        ({"filter": [{"op": "eq", "udf": True, "field": name, "value": "x"} for name in ("Entra ID", "Badge number")]}, "one user-defined field"),
        ({"filter": [{"op": "eq", "udf": True, "field": "Unknown", "value": "x"}]}, "Unable to find Unknown"),
        ({"filter": [{"op": "eq", "field": "companyID", "value": "x"}]}, "Invalid value"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_a_500_with_the_reason(sandbox: Sandbox, body: dict[str, Any], text: str) -> None:
    assert text in refusal(sandbox.autotask("/Contacts/query", method="POST", json=body))


def test_included_fields_are_all_that_comes_and_empty_ones_come_as_null_or_empty_text(sandbox: Sandbox) -> None:
    contact = sandbox.create_autotask_contact()
    assert (contact["externalID"], contact["emailAddress"], contact["companyLocationID"]) == (None, "", None)
    assert contact["userDefinedFields"] == [
        {"name": "Entra ID", "value": None},
        {"name": "Badge number", "value": None},
    ]
    own = {"op": "eq", "field": "id", "value": contact["id"]}
    [trimmed] = sandbox.query("Contacts", own, IncludeFields=["ID", "firstName"]).json()["items"]
    assert trimmed == {"id": contact["id"], "firstName": "Ann"}


def test_a_missing_item_is_null_or_a_404(sandbox: Sandbox) -> None:
    assert sandbox.autotask("/Contacts/999").json() == {"item": None}
    sandbox.control("POST", "settings", {"autotask.missing_item": "404"})
    assert sandbox.autotask("/Contacts/999").status_code == 404


def test_companies_locations_and_countries(sandbox: Sandbox) -> None:
    own = sandbox.autotask("/Companies/0").json()["item"]
    assert (own["companyName"], own["isActive"]) == ("Example MSP", True)
    active = {"op": "eq", "field": "isActive", "value": True}
    companies = sandbox.query("Companies", active).json()["items"]
    assert {0, 250, 251, 254} <= {company["id"] for company in companies}
    assert 252 not in {company["id"] for company in companies}
    by_domain = sandbox.query("Companies", {"op": "contains", "field": "webAddress", "value": "contoso.example"})
    assert [company["id"] for company in by_domain.json()["items"]] == [250]
    locations = sandbox.query("CompanyLocations", COMPANY).json()["items"]
    assert [(location["id"], location["isActive"]) for location in locations] == [(2501, True), (2502, False)]
    [germany] = sandbox.query("Countries", {"op": "eq", "field": "countryCode", "value": "DE"}).json()["items"]
    assert germany["displayName"] == "Germany"


def test_the_installation_tells_its_fields_and_lengths(sandbox: Sandbox) -> None:
    answer = sandbox.autotask("/Contacts/entityInformation/fields").json()["fields"]
    fields = {field["name"]: field for field in answer}
    assert {name: fields[name]["length"] for name in ("firstName", "title", "phone", "externalID")} == {
        "firstName": 50,
        "title": 50,
        "phone": 25,
        "externalID": 50,
    }
    assert {name for name, field in fields.items() if field["isRequired"]} == {
        "companyID",
        "firstName",
        "lastName",
        "isActive",
    }
    assert not fields["surveyOptOut"]["isQueryable"]
    labels = sandbox.autotask("/Contacts/entityInformation/userDefinedFields").json()["fields"]
    assert [field["name"] for field in labels] == ["Entra ID", "Badge number"]


# --- writes


def test_a_write_answers_the_id_alone(sandbox: Sandbox) -> None:
    created = post(sandbox, title="Buyer")
    number = created.json()["itemId"]
    assert (created.status_code, created.json()) == (200, {"itemId": number})
    assert patch(sandbox, number, title="Senior Buyer").json() == {"itemId": number}
    assert sandbox.autotask_contact(number)["title"] == "Senior Buyer"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"isActive": True}, "Unexpected character encountered while parsing value: t. Path 'isActive'"),
        ({"isActive": 2}, "isActive"),
        ({"lastName": ""}, "Missing Required Field: lastName"),
        ({"lastName": None}, "Missing Required Field: lastName"),
        ({"firstName": "A" * 51}, "maximum length"),
        ({"phone": "1" * 26}, "maximum length"),
        ({"emailAddress": "a" * 255}, "maximum length"),
        ({"companyLocationID": 2502}, "Reference value on field: companyLocationID"),
        ({"companyLocationID": 2511}, "Reference value on field: companyLocationID"),
        ({"countryID": 1}, "Reference value on field: countryID"),
        ({"companyID": 251}, "Reference value on field: companyID"),
        ({"department": "IT"}, "Unable to find department in the Contact Entity."),
        ({"userDefinedFields": [{"name": "Unknown", "value": "x"}]}, "Unable to find Unknown"),
        ({"userDefinedFields": {}}, "userDefinedFields"),
    ],
)  # fmt: skip
def test_a_refused_contact_is_a_500_with_the_reason(sandbox: Sandbox, values: dict[str, Any], text: str) -> None:
    assert text in refusal(post(sandbox, **values))
    assert sandbox.writes() == []


def test_a_company_that_is_inactive_or_gone_takes_no_contact(sandbox: Sandbox) -> None:
    for number in (252, 253):
        answer = sandbox.autotask(f"/Companies/{number}/Contacts", method="POST", json={**CONTACT, "companyID": number})
        assert "companyID" in refusal(answer)
    own = sandbox.autotask("/Companies/0/Contacts", method="POST", json={**CONTACT, "companyID": 0})
    assert own.status_code == 200


def test_patch_keeps_what_it_does_not_name_and_put_empties_it(sandbox: Sandbox) -> None:
    badge = {"name": "Badge number", "value": "7"}
    contact = sandbox.create_autotask_contact(title="Buyer", phone="5551234", userDefinedFields=[badge])
    patch(sandbox, contact["id"], mobilePhone="5559999", userDefinedFields=[{"name": "Entra ID", "value": "abc"}])
    patched = sandbox.autotask_contact(contact["id"])
    assert (patched["title"], patched["phone"], patched["mobilePhone"]) == ("Buyer", "5551234", "5559999")
    assert patched["userDefinedFields"] == [{"name": "Entra ID", "value": "abc"}, badge]
    sandbox.autotask(CONTACTS, method="PUT", json={**CONTACT, "id": contact["id"], "firstName": "Anne"})
    replaced = sandbox.autotask_contact(contact["id"])
    assert (replaced["firstName"], replaced["title"], replaced["phone"]) == ("Anne", "", "")
    assert {field["value"] for field in replaced["userDefinedFields"]} == {None}


def test_an_update_needs_the_id_in_the_body_and_the_company_in_the_path(sandbox: Sandbox) -> None:
    contact = sandbox.create_autotask_contact()
    assert refusal(sandbox.autotask(CONTACTS, method="PATCH", json={"title": "X"})) == "Missing Required Field: id"
    elsewhere = sandbox.autotask("/Companies/251/Contacts", method="PATCH", json={"id": contact["id"], "title": "X"})
    assert "No matching records found" in refusal(elsewhere)
    assert "parent" in refusal(patch(sandbox, contact["id"], companyID=251))


def test_equal_addresses_and_ids_are_allowed(sandbox: Sandbox) -> None:
    for _ in range(2):
        assert post(sandbox, emailAddress="same@contoso.test", externalID="same").status_code == 200


def test_delete_answers_the_id_and_refuses_primary_and_missing_ones(sandbox: Sandbox) -> None:
    first, second = sandbox.create_autotask_contact(), sandbox.create_autotask_contact(primaryContact=True)
    assert sandbox.autotask(f"{CONTACTS}/{first['id']}", method="DELETE").json() == {"itemId": first["id"]}
    assert "No matching records found" in refusal(sandbox.autotask(f"{CONTACTS}/{first['id']}", method="DELETE"))
    assert "primary" in refusal(sandbox.autotask(f"{CONTACTS}/{second['id']}", method="DELETE"))


def test_what_somebody_does_by_hand(sandbox: Sandbox) -> None:
    created, moved, switched_off = sandbox.mutate(
        {"op": "psa.create_contact", "vendor": "autotask", "company": 250, "set": {"firstName": "Ann"}},
        {"op": "psa.move_contact", "vendor": "autotask", "contact": 30001, "company": 251},
        {"op": "psa.deactivate_contact", "vendor": "autotask", "contact": 30002},
    )
    assert (created["companyID"], moved["companyID"], switched_off["isActive"]) == (250, 251, 0)
    assert {write["by"] for write in sandbox.writes()} == {"hand"}
    sandbox.mutate({"op": "psa.delete_company", "vendor": "autotask", "company": 250})
    assert sandbox.autotask("/Companies/250").json() == {"item": None}
