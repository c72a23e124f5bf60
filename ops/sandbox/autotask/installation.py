"""One Autotask database, as the world holds it."""

from collections.abc import Mapping

from ops.sandbox.audit import Audit
from ops.sandbox.autotask import fields, seed
from ops.sandbox.autotask.by_hand import ByHand
from ops.sandbox.autotask.routes import Autotask
from ops.sandbox.autotask.state import Access, Database
from ops.sandbox.autotask.view import person_of
from ops.sandbox.clock import Clock
from ops.sandbox.http import Json
from ops.sandbox.installation import Operation
from ops.sandbox.people import Known, Person, Rules
from ops.sandbox.seeding import company_of
from ops.sandbox.settings import Settings


class AutotaskInstallation:
    """A database with the lengths that most have."""

    def __init__(self, clock: Clock, audit: Audit, settings: Settings) -> None:
        self._database = Database(clock, audit)
        self.vendor = Autotask(self._database, settings)

    def operations(self) -> Mapping[str, Operation]:
        """What can be done by hand."""
        return ByHand(self._database, self.vendor.writer).operations

    def load_tables(self) -> None:
        """Fill tables and companies that belong to no tenant."""
        seed.load_tables(self._database)

    def load_company(self, company_id: int, *, identifier: str, name: str) -> None:
        """Add the company of a tenant."""
        seed.add_company(self._database, company_id, identifier=identifier, name=name)

    def load_contacts(self, contacts: list[Known]) -> None:
        """Store contacts without a trace."""
        seed.load_contacts(self._database, self.vendor.writer, contacts)

    def contacts(self) -> Mapping[int, Json]:
        """Every contact by id."""
        return self._database.contacts

    def contacts_of(self, company_id: int) -> list[Json]:
        """The contacts of one company."""
        return [self._database.contacts[number] for number in self._database.by_company.get(company_id, ())]

    def person_of(self, contact: Json) -> Person:
        """A contact as truth and verdict look at it."""
        return person_of(contact)

    def rules(self) -> Rules:
        """A last name is required, and there are no departments."""
        return Rules(
            name_max=fields.CONTACT["firstName"].length,
            title_max=fields.CONTACT["title"].length,
            mail_max=fields.CONTACT["emailAddress"].length,
            phone_max=fields.CONTACT["phone"].length,
            needs_last_name=True,
            splits_extension=True,
            department="none",
        )

    def limits(self) -> Json:
        """Requests of an hour and at once."""
        return self.vendor.limits.as_json()

    def set_limits(self, body: Json) -> None:
        """Change them; `used` is what other integrations have taken of the hour."""
        self.vendor.limits.set(body)

    def describe(self, url: str) -> Json:
        """Address and keys."""
        access = Access()
        return {
            "zone_url": f"{url}/atservicesrest/v1.0/zoneInformation",
            "username": access.username,
            "secret": access.secret,
            "integration_code": access.integration_code,
            "company_id": str(company_of(0)),
            "entra_id_field": "externalID",
        }
