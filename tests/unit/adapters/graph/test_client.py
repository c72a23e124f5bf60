import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.errors import NotFoundError, ResyncError, TenantError, TransientError, WireError
from adapters.graph import GraphDirectory
from adapters.graph.client import PAGE_SIZE
from adapters.records import USER_PROPERTIES, Tombstone, User
from tests.fakes.budget import DiaryBudget
from tests.unit.adapters.graph.microsoft import GRAPH, Microsoft, caught, graph_error

SELECT = ",".join(USER_PROPERTIES)
NEXT = f"{GRAPH}/users?$select=id%2cmail&$top=999&$skiptoken=RFNwdAIA%3d"
DELTA = f"{GRAPH}/users/delta?$deltatoken=Zr81_-~"
USER_ID = "3f0a7a52-6f0e-4d7e-8b6d-0b8f6f2f1a01"


def page(*value: dict[str, Any], **links: object) -> httpx.Response:
    return httpx.Response(200, json={"value": list(value), **{f"@odata.{name}": link for name, link in links.items()}})


def asked_for(microsoft: Microsoft) -> str:
    return microsoft.asked[-1].url.raw_path.decode()


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_first_page_asks_for_every_property_in_the_largest_page() -> None:
    microsoft = Microsoft(graph=[page({"id": "1"}, nextLink=NEXT)])

    first = microsoft.directory().fetch_users()

    assert asked_for(microsoft) == f"/v1.0/users?$select={SELECT}&$top={PAGE_SIZE}"
    assert (first.entries, first.next_link, first.delta_link) == ((User(id="1"),), NEXT, None)


def test_users_created_since_are_asked_for_by_filter() -> None:
    microsoft = Microsoft(graph=[page()])

    microsoft.directory().fetch_users(created_since="2026-01-01T08:00:00+00:00")

    assert microsoft.asked[0].url.params["$filter"] == "createdDateTime ge 2026-01-01T08:00:00+00:00"
    assert "+" not in asked_for(microsoft)


def test_a_link_is_followed_byte_for_byte() -> None:
    microsoft = Microsoft(graph=[page()])

    microsoft.directory().fetch_users(NEXT)

    assert str(microsoft.asked[0].url) == NEXT


def test_an_empty_page_with_a_next_link_is_returned_as_such() -> None:
    assert Microsoft(graph=[page(nextLink=NEXT)]).directory().fetch_users().next_link == NEXT


@pytest.mark.parametrize(
    ("status", "code"), [(400, "Directory_ExpiredPageToken"), (400, "directory_expiredpagetoken"), (410, "x")]
)
def test_an_expired_page_link_restarts_the_list(status: int, code: str) -> None:
    error = caught(lambda: Microsoft(graph=[graph_error(status, code)]).directory().fetch_users(NEXT))

    assert isinstance(error, ResyncError)
    assert (error.reason, error.status) == ("page_link_expired", status)


FOREIGN_LINKS = [
    "https://evil.example/v1.0/users?$skiptoken=x",
    "http://graph.microsoft.com/v1.0/users?$skiptoken=x",
    "https://graph.microsoft.com:444/v1.0/users?$skiptoken=x",
    "https://graph.microsoft.com/beta/users?$skiptoken=x",
    "https://graph.microsoft.com/v1.0/groups?$skiptoken=x",
    "https://graph.microsoft.com/v1.0/users/../groups?$skiptoken=x",
    "https://graph.microsoft.com/v1.0/usersandmore?$skiptoken=x",
    "https://graph.microsoft.com@evil.example/v1.0/users",
    "https://user:word@graph.microsoft.com/v1.0/users",
    "/v1.0/users?$skiptoken=x",
    "https://graph.microsoft.com:port/v1.0/users",
    "",
]


