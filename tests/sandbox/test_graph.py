"""Graph's rules for reading users."""
# ruff: noqa: E501 - a table of cases is read by its lines

import json
from typing import Any

import pytest

from tests.sandbox.harness import Sandbox

ADVANCED = {"ConsistencyLevel": "eventual"}


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_default_set_has_eleven_properties(sandbox: Sandbox) -> None:
    page = sandbox.graph("/users").json()
    assert len(page["value"]) == 100
    assert set(page["value"][0]) == {
        "businessPhones",
        "displayName",
        "givenName",
        "id",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
    }


def test_select_answers_what_was_asked_and_null_where_nothing_is_set(sandbox: Sandbox) -> None:
    users, _ = sandbox.walk("/users?$select=id,department,proxyAddresses,accountEnabled&$top=999")
    assert len(users) == 500
    assert all(set(user) == {"id", "department", "proxyAddresses", "accountEnabled"} for user in users)
    assert any(user["department"] is None for user in users)
    assert any(user["proxyAddresses"] == [] for user in users)


def test_names_may_be_escaped_and_blanks_written_as_plus(sandbox: Sandbox) -> None:
    answer = sandbox.graph("/users?%24select=id&%24filter=accountEnabled+eq+false&%24top=5")
    assert answer.status_code == 200
    assert len(answer.json()["value"]) == 5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("$select=nonsense", (400, "BadRequest")),
        ("$select=id,skills", (501, "NotImplemented")),
        ("$select=mailboxSettings", (501, "NotImplemented")),
        ("$top=0", (400, "Request_UnsupportedQuery")),
        ("$top=1000", (400, "Request_UnsupportedQuery")),
        ("$skip=10", (400, "Request_UnsupportedQuery")),
        ('$search="displayName:a"', (400, "Request_UnsupportedQuery")),
        ("$filter=endswith(mail,'x')", (400, "Request_UnsupportedQuery")),
        ("$filter=department ne 'Sales'", (400, "Request_UnsupportedQuery")),
        ("$filter=not(department eq 'Sales')", (400, "Request_UnsupportedQuery")),
        ("$filter=department eq null", (400, "Request_UnsupportedQuery")),
        ("$filter=officeLocation eq 'Berlin'", (400, "Request_UnsupportedQuery")),
        ("$filter=companyName eq 'Contoso'", (400, "Request_UnsupportedQuery")),
        ("$filter=contains(displayName,'a')", (400, "Request_UnsupportedQuery")),
        ("$filter=accountEnabled is true", (400, "BadRequest")),
        ("$filter=nonsense eq 1", (400, "BadRequest")),
        ("$filter=surname eq 'O'Brien'", (400, "BadRequest")),
        ("$filter=aboutMe eq 'x'", (400, "BadRequest")),
        ("$orderby=jobTitle", (400, "Request_UnsupportedQuery")),
        ("$orderby=displayName&$filter=accountEnabled eq true", (400, "Request_UnsupportedQuery")),
        ("$expand=memberOf", (400, "BadRequest")),
        ("$expand=manager($select=id)", (400, "Request_UnsupportedQuery")),
    ],
)
def test_what_graph_refuses(sandbox: Sandbox, query: str, expected: tuple[int, str]) -> None:
    assert error(sandbox.graph(f"/users?{query}")) == expected


