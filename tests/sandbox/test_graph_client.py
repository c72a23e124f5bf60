"""Microsoft's own client against the sandbox. One import of it costs seconds, so all of it is one test."""
# ruff: noqa: PLC0415 - the import is slow, and only these tests need it

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.sandbox.harness import SCOPE, Sandbox


@asynccontextmanager
async def client(sandbox: Sandbox, credential: Any) -> AsyncIterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kiota_authentication_azure.azure_identity_authentication_provider import (
            AzureIdentityAuthenticationProvider,
        )
        from msgraph import GraphRequestAdapter, GraphServiceClient
        from msgraph_core import GraphClientFactory  # type: ignore[import-untyped] # it ships no types

    host = httpx.URL(sandbox.info["url"])
    provider = AzureIdentityAuthenticationProvider(credential, scopes=[SCOPE], allowed_hosts=[host.host])
    context = ssl.create_default_context(cafile=sandbox.info["ca_file"])
    plain = httpx.AsyncClient(verify=context, trust_env=False, timeout=20)
    transports = [plain._transport, *plain._mounts.values()]
    adapter = GraphRequestAdapter(provider, client=GraphClientFactory.create_with_default_middleware(client=plain))
    adapter.base_url = sandbox.info["graph_url"]
    yield GraphServiceClient(request_adapter=adapter)
    for transport in transports:  # the factory replaces them and closes none
        if transport is not None:
            await transport.aclose()
    await plain.aclose()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(60)
def test_the_sdk_lists_creates_updates_deletes_and_follows_changes(sandbox: Sandbox) -> None:
    sandbox.control("POST", "seed", {"users": 60, "seed": 7})  # the typed models cost milliseconds a user
    try:
        sandbox.mutate({"op": "graph.set_app", "roles": ["User.ReadWrite.All"]})
        sandbox.control("POST", "settings", {"graph.delta_page_size": 25})
        asyncio.run(use_the_sdk(sandbox))
    finally:
        sandbox.control("POST", "seed", {"users": 500, "seed": 7})


async def use_the_sdk(sandbox: Sandbox) -> None:
    from azure.identity.aio import ClientSecretCredential
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    tenant = sandbox.tenants[0]
    credential = ClientSecretCredential(
        tenant["tenant_id"],
        tenant["client_id"],
        tenant["client_secret"],
        authority=sandbox.info["login_url"],
        disable_instance_discovery=True,
        connection_verify=sandbox.info["ca_file"],
    )
    async with credential, client(sandbox, credential) as graph:
        await list_users(graph, sandbox.control("GET", "users")["users"])
        link = await read_delta(graph)
        user_id = await write_user(graph)
        await follow_changes(graph, link, user_id)
        with pytest.raises(ODataError) as refusal:
            await graph.users.by_user_id("nobody").get()
        assert refusal.value.response_status_code == 404
        assert refusal.value.error.code == "Request_ResourceNotFound"


async def list_users(graph: Any, raw: list[dict[str, Any]]) -> None:
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "displayName", "accountEnabled", "assignedLicenses", "onPremisesExtensionAttributes"],
        filter="accountEnabled eq true",
        top=20,
    )
    found = []
    page = await graph.users.get(request_configuration=RequestConfiguration(query_parameters=query))
    while page is not None:
        found += page.value
        page = await graph.users.with_url(page.odata_next_link).get() if page.odata_next_link else None
    assert len({user.id for user in found}) == len(found) == sum(1 for user in raw if user["accountEnabled"])
    assert all(user.account_enabled for user in found)

    expanded = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id"], expand=["manager($levels=1;$select=id)"], top=20
    )
    page = await graph.users.get(request_configuration=RequestConfiguration(query_parameters=expanded))
    assert any(user.manager for user in page.value)
    organization = await graph.organization.get()
    assert organization.value[0].display_name == "Contoso Ltd"


async def read_delta(graph: Any) -> str:
    page = await graph.users.delta.get()
    count = len(page.value)
    while page.odata_next_link:
        page = await graph.users.delta.with_url(page.odata_next_link).get()
        count += len(page.value)
    assert count == 60
    link: str = page.odata_delta_link
    return link


async def write_user(graph: Any) -> str:
    from msgraph.generated.models.password_profile import PasswordProfile
    from msgraph.generated.models.user import User

    new = User(
        account_enabled=True,
        display_name="Åsa Nyström",
        mail_nickname="asa",
        user_principal_name="asa@contoso.example",
        business_phones=["+46 8 123"],
        password_profile=PasswordProfile(password="Xx1-long-enough"),
    )
    created = await graph.users.post(new)
    assert created.display_name == "Åsa Nyström"
    await graph.users.by_user_id(created.id).patch(User(job_title="Köpman"))
    read = await graph.users.by_user_id("asa@contoso.example").get()
    assert (read.id, read.job_title, read.business_phones) == (created.id, "Köpman", ["+46 8 123"])
    user_id: str = created.id
    return user_id


async def follow_changes(graph: Any, link: str, user_id: str) -> None:
    page = await graph.users.delta.with_url(link).get()
    assert [user.id for user in page.value] == [user_id]
    assert page.value[0].job_title == "Köpman"
    await graph.users.by_user_id(user_id).delete()
    page = await graph.users.delta.with_url(page.odata_delta_link).get()
    assert page.value[0].additional_data["@removed"] == {"reason": "changed"}
    deleted = await graph.directory.deleted_items.graph_user.get()
    assert [user.id for user in deleted.value] == [user_id]