@pytest.mark.parametrize("link", FOREIGN_LINKS)
@pytest.mark.parametrize("fetch", [GraphDirectory.fetch_users, GraphDirectory.fetch_delta], ids=["list", "delta"])
def test_a_foreign_link_is_refused_before_anything_is_sent(fetch: Callable[..., object], link: str) -> None:
    microsoft = Microsoft()

    error = caught(lambda: fetch(microsoft.directory(), link))

    assert (error.reason, microsoft.requests) == ("foreign_link", [])


@pytest.mark.parametrize("link", FOREIGN_LINKS[:-1])
def test_a_foreign_link_is_not_even_handed_on(link: str) -> None:
    assert caught(Microsoft(graph=[page(nextLink=link)]).directory().fetch_users).reason == "foreign_link"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"value": None},
        {"value": {}},
        {"value": ["x"]},
        {"value": [], "@odata.nextLink": ""},
        {"value": [], "@odata.nextLink": 5},
        {"value": [], "@odata.deltaLink": DELTA},
        {"value": [], "error": {"code": "x"}},
        {"error": {"code": "InternalServerError"}},
        {"value": [{"displayName": "Ann without id"}]},
    ],
    ids=json.dumps,
)
def test_a_list_page_of_unknown_shape_is_a_wire_error(body: object) -> None:
    error = caught(Microsoft(graph=[httpx.Response(200, json=body)]).directory().fetch_users)

    assert isinstance(error, WireError)
    assert "Ann" not in f"{error}{error.__dict__}{error.__cause__}"


# --- the delta ------------------------------------------------------------------------------------------------------


def test_a_delta_tells_absent_null_and_gone() -> None:
    value = ({"id": "1", "mail": None}, {"id": "2", "@removed": {"reason": "changed"}})
    delta = Microsoft(graph=[page(*value, deltaLink=DELTA)]).directory().fetch_delta(DELTA)

    user, tombstone = delta.entries
    assert isinstance(user, User)
    assert (user.mail, user.model_fields_set) == (None, {"id", "mail"})
    assert tombstone == Tombstone(id="2", reason="changed")
    assert (delta.next_link, delta.delta_link) == (None, DELTA)


@pytest.mark.parametrize("path", ["/users/delta", "/users/delta()", "/users/microsoft.graph.delta()", "/Users/delta"])
def test_delta_links_of_every_spelling_are_followed(path: str) -> None:
    microsoft = Microsoft(graph=[page(deltaLink=DELTA)])

    microsoft.directory().fetch_delta(f"{GRAPH}{path}?$skiptoken=x")

    assert asked_for(microsoft) == f"/v1.0{path}?$skiptoken=x"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "syncStateNotFound"),
        (400, "SYNCSTATENOTFOUND"),
        (410, "resyncRequired"),
        (410, "SyncStateNotFound"),
        (400, "resyncRequired"),
        (400, "BadRequest"),
        (400, "Directory_ExpiredPageToken"),
        (404, "Request_ResourceNotFound"),
        (404, "itemNotFound"),
        (409, ""),
        (410, ""),
    ],
)
def test_every_refusal_of_a_delta_link_is_a_full_read(status: int, code: str) -> None:
    error = caught(lambda: Microsoft(graph=[graph_error(status, code)]).directory().fetch_delta(DELTA))

    assert isinstance(error, ResyncError)
    assert (error.reason, error.status, error.vendor_code) == ("delta_link_dead", status, code or None)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (graph_error(401, "InvalidAuthenticationToken"), TenantError),
        (graph_error(403, "Authorization_RequestDenied"), TenantError),
        (graph_error(429, "TooManyRequests"), TransientError),
        (graph_error(503, "ServiceUnavailable"), TransientError),
        (httpx.Response(504), TransientError),
        (httpx.Response(200, html="<html>"), TransientError),
        (httpx.ReadTimeout("late"), TransientError),
        (httpx.Response(501, json={"error": {"code": "NotImplemented"}}), WireError),
    ],
    ids=repr,
)
def test_no_other_trouble_kills_a_delta_link(answer: httpx.Response | Exception, kind: type[Exception]) -> None:
    assert type(caught(lambda: Microsoft(graph=[answer] * 3).directory().fetch_delta(DELTA))) is kind