def raw(sandbox: Sandbox) -> list[dict[str, Any]]:
    users: list[dict[str, Any]] = sandbox.control("GET", "users")["users"]
    return users


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("accountEnabled eq false", lambda u: u["accountEnabled"] is False),
        ("department eq 'sales'", lambda u: (u.get("department") or "").casefold() == "sales"),
        ("department in ('Sales','IT')", lambda u: (u.get("department") or "").casefold() in {"sales", "it"}),
        ("surname eq 'O''Brien'", lambda u: u.get("surname") == "O'Brien"),
        (
            "startswith(displayName,'a') or userType eq 'Guest'",
            lambda u: u["displayName"].casefold().startswith("a") or u.get("userType") == "Guest",
        ),
        (
            "(accountEnabled eq true and userType eq 'Guest')",
            lambda u: u["accountEnabled"] and u.get("userType") == "Guest",
        ),
        (
            "proxyAddresses/any(p:startswith(p,'smtp:old.'))",
            lambda u: any(p.startswith("smtp:old.") for p in u.get("proxyAddresses", [])),
        ),
        ("otherMails/any(x:x eq 'family@mail.example')", lambda u: "family@mail.example" in u.get("otherMails", [])),
        ("createdDateTime ge 2024-01-01T00:00:00Z", lambda u: u["createdDateTime"] >= "2024-01-01"),
        (
            "userPrincipalName eq 'SVCUTIL@contoso.example'",
            lambda u: u["userPrincipalName"] == "svcutil@contoso.example",
        ),
    ],
)
def test_filters_that_need_nothing(sandbox: Sandbox, text: str, test: Any) -> None:
    users, _ = sandbox.walk("/users", headers={}, params={"$filter": text, "$select": "id", "$top": "999"})
    assert {u["id"] for u in users} == {u["id"] for u in raw(sandbox) if test(u)}
    assert users


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("department ne 'Sales'", lambda u: (u.get("department") or "").casefold() != "sales"),
        ("not(userType eq 'Guest')", lambda u: u.get("userType") != "Guest"),
        ("mail eq null", lambda u: u.get("mail") is None),
        ("endswith(mail,'@partner1.example')", lambda u: (u.get("mail") or "").endswith("@partner1.example")),
        ("officeLocation eq 'Berlin'", lambda u: u.get("officeLocation") == "Berlin"),
        ("assignedLicenses/$count eq 0", lambda u: not u.get("assignedLicenses")),
        ("onPremisesExtensionAttributes/extensionAttribute7 eq 'contact'", lambda u: (u.get("onPremisesExtensionAttributes") or {}).get("extensionAttribute7") == "contact"),
    ],
)  # fmt: skip
def test_filters_that_need_the_advanced_parameters(sandbox: Sandbox, text: str, test: Any) -> None:
    assert error(sandbox.graph("/users", params={"$filter": text}))[1] == "Request_UnsupportedQuery"
    params = {"$filter": text, "$select": "id", "$top": "999", "$count": "true"}
    page = sandbox.graph("/users", params=params, headers=ADVANCED).json()
    wanted = {u["id"] for u in raw(sandbox) if test(u)}
    assert {u["id"] for u in page["value"]} == wanted
    assert page["@odata.count"] == len(wanted)


def test_count_is_silently_ignored_without_its_header(sandbox: Sandbox) -> None:
    assert "@odata.count" not in sandbox.graph("/users?$count=true&$top=1").json()
    first = sandbox.graph("/users?$count=true&$top=1", headers=ADVANCED).json()
    assert first["@odata.count"] == 500
    assert "@odata.count" not in sandbox.graph(first["@odata.nextLink"], headers=ADVANCED).json()


def test_the_count_segment_is_plain_text(sandbox: Sandbox) -> None:
    assert error(sandbox.graph("/users/$count")) == (400, "Request_BadRequest")
    answer = sandbox.graph("/users/$count", headers=ADVANCED)
    assert (answer.text, answer.headers["content-type"]) == ("500", "text/plain")
    enabled = sandbox.graph("/users/$count?$filter=accountEnabled eq true", headers=ADVANCED)
    assert int(enabled.text) == sum(1 for user in raw(sandbox) if user["accountEnabled"])


def test_pages_lead_to_every_user_once_on_the_address_the_client_used(sandbox: Sandbox) -> None:
    first = sandbox.graph("/users?$select=id&$top=7").json()
    assert first["@odata.nextLink"].startswith(sandbox.info["graph_url"] + "/users?")
    assert "$skiptoken=" in first["@odata.nextLink"]
    users, _ = sandbox.walk("/users?$select=id&$top=7")
    assert len({user["id"] for user in users}) == len(users) == 500
    port = sandbox.http.base_url.port
    named = sandbox.graph(f"https://localhost:{port}/v1.0/users?$top=2").json()
    assert named["@odata.nextLink"].startswith(f"https://localhost:{port}/v1.0/users?")


