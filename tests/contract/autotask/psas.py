"""The fake and the sandbox under one handle, so that one suite asks the same of both."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import httpx

from adapters.autotask import Access, AutotaskContacts, FieldSettings
from adapters.records import Contact, ContactChange, ContactDraft
from adapters.transport import Budget, Slots
from tasks.ports import Contacts
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget
from tests.fakes.contacts import FakeContacts

COMPANY = "9250"  # of the tests alone: the seed's people live elsewhere
OTHER_COMPANY = "9251"
SITE = "Main"
WRITES = "/Companies/[0-9]+/Contacts$"


def permit() -> float:
    """Let a write be sent."""
    return 20.0


def draft(**fields: str) -> ContactDraft:
    """Make the contact of Ann; a last name is required here."""
    names = {"first_name": "Ann", "last_name": "Example"}
    return ContactDraft(company_id=COMPANY, entra_id=object_id(1), fields={**names, **fields})


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
        last_name: str = "-",
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
        last_name: str = "-",
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
            self.mutate("psa.create_company", set=values)
        self.port = self.contacts()

    def contacts(
        self,
        *,
        settings: FieldSettings | None = None,
        budget: Budget | None = None,
        slots: Slots | None = None,
        **access: str,
    ) -> AutotaskContacts:
        """Make a port of its own, which knows nothing yet."""
        facts = self.sandbox.facts["autotask"]
        names = ("zone_url", "username", "secret", "integration_code")
        return AutotaskContacts(
            Access(**{**{name: facts[name] for name in names}, **access}),
            client=self._client,
            budget=budget or NullBudget(),
            slots=slots,
            settings=settings,
        )

    def mutate(self, op: str, **keys: Any) -> dict[str, Any]:
        """Let somebody do this by hand."""
        return self.sandbox.mutate(op, vendor="autotask", **keys)

    def add(
        self,
        *,
        company: str = COMPANY,
        first_name: str = "Bob",
        last_name: str = "-",
        emails: Sequence[str] = (),
        entra_id: str | None = None,
        active: bool = True,
    ) -> str:
        names = ("emailAddress", "emailAddress2", "emailAddress3")
        values = {"firstName": first_name, "lastName": last_name, "isActive": int(active), "externalID": entra_id}
        return self.add_raw(company=company, **values, **dict(zip(names, emails, strict=False)))

    def add_raw(self, *, company: str = COMPANY, **values: Any) -> str:
        """Put a contact there in the vendor's own JSON and return its id."""
        made = self.mutate("psa.create_contact", company=company, set={"firstName": "Bob", **values})
        return str(made["id"])

    def raw(self, contact_id: str, *, company: str = COMPANY) -> dict[str, Any]:
        """Return a contact as the sandbox holds it."""
        params = {"company": company, "vendor": "autotask"}
        rows = self.sandbox._control.get("contacts", params=params).raise_for_status().json()["contacts"]
        found: list[dict[str, Any]] = [row for row in rows if str(row["id"]) == contact_id]
        return found[0]

    def lose_answer(self, method: str) -> None:
        verb = "POST" if method == "create_contact" else "PATCH"
        self.fault("lost_answer", method=verb, path=WRITES)

    def delete(self, contact_id: str) -> None:
        self.mutate("psa.delete_contact", contact=contact_id)

    def fault(self, kind: str, *, method: str | None = None, path: str = "/Contacts/query$", **keys: Any) -> None:
        """Let the next call of contacts meet trouble."""
        match = {"vendor": "autotask", "path": path} | ({"method": method} if method else {})
        self.sandbox.fault(kind, match=match, **keys)