@pytest.mark.parametrize(
    "links", [{}, {"nextLink": DELTA, "deltaLink": DELTA}, {"deltaLink": ""}, {"deltaLink": None}], ids=repr
)
def test_a_delta_page_with_neither_or_both_links_is_a_wire_error(links: dict[str, Any]) -> None:
    assert isinstance(caught(lambda: Microsoft(graph=[page(**links)]).directory().fetch_delta(DELTA)), WireError)


def test_the_latest_delta_link_tracks_our_properties() -> None:
    microsoft = Microsoft(graph=[page(deltaLink=DELTA)])

    assert microsoft.directory().fetch_latest_delta_link() == DELTA
    assert asked_for(microsoft) == f"/v1.0/users/delta?$deltatoken=latest&$select={SELECT}"


@pytest.mark.parametrize("answer", [page({"id": "1"}, deltaLink=DELTA), page(nextLink=DELTA), page()], ids=repr)
def test_a_latest_link_that_starts_elsewhere_is_a_wire_error(answer: httpx.Response) -> None:
    assert isinstance(caught(Microsoft(graph=[answer]).directory().fetch_latest_delta_link), WireError)


# --- one user -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (USER_ID, f"/users/{USER_ID}"),
        (" ann@contoso.example ", "/users/ann@contoso.example"),
        ("o'brien@contoso.example", "/users/o%27brien@contoso.example"),
        ("a_b#EXT#@contoso.example", "/users/a_b%23EXT%23@contoso.example"),
        ("a/b?c&d@contoso.example", "/users/a%2Fb%3Fc%26d@contoso.example"),
        ("a+b%20c@contoso.example", "/users/a%2Bb%2520c@contoso.example"),
        ("zoë@contoso.example", "/users/zo%C3%AB@contoso.example"),
        ("$o'b@contoso.example", "/users('%24o%27%27b@contoso.example')"),
    ],
)
def test_a_name_is_quoted_whole(name: str, path: str) -> None:
    microsoft = Microsoft(graph=[httpx.Response(200, json={"id": USER_ID, "mail": "ann@contoso.example"})])

    user = microsoft.directory().fetch_user(name)

    assert user == User(id=USER_ID, mail="ann@contoso.example")
    assert asked_for(microsoft) == f"/v1.0{path}?$select={SELECT}"


@pytest.mark.parametrize("name", ["delta", "$count", "..", ".", "", "me", "ann", "microsoft.graph.delta()"])
def test_what_is_no_name_is_unknown_without_asking(name: str) -> None:
    microsoft = Microsoft()

    assert microsoft.directory().fetch_user(name) is None
    assert microsoft.requests == []


def test_an_unknown_user_is_none() -> None:
    assert Microsoft(graph=[graph_error(404, "Request_ResourceNotFound")]).directory().fetch_user(USER_ID) is None


def test_a_name_that_graph_cannot_read_is_none_but_an_id_is_not() -> None:
    bad = graph_error(400, "Request_BadRequest")

    assert Microsoft(graph=[bad]).directory().fetch_user("a b@contoso.example") is None
    assert isinstance(caught(lambda: Microsoft(graph=[bad]).directory().fetch_user(USER_ID)), WireError)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, html="<html>proxy</html>"),
        httpx.Response(404),
        graph_error(404, "Something_New"),
        httpx.Response(200, json={"id": "another"}),
        httpx.Response(200, json={}),
    ],
    ids=repr,
)
def test_a_user_is_only_gone_if_graph_says_so(answer: httpx.Response) -> None:
    error = caught(lambda: Microsoft(graph=[answer]).directory().fetch_user(USER_ID))

    assert isinstance(error, WireError)
    assert not isinstance(error, NotFoundError)


def test_a_deleted_user_is_found_or_not() -> None:
    microsoft = Microsoft(
        graph=[httpx.Response(200, json={"id": USER_ID}), graph_error(404, "Request_ResourceNotFound")]
    )
    directory = microsoft.directory()

    assert directory.fetch_deleted_user(USER_ID) == User(id=USER_ID)
    assert directory.fetch_deleted_user(USER_ID) is None