def test_a_page_link_dies_after_minutes(sandbox: Sandbox) -> None:
    link = sandbox.graph("/users?$top=5").json()["@odata.nextLink"]
    sandbox.control("POST", "advance-clock", {"seconds": 601})
    assert error(sandbox.graph(link)) == (400, "Directory_ExpiredPageToken")
    assert error(sandbox.graph("/users?$skiptoken=garbled"))[0] == 400


def test_order_and_search(sandbox: Sandbox) -> None:
    users, _ = sandbox.walk("/users?$select=displayName&$orderby=displayName desc&$top=999")
    names = [user["displayName"].casefold() for user in users]
    assert names == sorted(names, reverse=True)
    found = sandbox.graph('/users?$search="displayName:backup"&$count=true', headers=ADVANCED).json()
    assert found["@odata.count"] == 8


def test_manager_comes_with_expand(sandbox: Sandbox) -> None:
    page = sandbox.graph("/users?$select=id&$expand=manager%28%24levels%3D1%3B%24select%3Did%29&$top=30").json()
    managed = [user for user in page["value"] if "manager" in user]
    assert managed
    assert set(managed[0]["manager"]) == {"@odata.type", "id"}
    one = sandbox.graph(f"/users/{managed[0]['id']}/manager?$select=id").json()
    assert one["id"] == managed[0]["manager"]["id"]


def test_one_user_by_id_or_principal_name(sandbox: Sandbox) -> None:
    guest = next(user for user in raw(sandbox) if "#EXT#" in user["userPrincipalName"])
    by_name = sandbox.graph(f"/users/{guest['userPrincipalName'].replace('#', '%23')}?$select=id,skills,mail")
    assert by_name.json()["id"] == guest["id"]
    assert sandbox.graph(f"/users/{guest['id']}").json()["displayName"] == guest["displayName"]
    missing = sandbox.graph("/users/99999999-0000-4000-8000-000000000000")
    assert error(missing) == (404, "Request_ResourceNotFound")


