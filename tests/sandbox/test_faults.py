"""Faults do what they say, and no more."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.harness import Sandbox

CONTACTS = "/company/contacts"
PSA = {"vendor": "connectwise", "path": "/company/contacts"}
ANN = {"firstName": "Ann", "company": {"id": 250}}


def post(sandbox: Sandbox) -> httpx.Response:
    return sandbox.psa(CONTACTS, method="POST", json=ANN)


def test_a_lost_answer_was_applied(sandbox: Sandbox) -> None:
    sandbox.add_fault("lost_answer", match={**PSA, "method": "POST"})
    with pytest.raises(httpx.RemoteProtocolError):
        post(sandbox)
    [write] = sandbox.writes()
    assert (write["method"], write["after"]["firstName"], write["by"]) == ("create", "Ann", "api")
    assert post(sandbox).status_code == 201


def test_a_reset_was_not_applied(sandbox: Sandbox) -> None:
    sandbox.add_fault("reset", match={**PSA, "method": "POST"})
    with pytest.raises(httpx.RemoteProtocolError):
        post(sandbox)
    assert sandbox.writes() == []
    assert sandbox.calls("connectwise")["POST", CONTACTS, 0] == 1


def test_a_timeout_is_silence_and_was_not_applied(sandbox: Sandbox) -> None:
    sandbox.add_fault("timeout", match=PSA, seconds=1)
    with pytest.raises(httpx.ReadTimeout):
        sandbox.psa(CONTACTS, method="POST", json=ANN, timeout=0.2)
    assert sandbox.writes() == []


def test_a_slow_answer_comes(sandbox: Sandbox) -> None:
    sandbox.add_fault("slow", match=PSA, seconds=0.3)
    started = time.monotonic()
    assert post(sandbox).status_code == 201
    assert time.monotonic() - started >= 0.3


def test_a_truncated_answer_ends_in_the_middle(sandbox: Sandbox) -> None:
    sandbox.add_fault("truncate", match={**PSA, "method": "GET"})
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.psa(CONTACTS)
    assert sandbox.psa(CONTACTS).status_code == 200


def test_429_with_seconds_a_date_or_nothing(sandbox: Sandbox) -> None:
    for value in (7, "http-date", None):
        sandbox.add_fault("429", match=PSA, retry_after=value, seconds=5)
    seconds, date, nothing = post(sandbox), post(sandbox), post(sandbox)
    assert {answer.status_code for answer in (seconds, date, nothing)} == {429}
    assert (seconds.headers["Retry-After"], seconds.json()["error"]) == ("7", "ConnectWiseAPI")
    assert parsedate_to_datetime(date.headers["Retry-After"]).tzinfo is not None
    assert "Retry-After" not in nothing.headers
    assert sandbox.writes() == []
    assert sandbox.control("GET", "counters")["vendors"]["connectwise"]["throttled"] == 3


@pytest.mark.parametrize(
    ("vendor", "ask", "shape"),
    [
        ("connectwise", post, "code"),
        ("graph", lambda sandbox: sandbox.graph("/users"), "error"),
        ("login", lambda sandbox: sandbox.ask_token(sandbox.tenants[0]["tenant_id"]), "error_codes"),
    ],
)
def test_a_status_comes_in_the_vendors_shape_or_as_a_page_or_empty(
    sandbox: Sandbox, vendor: str, ask: Any, shape: str
) -> None:
    sandbox.token()
    for body in ("json", "html", "empty", "plain words"):
        sandbox.add_fault("status", match={"vendor": vendor}, status=503, body=body, headers={"Retry-After": "3"})
    in_shape, page, empty, words = ask(sandbox), ask(sandbox), ask(sandbox), ask(sandbox)
    assert {answer.status_code for answer in (in_shape, page, empty, words)} == {503}
    assert shape in in_shape.json()
    assert page.headers["content-type"].startswith("text/html")
    assert empty.content == b""
    assert words.text == "plain words"
    assert page.headers["Retry-After"] == "3"
    assert sandbox.writes() == []


def test_html_can_come_with_200(sandbox: Sandbox) -> None:
    sandbox.add_fault("status", match=PSA, status=200, body="html")
    answer = sandbox.psa(CONTACTS)
    assert (answer.status_code, answer.text[:9]) == (200, "<!DOCTYPE")


def test_dead_pages_and_tokens_of_graph(sandbox: Sandbox) -> None:
    graph = {"vendor": "graph"}
    sandbox.add_fault("expired_page", match=graph)
    page = sandbox.graph("/users?$top=5").json()
    assert sandbox.graph(page["@odata.nextLink"]).json()["error"]["code"] == "Directory_ExpiredPageToken"
    assert sandbox.graph(page["@odata.nextLink"]).status_code == 200
    link = sandbox.graph("/users/delta?$deltatoken=latest").json()["@odata.deltaLink"]
    for status in (400, 410):
        sandbox.add_fault("dead_delta", match=graph, status=status)
        assert sandbox.graph("/users/delta?$deltatoken=latest").status_code == 200
        assert sandbox.graph(link).status_code == status


@pytest.mark.parametrize("path", ["/users?$select=id&$top=200", "/users/delta?$select=id"])
def test_an_empty_page_leads_on_to_the_same_users(sandbox: Sandbox, path: str) -> None:
    sandbox.add_fault("empty_page", match={"vendor": "graph", "path": "/users"}, after=1)
    users, _ = sandbox.walk(path)
    assert len({user["id"] for user in users}) == len(users) == 500
    assert sandbox.control("GET", "faults")["rules"][0]["fired"] == 1


def test_an_empty_page_of_the_psa_leads_on_too(sandbox: Sandbox) -> None:
    sandbox.add_fault("empty_page", match=PSA)
    first = sandbox.psa(CONTACTS, params={"pageSize": 1000})
    assert first.json() == []
    again = sandbox.http.get(first.links["next"]["url"], headers=sandbox.psa_headers())
    assert len(again.json()) == len(sandbox.control("GET", "contacts")["contacts"])


def test_counts_and_pages_that_lack_something(sandbox: Sandbox) -> None:
    sandbox.add_fault("count_lag", match={"vendor": "connectwise"}, by=-2)
    full = len(sandbox.control("GET", "contacts")["contacts"])
    assert sandbox.psa(f"{CONTACTS}/count").json() == {"count": full - 2}
    sandbox.add_fault("count_lag", match={"vendor": "graph"}, by=3)
    assert sandbox.graph("/users/$count", headers={"ConsistencyLevel": "eventual"}).text == "503"
    sandbox.add_fault("missing_items", match={"vendor": "graph"}, count=4)
    assert len(sandbox.graph("/users?$top=50").json()["value"]) == 46


def test_rules_choose_by_method_path_query_body_and_tenant(sandbox: Sandbox) -> None:
    sandbox.add_fault("status", match={**PSA, "method": "POST", "body": "Bea"}, status=500)
    assert post(sandbox).status_code == 201
    assert sandbox.psa(CONTACTS, method="POST", json={**ANN, "firstName": "Bea"}).status_code == 500
    sandbox.add_fault("status", match={**PSA, "query": "page=2"}, status=500)
    assert sandbox.psa(CONTACTS, params={"page": 1}).status_code == 200
    assert sandbox.psa(CONTACTS, params={"page": 2}).status_code == 500
    sandbox.add_fault("status", match={"vendor": "graph", "tenant": sandbox.tenants[1]["tenant_id"]}, status=500)
    assert sandbox.graph("/users").status_code == 200
    assert sandbox.graph("/users", tenant=1).status_code == 500


def test_rules_skip_count_and_play_dice(sandbox: Sandbox) -> None:
    sandbox.add_fault("status", match=PSA, status=500, after=2, times=2)
    assert [post(sandbox).status_code for _ in range(6)] == [201, 201, 500, 500, 201, 201]
    sandbox.control("DELETE", "faults")
    sandbox.add_fault("status", match=PSA, status=500, times=None, probability=0.5, seed=3)
    failed = sum(post(sandbox).status_code == 500 for _ in range(60))
    assert 15 < failed < 45
    rule = sandbox.control("GET", "faults")["rules"][0]
    assert (rule["fired"], rule["left"]) == (failed, None)


def test_a_wrong_rule_is_refused(sandbox: Sandbox) -> None:
    for rule in (
        {"kind": "earthquake"},
        {"kind": "429", "match": {"colour": "red"}},
        {"kind": "429", "match": {"path": "("}},
    ):
        assert sandbox.http.post("/sandbox/faults", json={"rules": [rule]}).status_code == 400
    assert sandbox.control("GET", "faults") == {"rules": []}
