"""HaloPSA's rules for users, its contacts."""

import json
from typing import Any

import httpx
import pytest

from tests.sandbox.harness import Sandbox

RIGHT_TO_READ = {"vendor": "halo", "op": "psa.set_credentials", "rights": ["contacts.read"]}


def users(sandbox: Sandbox, **params: Any) -> list[dict[str, Any]]:
    answer = sandbox.halo("/Users", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["users"]
    return found


# --- tokens


def test_a_token_is_given_to_the_right_client_of_the_right_tenant(sandbox: Sandbox) -> None:
    token = sandbox.ask_halo_token()
    assert token.status_code == 200
    assert {key: token.json()[key] for key in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "all",
    }
    wrong = sandbox.ask_halo_token(client_secret="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    sandbox.control("POST", "settings", {"halo.invalid_client_status": 401})
    assert sandbox.ask_halo_token(client_id="wrong").status_code == 401
    assert sandbox.ask_halo_token(tenant="other").status_code == 500
    assert sandbox.ask_halo_token(tenant=None).status_code == 500
    sandbox.control("POST", "settings", {"halo.demand_tenant": False})
    assert sandbox.ask_halo_token(tenant=None).status_code == 200
    assert sandbox.ask_halo_token(grant_type="password").json()["error"] == "unsupported_grant_type"


def test_the_addresses_can_be_discovered(sandbox: Sandbox) -> None:
    info = sandbox.http.get(f"{sandbox.info['halo']['resource_url']}/authinfo").json()
    assert info == {"auth_url": sandbox.info["halo"]["auth_url"], "tenant_id": sandbox.info["halo"]["tenant"]}


def test_a_token_ends_and_can_be_revoked(sandbox: Sandbox) -> None:
    assert sandbox.halo("/Users", params={"client_id": 250, "count": 1}).status_code == 200
    sandbox.control("POST", "advance-clock", {"seconds": 3601})
    assert sandbox.halo("/Users").status_code == 401
    sandbox.control("POST", "reset")
    assert sandbox.halo("/Client").status_code == 200
    sandbox.mutate({"op": "psa.revoke_tokens", "vendor": "halo"})
    assert sandbox.halo("/Client").status_code == 401
    assert sandbox.http.get("/api/Users").status_code == 401
    assert sandbox.http.get("/api/Users", headers={"Authorization": "Bearer invented.token"}).status_code == 401


def test_rights_methods_and_paths(sandbox: Sandbox) -> None:
    sandbox.mutate(RIGHT_TO_READ)
    assert sandbox.post_halo_user(name="Ann", site_id=2501).status_code == 403
    assert sandbox.halo("/client").status_code == 403
    assert sandbox.halo("/USERS", params={"count": 1}).status_code == 200
    assert sandbox.halo("/Nonsense").status_code == 404
    assert sandbox.halo("/Users/1201", method="PATCH", json={}).status_code == 405


# --- lists


def test_inactive_users_are_hidden_unless_asked_for(sandbox: Sandbox) -> None:
    user = sandbox.create_halo_user(inactive=True, emailaddress="gone@contoso.test")
    assert user["id"] not in {row["id"] for row in users(sandbox, client_id=250)}
    for params in ({"includeinactive": "true"}, {"includeinactive": "True"}, {"activeinactive": "true,true"}):
        assert user["id"] in {row["id"] for row in users(sandbox, client_id=250, **params)}
    only = users(sandbox, client_id=250, includeactive="false", includeinactive="true")
    assert {row["inactive"] for row in only} == {True}


def test_rows_are_short_and_sites_come_as_doubles(sandbox: Sandbox) -> None:
    new = sandbox.create_halo_user(
        azureoid="abc", email2="second@contoso.test", department="IT", emailaddress="first@contoso.test"
    )
    answer = sandbox.halo("/Users", params={"search": "first@contoso.test"})
    [row] = answer.json()["users"]
    assert '"site_id":2501.0' in answer.text
    assert (row["site_id_int"], row["client_id"], row["client_name"]) == (2501, 250, "Contoso Ltd")
    assert not {"azureoid", "email2", "email3", "department"} & set(row)
    assert (row["azure_id"], row["customfields"]) == ("", [])
    assert sandbox.halo(f"/Users/{new['id']}").json() == row
    detail = sandbox.halo_user(new["id"])
    assert (detail["azureoid"], detail["email2"], detail["department"]) == ("abc", "second@contoso.test", "IT")
    sandbox.control("POST", "settings", {"halo.azure_id_in_lists": True})
    assert users(sandbox, search="first@contoso.test")[0]["azure_id"] == "abc"


def test_pages_are_numbered_and_counted(sandbox: Sandbox) -> None:
    params: dict[str, Any] = {
        "client_id": 250,
        "includeinactive": "true",
        "pageinate": "true",
        "page_size": 100,
        "order": "id",
    }
    pages = [sandbox.halo("/Users", params={**params, "page_no": number}).json() for number in (1, 2, 3, 4)]
    assert [(page["page_no"], page["page_size"], len(page["users"])) for page in pages] == [
        (1, 100, 100),
        (2, 100, 100),
        (3, 100, 50),
        (4, 100, 0),
    ]
    assert {page["record_count"] for page in pages} == {250}
    walked = [row["id"] for page in pages for row in page["users"]]
    everything = users(sandbox, client_id=250, includeinactive="true", pageinate="false", order="id")
    assert walked == [row["id"] for row in everything] == sorted(walked)
    assert sandbox.halo("/Users", params={**params, "page_size": 5000, "page_no": 1}).json()["page_size"] == 100
    assert len(users(sandbox, client_id=250, count=7)) == 7


def test_each_site_has_a_general_user_that_can_be_left_out(sandbox: Sandbox) -> None:
    assert [row["name"] for row in users(sandbox, site_id=2501, search="general user")] == ["General User"]
    assert users(sandbox, site_id=2501, search="general user", exclude_generaluser="true") == []


def test_search_hits_the_wrong_people_and_knows_no_object_id(sandbox: Sandbox) -> None:
    ann = sandbox.create_halo_user(emailaddress="ann@contoso.test", azureoid="4f6c0a1e", phonenumber="5550777")
    joann = sandbox.create_halo_user(name="Joann", emailaddress="joann@contoso.test")
    second = sandbox.create_halo_user(name="Bea", email2="ann@contoso.test")
    assert {row["id"] for row in users(sandbox, search="ANN@contoso.test")} == {ann["id"], joann["id"], second["id"]}
    assert users(sandbox, search="4f6c0a1e") == []
    assert users(sandbox, search="5550777") == []
    assert [row["id"] for row in users(sandbox, search="5550777", search_phonenumbers="true")] == [ann["id"]]


def test_advanced_search_finds_by_object_id_where_it_is_not_refused(sandbox: Sandbox) -> None:
    new = sandbox.create_halo_user(azureoid="4f6c0a1e-0000-4000-8000-00000000a001")
    by_id = json.dumps(
        [{"filter_name": "azureoid", "filter_type": 2, "filter_value": "4F6C0A1E-0000-4000-8000-00000000A001"}]
    )
    assert [row["id"] for row in users(sandbox, advanced_search=by_id)] == [new["id"]]
    linked = users(sandbox, integration_type="azure", client_id=250)
    assert new["id"] in {row["id"] for row in linked}
    sandbox.control("POST", "settings", {"halo.refuse_advanced_search": True})
    refused = sandbox.halo("/Users", params={"advanced_search": by_id})
    assert (refused.status_code, refused.json()["Message"]) == (400, "Invalid advanced search parameter")
    nobody = {"client_id": 9999, "advanced_search": "[{]"}
    assert sandbox.halo("/Users", params=nobody).status_code == 400


def test_clients_and_sites(sandbox: Sandbox) -> None:
    clients = sandbox.halo("/Client").json()["clients"]
    assert {250, 251, 254} <= {client["id"] for client in clients}
    assert 252 not in {client["id"] for client in clients}
    assert sandbox.halo("/Client/252").json()["inactive"] is True
    assert sandbox.halo("/Client/253").status_code == 404
    sites = sandbox.halo("/Site", params={"client_id": 250}).json()
    assert (sites["record_count"], sites["sites"][0]["id"]) == (1, 2501)
    assert sandbox.halo("/Client/250").json()["main_site_id"] == 2501


# --- writes


@pytest.mark.parametrize("body", [{"name": "Ann", "site_id": 2501}, [], "Ann", [["Ann"]], None])
def test_only_an_array_of_objects_is_taken(sandbox: Sandbox, body: Any) -> None:
    assert sandbox.halo("/Users", method="POST", json=body).status_code == 400
    assert sandbox.writes() == []


@pytest.mark.parametrize(
    "values",
    [
        {"site_id": 95.0},
        {"site_id": "2501"},
        {"site_id": 999},
        {"name": ""},
        {"inactive": "false"},
        {"inactive": 0},
        {"title": 7},
        {"customfields": [{"name": "CFUnknown", "value": "x"}]},
    ],
)
def test_a_refused_user_is_a_400(sandbox: Sandbox, values: dict[str, Any]) -> None:
    answer = sandbox.post_halo_user(**{"name": "Ann", "site_id": 2501, **values})
    assert (answer.status_code, answer.json()["ClassName"]) == (400, "System.Exception")
    assert sandbox.writes() == []


@pytest.mark.parametrize("missing", ["name", "site_id"])
def test_name_and_site_are_demanded(sandbox: Sandbox, missing: str) -> None:
    values = {"name": "Ann", "site_id": 2501}
    del values[missing]
    assert missing in sandbox.post_halo_user(**values).json()["Message"]


def test_a_write_answers_201_and_the_whole_user_as_an_object_or_an_array(sandbox: Sandbox) -> None:
    created = sandbox.post_halo_user(name="Ann", site_id=2501, firstName="Ann", emailAddress="ann@contoso.test")
    user = created.json()
    assert (created.status_code, user["firstname"], user["site_id"]) == (201, "Ann", 2501.0)
    assert user == sandbox.halo_user(user["id"])
    sandbox.control("POST", "settings", {"halo.answers_array": True})
    changed = sandbox.post_halo_user(id=user["id"], title="Buyer")
    [row] = changed.json()
    assert (changed.status_code, row["id"], row["title"], row["firstname"]) == (201, user["id"], "Buyer", "Ann")


def test_what_is_left_out_stays(sandbox: Sandbox) -> None:
    user = sandbox.create_halo_user(title="Buyer", customfields=[{"name": "CFContactNote", "value": "kept"}])
    sandbox.post_halo_user(id=user["id"], inactive=True, customfields=[{"id": 222, "value": "abc"}], unknown="ignored")
    changed = sandbox.halo_user(user["id"])
    assert (changed["title"], changed["inactive"]) == ("Buyer", True)
    assert {field["name"]: field["value"] for field in changed["customfields"]} == {
        "CFContactNote": "kept",
        "CFEntraId": "abc",
    }
    assert "unknown" not in changed


def test_the_client_follows_from_the_site(sandbox: Sandbox) -> None:
    user = sandbox.create_halo_user()
    assert sandbox.post_halo_user(id=user["id"], site_id=2511).json()["client_id"] == 251
    assert user["id"] in {row["id"] for row in users(sandbox, client_id=251)}
    assert user["id"] not in {row["id"] for row in users(sandbox, client_id=250)}


def test_a_missing_user_is_a_404_or_has_the_id_0(sandbox: Sandbox) -> None:
    assert sandbox.halo("/Users/9999").status_code == 404
    assert sandbox.post_halo_user(id=9999, title="X").status_code == 404
    sandbox.control("POST", "settings", {"halo.missing_user": "zero"})
    assert sandbox.halo("/Users/9999").json()["id"] == 0


def test_lengths_and_equal_addresses_are_refused_on_demand(sandbox: Sandbox) -> None:
    same = {"emailaddress": "same@contoso.test"}
    sandbox.create_halo_user(**same, title="T" * 500)
    sandbox.create_halo_user(**same)
    sandbox.control("POST", "settings", {"halo.max_length": 50, "halo.refuse_duplicate_email": True})
    assert "already in use" in sandbox.post_halo_user(name="Ann", site_id=2501, **same).json()["Message"]
    assert "truncated" in sandbox.post_halo_user(name="Ann", site_id=2501, title="T" * 51).json()["Message"]


def test_delete_forgets(sandbox: Sandbox) -> None:
    user = sandbox.create_halo_user()
    assert sandbox.halo(f"/Users/{user['id']}", method="DELETE").status_code == 200
    assert sandbox.halo(f"/Users/{user['id']}").status_code == 404


def test_what_somebody_does_by_hand(sandbox: Sandbox) -> None:
    created, switched_off, moved = sandbox.mutate(
        {
            "op": "psa.create_contact",
            "vendor": "halo",
            "company": 250,
            "set": {"firstname": "Ann", "surname": "Example"},
        },
        {"op": "psa.deactivate_contact", "vendor": "halo", "contact": 1210},
        {"op": "psa.move_contact", "vendor": "halo", "contact": 1211, "company": 251},
    )
    assert (created["name"], switched_off["inactive"], moved["site_id"]) == ("Ann Example", True, 2511)
    [client] = sandbox.mutate(
        {"op": "psa.create_company", "vendor": "halo", "set": {"identifier": "NEW", "name": "Neu & Söhne"}}
    )
    assert [row["name"] for row in users(sandbox, client_id=client["id"])] == ["General User"]
    sandbox.mutate({"op": "psa.delete_company", "vendor": "halo", "company": client["id"]})
    assert sandbox.halo(f"/Client/{client['id']}").status_code == 404


# --- how fast, and what goes wrong


def test_the_limit_counts_calls_of_five_minutes(sandbox: Sandbox) -> None:
    sandbox.halo("/Client")
    sandbox.control("POST", "limits", {"halo": {"per_5_minutes": 2}})
    answers = [sandbox.halo("/Client") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Retry-After" not in answers[2].headers
    sandbox.control("POST", "settings", {"halo.retry_after": True})
    assert 1 <= int(sandbox.halo("/Client").headers["Retry-After"]) <= 301
    assert sandbox.ask_halo_token().status_code == 200


def test_a_refusal_comes_in_every_shape(sandbox: Sandbox) -> None:
    text = "User 9999 was not found"
    shapes: dict[str, Any] = {
        "exception": {"ClassName": "System.Exception", "Message": text},
        "message": {"Message": text},
        "error": {"error": text},
        "result": {"resultCode": "404", "errorMessage": text},
        "problem": {"errors": {"": [text]}, "title": "Not Found", "status": 404},
        "string": text,
    }
    for shape, body in shapes.items():
        sandbox.control("POST", "settings", {"halo.error_shape": shape})
        answer = sandbox.halo("/Users/9999")
        assert (answer.status_code, answer.json()) == (404, body)
    for shape, content_type in (("text", "text/plain"), ("html", "text/html")):
        sandbox.control("POST", "settings", {"halo.error_shape": shape})
        answer = sandbox.halo("/Users/9999")
        assert answer.headers["content-type"].startswith(content_type)
        assert text in answer.text


def test_faults_in_the_vendors_words(sandbox: Sandbox) -> None:
    match = {"vendor": "halo", "path": "/users"}
    sandbox.add_fault("status", match=match, status=503)
    sandbox.add_fault("429", match=match, retry_after=None)
    broken, later = sandbox.halo("/Users"), sandbox.halo("/Users")
    assert (broken.status_code, broken.json()["ClassName"]) == (503, "System.Exception")
    assert (later.status_code, "Retry-After" in later.headers) == (429, False)
    sandbox.add_fault("missing_items", match=match, count=2)
    short = sandbox.halo("/Users", params={"client_id": 250}).json()
    assert len(short["users"]) == short["record_count"] - 2
    sandbox.add_fault("count_lag", match=match, by=-1)
    lagging = sandbox.halo("/Users", params={"client_id": 250}).json()
    assert len(lagging["users"]) == lagging["record_count"] + 1


def test_a_lost_answer_was_applied(sandbox: Sandbox) -> None:
    sandbox.halo("/Client")
    sandbox.add_fault("lost_answer", match={"vendor": "halo", "method": "POST", "path": "/users$"})
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.post_halo_user(name="Ann", site_id=2501)
    [write] = sandbox.writes()
    assert (write["vendor"], write["method"], write["company_id"]) == ("halo", "create", 250)


def test_report_is_made_once_and_run_by_id(sandbox: Sandbox) -> None:
    sql = "SELECT uid AS id, UAzureOID AS azureoid, uinactive FROM USERS"
    made = sandbox.halo("/Report", method="POST", json=[{"name": "users", "sql": sql}])
    assert made.status_code == 201
    path = f"/Report/{made.json()['id']}"
    assert "report" not in sandbox.halo(path).json()
    rows = sandbox.halo(path, params={"loadreport": "true"}).json()["report"]["rows"]
    assert len(rows) > 200
    assert set(rows[0]) == {"id", "azureoid", "uinactive"}
    assert {row["uinactive"] for row in rows} == {0, 1}


@pytest.mark.parametrize("sql", ["", "DELETE FROM USERS", "SELECT upassword FROM USERS", "SELECT uid FROM FAULTS"])
def test_report_that_cannot_be_run_is_refused(sandbox: Sandbox, sql: str) -> None:
    assert sandbox.halo("/Report", method="POST", json=[{"name": "users", "sql": sql}]).status_code == 400
    assert sandbox.halo("/Report/7", params={"loadreport": "true"}).status_code == 404
