"""A public HaloPSA client against the sandbox."""
# ruff: noqa: PLC0415 - the import is slow, and only these tests need it

from typing import Any

import pytest

from tests.sandbox.harness import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    from halo.client import HaloClient

    sandbox.control("POST", "settings", {"halo.demand_tenant": False})  # it knows no tenants
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.info["ca_file"])
    keys = sandbox.info["halo"]
    return HaloClient(
        keys["resource_url"],
        client_id=keys["client_id"],
        client_secret=keys["client_secret"],
        max_retries=0,
    )


def test_it_lists_and_pages(client: Any, sandbox: Sandbox) -> None:
    found: list[int] = []
    for number in (1, 2, 3, 4):
        page = client.users.list(client_id=250, inactive=True, page_size=100, page_no=number, order="id")
        found += [user.id for user in page]
    assert found == [user["id"] for user in sandbox.control("GET", "contacts?vendor=halo&company=250")["contacts"]]
    active = client.users.list(client_id=250, order="id") + client.users.list(client_id=250, order="id", page_no=2)
    assert {user.inactive for user in active} == {False}


def test_it_searches_and_reads(client: Any, sandbox: Sandbox) -> None:
    new = sandbox.create_halo_user(emailaddress="ann@contoso.test", azureoid="abc")
    assert [user.id for user in client.users.search("ann@contoso.test")] == [new["id"]]
    detail = client.users.get(new["id"], includedetails=True)
    assert (detail.azureoid, detail.site_id) == ("abc", 2501.0)
    assert client.clients.get(250).name == "Contoso Ltd"


def test_it_creates_and_updates_by_an_array_of_one(client: Any) -> None:
    new = client.users.create([{"name": "Ann Exämple", "site_id": 2501, "inactive": False}])
    assert (new.name, new.client_id) == ("Ann Exämple", 250)
    changed = client.users.create([{"id": new.id, "title": "Buyer"}])
    assert (changed.id, changed.title, changed.name) == (new.id, "Buyer", "Ann Exämple")
    changed.delete()


def test_it_gets_a_new_token_when_the_old_one_is_dead(client: Any, sandbox: Sandbox) -> None:
    client.clients.get(250)
    sandbox.mutate({"op": "psa.revoke_tokens", "vendor": "halo"})
    assert client.clients.get(250).id == 250
    assert sandbox.calls("halo")["POST", "/auth/token", 200] == 2


def test_it_says_what_went_wrong(client: Any) -> None:
    from halo.exceptions import HaloError, HaloResourceNotFound

    with pytest.raises(HaloError):
        client.users.create({"name": "Ann", "site_id": 2501})  # as its own examples do: no array
    with pytest.raises(HaloResourceNotFound):
        client.users.get(9999)
    client.auth.client_secret, client.auth._token = "wrong", None
    with pytest.raises(HaloError):
        client.users.get(1201)
