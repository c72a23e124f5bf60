"""What the kit needs of a PSA: a port, two empty companies, somebody else who works in it, and trouble on request."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from adapters.costs import Cost
from adapters.limits import Budget
from adapters.records import Contact, ContactChange, ContactDraft
from tasks.ports import Contacts
from tests.contract.sandbox import Sandbox

COMPANY = "9250"  # of the tests alone: the seed's people live elsewhere
OTHER_COMPANY = "9251"
TOPICS = frozenset({"move", "lengths", "cost", "faults", "keys", "lost answers"})
"""What an adapter may be unable to do or to suffer: its class says so, with the reason, in `CANNOT`."""

On = Literal["read", "create", "update"]
Json = dict[str, Any]


def permit() -> float:
    """Let a write be sent."""
    return 20.0


def object_id(number: int) -> str:
    """Return the object id of one of our users."""
    return f"4f6c0a1e-0000-4000-8000-{number:012d}"


def draft(**fields: str) -> ContactDraft:
    """Make the contact of Ann; some PSAs require a last name."""
    names = {"first_name": "Ann", "last_name": "Example"}
    return ContactDraft(company_id=COMPANY, entra_id=object_id(1), fields={**names, **fields})


def change(contact: Contact, **parts: Any) -> ContactChange:
    """Make a change of this contact."""
    return ContactChange(contact_id=contact.id, company_id=contact.company_id, **parts)


class Psa(ABC):
    """A PSA under test."""

    port: Contacts
    slept: list[float]
    """For how many seconds the port has waited between two attempts; nobody really waits."""

    @property
    def cost(self) -> Cost:
        """What the adapter says its calls cost."""
        cost: Cost = vars(type(self.port)).get("cost") or vars(self.port)["cost"]
        return cost

    @property
    def page_size(self) -> int:
        """How many contacts a full page holds."""
        return self.cost.page_size

    @abstractmethod
    def contacts(self, *, budget: Budget | None = None) -> Contacts:
        """Make a port of its own, which knows nothing yet."""

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
    def add_many(self, count: int) -> list[str]:
        """Put so many contacts there by hand and return their ids."""

    @abstractmethod
    def delete(self, contact_id: str) -> None:
        """Delete a contact by hand."""

    @abstractmethod
    def lose_answer(self, on: On) -> None:
        """Let the next write happen and its answer be lost."""

    def trouble(self, kind: str, on: On = "read", **keys: Any) -> None:
        """Let the next such call meet a fault of the sandbox."""
        raise NotImplementedError

    def answer_with(self, contact_id: str, **more: Any) -> None:
        """Let the next read of a contact show these fields too, or in place of its own."""
        raise NotImplementedError

    def kill_keys(self) -> None:
        """Let our credentials be no good from now on."""
        raise NotImplementedError

    def keep_rights(self, *rights: str) -> None:
        """Take all rights from us but these."""
        raise NotImplementedError

    def writes(self) -> list[Json]:
        """Return what our port has written; what is done by hand is nobody's."""
        return []


class SandboxPsa(Psa):
    """An adapter on the sandbox; a vendor's class says how its JSON and its addresses look."""

    vendor: ClassVar[str]
    calls: ClassVar[Mapping[On, Json]]
    """Which requests the sandbox shall meet with trouble: method and path."""
    wrong_keys: ClassVar[Json]

    def __init__(self, sandbox: Sandbox, client: Any) -> None:
        """Make two companies."""
        self.sandbox = sandbox
        self.slept: list[float] = []
        self._client = client
        for company in (COMPANY, OTHER_COMPANY):
            values = {"id": int(company), "identifier": f"C{company}", "name": f"Company {company}"}
            self.mutate("psa.create_company", set=values)

    @abstractmethod
    def by_hand(self, *, emails: Sequence[str], entra_id: str | None, active: bool, **names: str) -> Json:
        """Return a contact in the vendor's own JSON."""

    def mutate(self, op: str, **keys: Any) -> Json:
        """Let somebody do this by hand."""
        return self.sandbox.mutate(op, vendor=self.vendor, **keys)

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
        names = {"first_name": first_name, "last_name": last_name}
        return self.add_raw(company=company, **self.by_hand(emails=emails, entra_id=entra_id, active=active, **names))

    def add_raw(self, *, company: str = COMPANY, **values: Any) -> str:
        """Put a contact there in the vendor's own JSON and return its id."""
        kept = {name: value for name, value in values.items() if value is not None}
        return str(self.mutate("psa.create_contact", company=company, set=kept)["id"])

    def add_many(self, count: int, **values: Any) -> list[str]:
        person = {**self.by_hand(emails=(), entra_id=None, active=True, first_name="N", last_name="-"), **values}
        kept = {name: value for name, value in person.items() if value is not None}
        operation = {"op": "psa.create_contact", "vendor": self.vendor, "company": COMPANY, "set": kept}
        results = self.sandbox.post("mutate", {"operations": [operation] * count})["results"]
        return [str(made["id"]) for made in results]

    def delete(self, contact_id: str) -> None:
        self.mutate("psa.delete_contact", contact=contact_id)

    def raw(self, contact_id: str, *, company: str = COMPANY) -> Json:
        """Return a contact as the sandbox holds it."""
        params = {"company": company, "vendor": self.vendor}
        rows = self.sandbox._control.get("contacts", params=params).raise_for_status().json()["contacts"]
        found: list[Json] = [row for row in rows if str(row["id"]) == contact_id]
        return found[0]

    def fault(self, kind: str, *, method: str | None = None, path: str | None = None, **keys: Any) -> None:
        """Let the next call of contacts meet trouble."""
        match = {"vendor": self.vendor, "path": path or self.calls["read"]["path"]}
        self.sandbox.fault(kind, match=match | ({"method": method} if method else {}), **keys)

    def trouble(self, kind: str, on: On = "read", **keys: Any) -> None:
        self.fault(kind, **self.calls[on], **keys)

    def answer_with(self, contact_id: str, **more: Any) -> None:
        body = self.envelope({**self.raw(contact_id), **more})
        self.fault("status", method="GET", path=f"/{contact_id}$", status=200, body=body)

    def envelope(self, contact: Json) -> Json:
        """Return what a read of one contact answers."""
        return contact

    def lose_answer(self, on: On) -> None:
        self.trouble("lost_answer", on)

    def kill_keys(self) -> None:
        self.mutate("psa.set_credentials", **self.wrong_keys)

    def keep_rights(self, *rights: str) -> None:
        self.mutate("psa.set_credentials", rights=list(rights))

    def writes(self) -> list[Json]:
        found: list[Json] = self.sandbox._control.get("audit").raise_for_status().json()["writes"]
        return [write for write in found if write["by"] == "api"]