# --- counts and the tenant ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enabled_only", "path"),
    [(False, "/v1.0/users/$count"), (True, "/v1.0/users/$count?$filter=accountEnabled%20eq%20true")],
)
def test_users_are_counted_in_eventual_consistency(enabled_only: bool, path: str) -> None:
    microsoft = Microsoft(
        graph=[httpx.Response(200, content=b"\xef\xbb\xbf150", headers={"Content-Type": "text/plain"})]
    )

    assert microsoft.directory().count_users(enabled_only=enabled_only) == 150
    assert asked_for(microsoft) == path
    assert microsoft.asked[0].headers["ConsistencyLevel"] == "eventual"


@pytest.mark.parametrize("content", [b"", b"many", b"-1", b"1.5", b'{"value": 5}', "٣".encode()])
def test_a_count_that_is_no_number_is_a_wire_error(content: bytes) -> None:
    microsoft = Microsoft(graph=[httpx.Response(200, content=content)])

    assert isinstance(caught(lambda: microsoft.directory().count_users(enabled_only=False)), WireError)


def test_the_tenant_tells_its_name_and_a_missing_permission_its_own() -> None:
    body = {"value": [{"id": "t1", "displayName": "Contoso", "verifiedDomains": [{"name": "c.example"}]}]}
    directory = Microsoft(graph=[httpx.Response(200, json=body)]).directory()
    assert directory.fetch_organization().domains == ("c.example",)

    denied = Microsoft(graph=[graph_error(403, "Authorization_RequestDenied")] * 2)
    error = caught(denied.directory().fetch_organization)
    assert isinstance(error, TenantError)
    assert (error.reason, error.permission) == ("permission_missing", "Organization.Read.All")


@pytest.mark.parametrize("status", [401, 403])
def test_an_app_without_a_principal_in_the_tenant_lacks_consent(status: int) -> None:
    microsoft = Microsoft(graph=[graph_error(status, "Authorization_IdentityNotFound")] * 2)

    error = caught(microsoft.directory().fetch_users)

    assert isinstance(error, TenantError)
    assert error.reason == "consent_missing"


# --- errors and lanes -----------------------------------------------------------------------------------------------


def test_an_error_says_graphs_code_and_request_and_nobodys_name() -> None:
    error = caught(Microsoft(graph=[graph_error(400, "Request_UnsupportedQuery")]).directory().fetch_users)

    assert str(error) == "graph: request_refused, status 400, code Request_UnsupportedQuery, request r1"
    assert "ann@contoso.com" not in repr(error.__dict__)


@pytest.mark.parametrize("code", ["ann@contoso.com", "", "x" * 100, 5, None, {"a": 1}])
def test_a_code_that_is_none_is_left_out(code: object) -> None:
    answer = httpx.Response(400, json={"error": {"code": code}})

    assert caught(Microsoft(graph=[answer]).directory().fetch_users).vendor_code is None


def test_lanes_share_the_token_and_spend_their_own_budget() -> None:
    bulk, targeted = DiaryBudget(), DiaryBudget()
    microsoft = Microsoft()
    directory = microsoft.directory(budget=bulk)

    directory.fetch_users()
    directory.with_budget(targeted).fetch_users()

    assert (bulk.diary, targeted.diary) == (["reserve", "succeeded"],) * 2
    assert microsoft.issued == 1


def test_throttling_pauses_the_whole_tenant_for_as_long_as_graph_says() -> None:
    budget = DiaryBudget()
    throttled = graph_error(429, "TooManyRequests", **{"Retry-After": "150"})

    error = caught(Microsoft(graph=[throttled]).directory(budget=budget).fetch_users)

    assert isinstance(error, TransientError)
    assert (error.retry_after_s, budget.diary) == (150.0, ["reserve", "pause 150"])
