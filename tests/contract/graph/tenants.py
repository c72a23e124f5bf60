"""The same tenant twice: in memory, and in the sandbox behind https, MSAL and Graph's own links."""

from typing import Any, Protocol
from uuid import uuid4

import httpx
from pydantic.alias_generators import to_camel

from adapters.graph import AppRegistration, Cloud, GraphDirectory
from adapters.records import DirectoryPage, Tombstone, User
from tasks.ports import Directory
from tests.contract.sandbox import Json, Sandbox
from tests.fakes.budget import NullBudget
from tests.fakes.directory import FakeDirectory


class Tenant(Protocol):
    """What the suite arranges; names of properties are User's."""

    @property
    def directory(self) -> Directory: ...
    def ids(self) -> set[str]: ...
    def add_user(self, **fields: Any) -> str: ...
    def change_user(self, user_id: str, **fields: Any) -> None: ...
    def delete_user(self, user_id: str, *, permanently: bool = False) -> None: ...
    def restore_user(self, user_id: str) -> None: ...
    def blank_pages(self) -> None: ...
    def expire_page_links(self) -> None: ...
    def expire_delta_links(self) -> None: ...


class FakeTenant:
    """A tenant of `FakeDirectory`."""

    def __init__(self) -> None:
        self.directory = FakeDirectory(page_size=3)
        for number in range(10):
            self.directory.add_user(f"seed{number}", account_enabled=number != 4)

    def ids(self) -> set[str]:
        return set(self.directory.users)

    def add_user(self, **fields: Any) -> str:
        return self.directory.add_user(**fields).id

    def change_user(self, user_id: str, **fields: Any) -> None:
        self.directory.change_user(user_id, **fields)

    def delete_user(self, user_id: str, *, permanently: bool = False) -> None:
        self.directory.delete_user(user_id, permanently=permanently)

    def restore_user(self, user_id: str) -> None:
        self.directory.restore_user(user_id)

    def blank_pages(self) -> None:
        self.directory.blank_pages = True

    def expire_page_links(self) -> None:
        self.directory.expire_page_links()

    def expire_delta_links(self) -> None:
        self.directory.expire_delta_links()


class SandboxTenant:
    """The first tenant of the sandbox."""

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self.client = client
        self.facts: Json = sandbox.facts["tenants"][0]
        self.tenant_id = str(self.facts["tenant_id"])
        self.directory = self.directory_for(client_id=self.facts["client_id"], secret=self.facts["client_secret"])

    def directory_for(self, *, tenant_id: str | None = None, **registration: Any) -> GraphDirectory:
        """Return a new directory, with tokens of its own."""
        facts = self.sandbox.facts
        cloud = Cloud(facts["login_url"], facts["graph_url"], "https://graph.microsoft.com/.default")
        app = AppRegistration(cloud=cloud, **registration)
        return GraphDirectory(tenant_id or self.tenant_id, app, client=self.client, budget=NullBudget())

    def ids(self) -> set[str]:
        return {user["id"] for user in self.sandbox.users(self.tenant_id)}

    def add_user(self, **fields: Any) -> str:
        name = f"new-{uuid4().hex[:8]}@{self.facts['domain']}"
        properties = {"userPrincipalName": name, "mail": name, "displayName": "New Example", **_graph_names(fields)}
        return str(self.sandbox.mutate("graph.create_user", set=properties)["id"])

    def change_user(self, user_id: str, **fields: Any) -> None:
        self.sandbox.mutate("graph.update_user", user=user_id, set=_graph_names(fields))

    def delete_user(self, user_id: str, *, permanently: bool = False) -> None:
        self.sandbox.mutate("graph.delete_user", user=user_id, hard=permanently)

    def restore_user(self, user_id: str) -> None:
        self.sandbox.mutate("graph.restore_user", user=user_id)

    def blank_pages(self) -> None:
        self.sandbox.fault("empty_page", match={"vendor": "graph", "path": "/users"}, times=2)

    def expire_page_links(self) -> None:
        self.sandbox.fault("expired_page", match={"vendor": "graph"})

    def expire_delta_links(self) -> None:
        self.sandbox.fault("dead_delta", match={"vendor": "graph"}, status=400)


def _graph_names(fields: dict[str, Any]) -> Json:
    return {to_camel(name): value for name, value in fields.items()}


def read_list(directory: Directory, **first: Any) -> list[DirectoryPage]:
    """Read the whole list."""
    pages = [directory.fetch_users(**first)]
    while pages[-1].next_link is not None:
        pages.append(directory.fetch_users(pages[-1].next_link))
        assert len(pages) < 1000
    return pages


def read_delta(directory: Directory, link: str) -> tuple[list[User | Tombstone], str]:
    """Read a whole round and return its entries and the next delta link."""
    entries: list[User | Tombstone] = []
    while True:
        page = directory.fetch_delta(link)
        entries.extend(page.entries)
        if page.delta_link is not None:
            return entries, page.delta_link
        assert page.next_link is not None
        link = page.next_link
