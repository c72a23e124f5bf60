"""A HaloPSA on the sandbox with two empty clients, and somebody else who works in it."""

from collections.abc import Sequence
from typing import Any

import httpx

from adapters.halo import Access, FieldSettings, HaloContacts
from adapters.records import Contact, ContactChange, ContactDraft
from adapters.transport import Budget
from tasks.ports import Contacts
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget

VENDOR = "halo"
COMPANY = "9250"  # of the tests alone: the seed's people live elsewhere
OTHER_COMPANY = "9251"
SITE_ID = "92501"  # the main one of COMPANY


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


class HaloPsa:
    """The adapter on the sandbox."""

    port: Contacts

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self._client = client
        for company in (COMPANY, OTHER_COMPANY):
            values = {"id": int(company), "identifier": f"C{company}", "name": f"Company {company}"}
            self.mutate("psa.create_company", set=values)
        self.port = self.contacts()

    def contacts(
        self, *, settings: FieldSettings | None = None, budget: Budget | None = None, **access: str
    ) -> HaloContacts:
        """Make a port of its own, which knows nothing yet."""
        names = ("resource_url", "auth_url", "tenant", "client_id", "client_secret")
        facts = self.sandbox.facts[VENDOR]
        return HaloContacts(
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
        entra_id: str = "",
        active: bool = True,
        **values: Any,
    ) -> str:
        """Put a user there by hand and return its id."""
        places = dict(zip(("emailaddress", "email2", "email3"), emails, strict=False))
        user = {"firstname": first_name, "surname": last_name, "azureoid": entra_id, "inactive": not active}
        made = self.mutate("psa.create_contact", company=company, set={**user, **places, **values})
        return str(made["id"])

    def add_many(self, count: int, **values: Any) -> list[str]:
        """Put so many users there by hand and return their ids."""
        operations = [
            {"op": "psa.create_contact", "vendor": VENDOR, "company": COMPANY, "set": {"name": f"N{number}", **values}}
            for number in range(count)
        ]
        return [str(made["id"]) for made in self.sandbox.post("mutate", {"operations": operations})["results"]]

    def raw(self, contact_id: str, *, company: str = COMPANY) -> dict[str, Any]:
        """Return a user as the sandbox holds it."""
        params = {"company": company, "vendor": VENDOR}
        rows = self.sandbox._control.get("contacts", params=params).raise_for_status().json()["contacts"]
        found: list[dict[str, Any]] = [row for row in rows if str(row["id"]) == contact_id]
        return found[0]

    def mutate(self, op: str, **keys: Any) -> dict[str, Any]:
        """Do something by hand."""
        return self.sandbox.mutate(op, vendor=VENDOR, **keys)

    def delete(self, contact_id: str) -> None:
        """Delete a user by hand."""
        self.mutate("psa.delete_contact", contact=contact_id)

    def lose_answer(self) -> None:
        """Let the next write happen and its answer be lost."""
        self.fault("lost_answer", method="POST")

    def fault(self, kind: str, *, method: str | None = None, path: str = "/api/Users", **keys: Any) -> None:
        """Let the next call of users meet trouble."""
        match = {"vendor": VENDOR, "path": path} | ({"method": method} if method else {})
        self.sandbox.fault(kind, match=match, **keys)
