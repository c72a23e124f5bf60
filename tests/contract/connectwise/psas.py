"""The fake and the sandbox under one handle, so that one suite asks the same of both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import httpx

from adapters.connectwise import Access, ConnectWiseContacts, FieldSettings
from adapters.records import Contact, ContactChange, ContactDraft
from adapters.transport import Budget
from tasks.ports import Contacts
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget
from tests.fakes.contacts import FakeContacts

COMPANY = "9250"  # of the tests alone: the seed's people live elsewhere
OTHER_COMPANY = "9251"
SITE = "Main"


def permit() -> float:
    """Let a write be sent."""
    return 20.0


def draft(**fields: str) -> ContactDraft:
    """Make the contact of Ann."""
    return ContactDraft(company_id=COMPANY, entra_id=object_id(1), fields={"first_name": "Ann", **fields})


def change(contact: Contact, **parts: Any) -> ContactChange:
    """Make a change of this contact."""
    return ContactChange(contact_id=contact.id, company_id=contact.company_id, **parts)


def object_id(number: int) -> str:
    """Return the object id of one of our users."""
    return f"4f6c0a1e-0000-4000-8000-{number:012d}"


class Psa(ABC):
    """A PSA with two empty companies, and somebody else who works in it."""

    port: Contacts

    @abstractmethod
    def add(
        self,
        *,
        company: str = COMPANY,
        first_name: str = "Bob",
        last_name: str = "",
        emails: Sequence[str] = (),
        entra_id: str | None = None,
        active: bool = True,
    ) -> str:
        """Put a contact there by hand and return its id."""

    @abstractmethod
    def lose_answer(self, method: str) -> None:
        """Let the next write happen and its answer be lost."""

    @abstractmethod
    def delete(self, contact_id: str) -> None:
        """Delete a contact by hand."""


class FakePsa(Psa):
    """The fake."""

    def __init__(self) -> None:
        self.fake = FakeContacts(page_size=2)
        for company in (COMPANY, OTHER_COMPANY):
            self.fake.add_company(company, sites=((f"{company}1", SITE),))
        self.port = self.fake

    def add(
        self,
        *,
        company: str = COMPANY,
        first_name: str = "Bob",
        last_name: str = "",
        emails: Sequence[str] = (),
        entra_id: str | None = None,
        active: bool = True,
    ) -> str:
        names = {"first_name": first_name, **({"last_name": last_name} if last_name else {})}
        return self.fake.add_contact(company_id=company, emails=emails, entra_id=entra_id, active=active, **names).id

    def lose_answer(self, method: str) -> None:
        self.fake.lose_answer(method)

    def delete(self, contact_id: str) -> None:
        self.fake.remove_contact(contact_id)


class SandboxPsa(Psa):
    """The adapter on the sandbox."""

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self._client = client
        for company in (COMPANY, OTHER_COMPANY):
            values = {"id": int(company), "identifier": f"C{company}", "name": f"Company {company}"}
            sandbox.mutate("psa.create_company", set=values)
        self.port = self.contacts()

    def contacts(
        self, *, settings: FieldSettings | None = None, budget: Budget | None = None, **access: str
    ) -> ConnectWiseContacts:
        """Make a port of its own, which knows nothing yet."""
        facts = self.sandbox.facts["connectwise"]
        names = ("site_url", "company", "public_key", "private_key", "client_id")
        return ConnectWiseContacts(
            Access(**{**{name: facts[name] for name in names}, **access}),
            client=self._client,
            budget=budget or NullBudget(),
            settings=settings,
        )

    def add(
        self,
        *,
        company: str = COMPANY,
        first_name: str = "Bob",
        last_name: str = "",
        emails: Sequence[str] = (),
        entra_id: str | None = None,
        active: bool = True,
    ) -> str:
        items = [
            {"type": {"id": 13}, "value": value, "defaultFlag": index == 0, "communicationType": "Email"}
            for index, value in enumerate(emails)
        ]
        values = {
            "firstName": first_name,
            "lastName": last_name or None,
            "inactiveFlag": not active,
            "userDefinedField10": entra_id,
            "communicationItems": items,
        }
        return self.add_raw(company=company, **{name: value for name, value in values.items() if value is not None})

    def add_raw(self, *, company: str = COMPANY, **values: Any) -> str:
        """Put a contact there in the vendor's own JSON and return its id."""
        made = self.sandbox.mutate("psa.create_contact", company=company, set={"firstName": "Bob", **values})
        return str(made["id"])

    def raw(self, contact_id: str, *, company: str = COMPANY) -> dict[str, Any]:
        """Return a contact as the sandbox holds it."""
        rows = self.sandbox._control.get("contacts", params={"company": company}).raise_for_status().json()["contacts"]
        found: list[dict[str, Any]] = [row for row in rows if str(row["id"]) == contact_id]
        return found[0]

    def lose_answer(self, method: str) -> None:
        verb = "POST" if method == "create_contact" else "PATCH"
        self.fault("lost_answer", method=verb)

    def delete(self, contact_id: str) -> None:
        self.sandbox.mutate("psa.delete_contact", contact=contact_id)

    def fault(self, kind: str, *, method: str | None = None, path: str = "/company/contacts", **keys: Any) -> None:
        """Let the next call of contacts meet trouble."""
        match = {"vendor": "connectwise", "path": path} | ({"method": method} if method else {})
        self.sandbox.fault(kind, match=match, **keys)
