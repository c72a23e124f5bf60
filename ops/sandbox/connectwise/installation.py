"""One ConnectWise PSA with its records, as the world holds it."""

from collections.abc import Mapping

from ops.sandbox.audit import Audit
from ops.sandbox.clock import Clock
from ops.sandbox.connectwise import fields, seed
from ops.sandbox.connectwise.by_hand import ByHand
from ops.sandbox.connectwise.routes import DOCUMENTED_PER_MINUTE, ConnectWise
from ops.sandbox.connectwise.state import Access, Psa
from ops.sandbox.connectwise.view import person_of
from ops.sandbox.http import Json
from ops.sandbox.installation import Operation
from ops.sandbox.limits import Window
from ops.sandbox.people import Known, Person, Rules
from ops.sandbox.seeding import company_of
from ops.sandbox.settings import Settings


class ConnectWiseInstallation:
    """The PSA that tests without a wish of their own get."""

    def __init__(self, clock: Clock, audit: Audit, settings: Settings) -> None:
        self._psa = Psa(clock, audit)
        self._settings = settings
        self.vendor = ConnectWise(self._psa, settings)

    def operations(self) -> Mapping[str, Operation]:
        """What can be done by hand."""
        return ByHand(self._psa, self.vendor.writer).operations

    def load_tables(self) -> None:
        """Fill tables and companies that belong to no tenant."""
        seed.load_tables(self._psa)

    def load_company(self, company_id: int, *, identifier: str, name: str) -> None:
        """Add the company of a tenant."""
        seed.add_company(self._psa, company_id, identifier=identifier, name=name)

    def load_contacts(self, contacts: list[Known]) -> None:
        """Store contacts without a trace."""
        seed.load_contacts(self._psa, self._settings, contacts)

    def contacts(self) -> Mapping[int, Json]:
        """Every contact by id."""
        return self._psa.contacts

    def contacts_of(self, company_id: int) -> list[Json]:
        """The contacts of one company."""
        return [self._psa.contacts[number] for number in self._psa.by_company.get(company_id, ())]

    def person_of(self, contact: Json) -> Person:
        """A contact as truth and verdict look at it."""
        return person_of(contact)

    def rules(self) -> Rules:
        """Lengths, and departments that must exist."""
        return Rules(
            name_max=fields.STRINGS["firstName"],
            title_max=fields.STRINGS["title"],
            mail_max=fields.ITEM_VALUE_MAX,
            phone_max=fields.ITEM_VALUE_MAX,
            needs_last_name=False,
            splits_extension=True,
            department="reference",
            departments=frozenset(record["name"].casefold() for record in self._psa.departments.values()),
        )

    def limits(self) -> Json:
        """Requests of a minute."""
        return {"per_minute": self.vendor.window.limit}

    def set_limits(self, body: Json) -> None:
        """Change them."""
        limit = body.get("per_minute")
        self.vendor.window = Window(DOCUMENTED_PER_MINUTE if limit is None else int(limit), 60)

    def describe(self, url: str) -> Json:
        """Address and keys."""
        access = Access()
        return {
            "site_url": url,
            "company": access.company,
            "public_key": access.public_key,
            "private_key": access.private_key,
            "client_id": access.client_id,
            "company_id": str(company_of(0)),
            "entra_id_field": "userDefinedField10",
        }
