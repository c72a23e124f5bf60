"""A vendor's answer, forged or mistaken, that names another address: nothing secret goes there."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from adapters.errors import SyncError
from tests.unit.adapters.autotask import installation as autotask
from tests.unit.adapters.connectwise import installation as connectwise
from tests.unit.adapters.graph.microsoft import TENANT, Microsoft
from tests.unit.adapters.halo import installation as halo

WAYS = {
    "other host": "https://evil.example{path}",
    "vendor's name as a label of another": "https://{host}.evil.example{path}",
    "other host that ends alike": "https://evil{domain}{path}",
    "other scheme": "http://{host}{path}",
    "scheme of files": "file://{host}{path}",
    "user": "https://{host}@evil.example{path}",
    "user and password": "https://evil:word@{host}{path}",
    "port": "https://{host}:8443{path}",
    "letter of another alphabet": "https://{odd_host}{path}",
    "full stop of another alphabet": "https://evil.example\u3002{host}{path}",
    "slash of another alphabet": "https://evil.example\uff0f.{host}{path}",
    "backslash": "https://evil.example\\.{host}{path}",
    "address": "https://203.0.113.7{path}",
    "address of metadata": "http://169.254.169.254{path}",
    "this machine": "https://127.0.0.1{path}",
    "IPv6 address": "https://[2001:db8::1]{path}",
    "no scheme": "//evil.example{path}",
    "line end": "https://{host}\r\nHost: evil.example{path}",
}

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def address(way: str, *, host: str, path: str) -> str:
    domain = ".".join(host.split(".")[-2:])
    return way.format(host=host, domain=domain, path=path, odd_host=host.replace("o", "\u043e", 1))


def refused(call: Callable[[], object]) -> SyncError:
    with pytest.raises(SyncError) as caught:
        call()
    assert "evil" not in f"{caught.value}{caught.value!r}"
    return caught.value


def asked(requests: list[httpx.Request]) -> set[tuple[str, str]]:
    return {(request.url.scheme, request.url.netloc.decode()) for request in requests}


@ways
def test_zone_of_autotask(way: str) -> None:
    server = autotask.Installation(
        zone=address(way, host="webservices.autotask.net", path="/ATServicesRest"),
    )
    assert refused(server.port().fetch_schema).reason in {"zone_unsafe", "answer_shape_unknown"}
    assert asked(server.requests) == {("https", "webservices.autotask.net")}
    assert not [request for request in server.requests if "secret" in request.headers]


@ways
def test_page_link_of_autotask(way: str) -> None:
    link = address(way, host="webservices14.autotask.net", path="/ATServicesRest/V1.0/Contacts/query/next?paging=1")
    server = autotask.Installation()
    body = {"items": [], "pageDetails": {"count": 0, "requestCount": 500, "prevPageUrl": None, "nextPageUrl": link}}

    def forged(request: httpx.Request) -> httpx.Response:
        assert request.url.host.endswith(".autotask.net")
        return httpx.Response(200, json=body)

    server.script = [forged] * 9
    port = server.port()
    try:
        _, cursor = port.fetch_contacts("250")
        for _ in range(3):
            _, cursor = port.fetch_contacts("250", cursor)
    except SyncError as error:
        assert "evil" not in str(error)  # noqa: PT017 - either way is right: refused, or only our own part is used
    assert asked(server.requests) <= {("https", "webservices.autotask.net"), ("https", "webservices14.autotask.net")}


@ways
def test_codebase_of_connectwise(way: str) -> None:
    codebase = address(way, host="api-na.myconnectwise.net", path="/v2026_1/")
    server = connectwise.Installation(companyinfo=[httpx.Response(200, json={"Codebase": codebase})])
    assert refused(server.port().fetch_schema).reason == "codebase_unsafe"
    assert not [request for request in server.requests if "authorization" in request.headers]


@ways
def test_token_endpoint_of_microsoft(way: str) -> None:
    endpoint = address(way, host="login.microsoftonline.com", path=f"/{TENANT}/oauth2/v2.0/token")
    microsoft = Microsoft(token_endpoint=endpoint)
    refused(microsoft.tokens().fetch)
    assert microsoft.forms == []


@ways
@pytest.mark.parametrize("kind", ["nextLink", "deltaLink"])
def test_page_and_delta_link_of_graph(way: str, kind: str) -> None:
    link = address(way, host="graph.microsoft.com", path="/v1.0/users/delta?$deltatoken=x")
    microsoft = Microsoft(graph=[httpx.Response(200, json={"value": [], f"@odata.{kind}": link})] * 2)
    directory = microsoft.directory()
    refused(lambda: directory.fetch_delta("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=1"))
    assert asked(microsoft.requests) <= {("https", "graph.microsoft.com"), ("https", "login.microsoftonline.com")}


@ways
def test_authinfo_of_halo_is_not_even_asked_for(way: str) -> None:
    server = halo.Installation()
    forged: Any = {"auth_url": address(way, host="login.halo.example", path="/auth"), "tenant_id": "msp"}
    server.port().fetch_schema()
    server.port().check()
    assert not [request for request in server.requests if "authinfo" in request.url.path.casefold()], forged
    secret = [request for request in server.requests if b"s3cr3t" in request.content]
    assert asked(secret) == {("https", "login.halo.example")}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("vendor", ["autotask", "connectwise", "halo"])
def test_redirect_is_not_followed(vendor: str, status: int) -> None:
    servers: dict[str, Any] = {
        "autotask": autotask.Installation(),
        "connectwise": connectwise.Installation(),
        "halo": halo.Installation(),
    }
    server = servers[vendor]
    server.script = [httpx.Response(status, headers={"Location": "https://evil.example/steal"})] * 20
    refused(lambda: server.port().fetch_contact("1"))
    assert "evil.example" not in {request.url.host for request in server.requests}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_of_graph_is_not_followed(status: int) -> None:
    moved = httpx.Response(status, headers={"Location": "https://evil.example/steal"})
    microsoft = Microsoft(graph=[moved] * 9)
    refused(microsoft.directory().fetch_users)
    assert "evil.example" not in {request.url.host for request in microsoft.requests}