def test_an_error_names_the_request_and_repeats_the_callers_id(sandbox: Sandbox) -> None:
    answer = sandbox.graph("/users/nobody", headers={"client-request-id": "mine-1"})
    inner = answer.json()["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == answer.headers["client-request-id"] == "mine-1"
    assert "Z" not in inner["date"]
    assert error(sandbox.graph("/nonsense")) == (400, "BadRequest")
    assert error(sandbox.graph("/users", method="PUT")) == (405, "Request_BadRequest")


def test_resource_units_follow_the_documented_costs(sandbox: Sandbox) -> None:
    costs = {
        "/users": 2,
        "/users?$select=id&$top=999": 1,
        "/users?$expand=manager": 3,
        "/users/delta": 1,
        "/users?$top=5": 1,
    }
    for path, units in costs.items():
        assert sandbox.graph(path).headers["x-ms-resource-unit"] == str(units)


def test_organization_tells_little_to_those_who_may_not_read_it(sandbox: Sandbox) -> None:
    full = sandbox.graph("/organization?$select=id,displayName,verifiedDomains,tenantType").json()["value"][0]
    assert (full["displayName"], full["tenantType"]) == ("Contoso Ltd", "AAD")
    sandbox.mutate({"op": "graph.set_app", "tenant": sandbox.tenants[1]["tenant_id"], "roles": ["User.Read.All"]})
    little = sandbox.graph("/organization", tenant=1).json()["value"][0]
    assert little["verifiedDomains"][0]["name"] == "customer2.example"
    assert little["tenantType"] is None


def test_mailbox_purpose(sandbox: Sandbox) -> None:
    users = {user["userPrincipalName"]: user["id"] for user in raw(sandbox)}
    path = f"/users/{users['room1@contoso.example']}/mailboxSettings/userPurpose"
    assert error(sandbox.graph(path)) == (403, "Authorization_RequestDenied")
    sandbox.mutate(
        {
            "op": "graph.set_app",
            "client_id": sandbox.tenants[0]["client_id"],
            "roles": ["User.Read.All", "MailboxSettings.Read"],
        }
    )
    sandbox._tokens.clear()
    assert sandbox.graph(path).json()["value"] == "room"


def test_writing_needs_a_role_and_the_required_properties(sandbox: Sandbox) -> None:
    body = {
        "displayName": "New",
        "mailNickname": "new",
        "userPrincipalName": "new@contoso.example",
        "accountEnabled": True,
    }
    assert sandbox.graph("/users", method="POST", json=body).status_code == 403
    sandbox.mutate({"op": "graph.set_app", "roles": ["User.ReadWrite.All"]})
    sandbox._tokens.clear()
    assert error(sandbox.graph("/users", method="POST", json=body)) == (400, "Request_BadRequest")
    created = sandbox.graph("/users", method="POST", json={**body, "passwordProfile": {"password": "Xx1-longer"}})
    assert created.status_code == 201
    user = created.json()["id"]
    assert sandbox.graph(f"/users/{user}", method="PATCH", json={"jobTitle": "Boss"}).status_code == 204
    assert error(sandbox.graph(f"/users/{user}", method="PATCH", json={"jobTitle": "x" * 129}))[0] == 400
    assert error(sandbox.graph(f"/users/{user}", method="PATCH", json={"businessPhones": ["1", "2"]}))[0] == 400
    assert sandbox.graph(f"/users/{user}", method="DELETE").status_code == 204
    assert sandbox.graph(f"/users/{user}").status_code == 404
    deleted = sandbox.graph("/directory/deletedItems/microsoft.graph.user").json()["value"]
    assert [entry["id"] for entry in deleted] == [user]
    assert sandbox.graph(f"/directory/deletedItems/{user}/restore", method="POST").status_code == 200
    assert sandbox.graph(f"/users/{user}").json()["jobTitle"] == "Boss"


def test_deleted_users_are_gone_after_thirty_days(sandbox: Sandbox) -> None:
    user = raw(sandbox)[0]["id"]
    sandbox.mutate({"op": "graph.delete_user", "user": user})
    assert sandbox.graph(f"/directory/deletedItems/{user}").json()["id"] == user
    sandbox.control("POST", "advance-clock", {"seconds": 31 * 86_400})
    sandbox._tokens.clear()
    assert sandbox.graph(f"/directory/deletedItems/{user}").status_code == 404


def test_a_batch_answers_each_item_by_itself(sandbox: Sandbox) -> None:
    ids = [user["id"] for user in raw(sandbox)[:3]]
    items: list[dict[str, Any]] = [
        {"id": str(n), "method": "GET", "url": f"/users/{user}?$select=id"} for n, user in enumerate(ids)
    ]
    items.append({"id": "9", "method": "GET", "url": "/users/nobody"})
    items.append({"id": "10", "method": "GET", "url": "/users/nobody", "dependsOn": ["9"]})
    items.append({"id": "11", "method": "GET", "url": "/users/$count", "headers": ADVANCED})
    sandbox.add_fault("429", match={"vendor": "graph", "path": ids[2]}, retry_after=7)
    answer = sandbox.graph("/$batch", method="POST", json={"requests": items})
    by_id = {entry["id"]: entry for entry in answer.json()["responses"]}
    assert answer.status_code == 200
    assert {key: entry["status"] for key, entry in by_id.items()} == {
        "0": 200,
        "1": 200,
        "2": 429,
        "9": 404,
        "10": 424,
        "11": 200,
    }
    assert by_id["2"]["headers"]["Retry-After"] == "7"
    assert by_id["0"]["body"]["id"] == ids[0]
    assert sandbox.graph("/$batch", method="POST", json={"requests": items[:1] * 2}).status_code == 400
    many = [{"id": str(n), "method": "GET", "url": "/users"} for n in range(21)]
    assert sandbox.graph("/$batch", method="POST", json={"requests": many}).status_code == 400


def test_graph_throttles_by_units_and_restarts_the_wait(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"graph": {"units_per_10s": 4}})
    statuses = [sandbox.graph("/users").status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    answer = sandbox.graph("/users")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert sandbox.graph("/users", tenant=1).status_code == 200


def test_nasty_names_survive_the_wire(sandbox: Sandbox) -> None:
    users, _ = sandbox.walk("/users?$select=givenName,surname,jobTitle,displayName&$top=999")
    text = json.dumps(users, ensure_ascii=False)
    for part in ("🦄", "محمد", "佐倉", "<script>", "=cmd|", "Zoe\u0308", "’Angelo"):
        assert part in text
    assert any("\x07" in (user["givenName"] or "") for user in users)
