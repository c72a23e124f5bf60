"""One HaloPSA, as the world holds it."""

from collections.abc import Mapping

from ops.sandbox.audit import Audit
from ops.sandbox.clock import Clock
from ops.sandbox.halo import seed
from ops.sandbox.halo.by_hand import ByHand
from ops.sandbox.halo.routes import DOCUMENTED_PER_5_MINUTES, HaloPsa
from ops.sandbox.halo.state import Access, Halo
from ops.sandbox.halo.view import person_of
from ops.sandbox.http import Json
from ops.sandbox.installation import Operation
from ops.sandbox.limits import Window
from ops.sandbox.people import Known, Person, Rules
from ops.sandbox.seeding import company_of
from ops.sandbox.settings import Settings


class HaloInstallation:
    """A hosted HaloPSA."""

    def __init__(self, clock: Clock, audit: Audit, settings: Settings) -> None:
        self._halo = Halo(clock, audit)
        self.vendor = HaloPsa(self._halo, settings)

    def operations(self) -> Mapping[str, Operation]:
        """What can be done by hand."""
        return ByHand(self._halo, self.vendor.writer).operations

    def load_tables(self) -> None:
        """Fill clients that belong to no tenant."""
        seed.load_tables(self._halo, self.vendor.writer)

    def load_company(self, company_id: int, *, identifier: str, name: str) -> None:
        """Add the client of a tenant."""
        seed.add_client(self._halo, self.vendor.writer, company_id, identifier=identifier, name=name)

    def load_contacts(self, contacts: list[Known]) -> None:
        """Store users without a trace."""
        seed.load_users(self._halo, self.vendor.writer, contacts)

    def contacts(self) -> Mapping[int, Json]:
        """Every user by id."""
        return self._halo.users

    def contacts_of(self, company_id: int) -> list[Json]:
        """The users of one client."""
        return [self._halo.users[number] for number in self._halo.by_client.get(company_id, ())]

    def person_of(self, contact: Json) -> Person:
        """A user as truth and verdict look at one."""
        return person_of(self._halo, contact)

    def rules(self) -> Rules:
        """No length is documented; departments are free text, an extension stays in the number."""
        return Rules(
            name_max=None,
            title_max=None,
            mail_max=None,
            phone_max=None,
            needs_last_name=False,
            splits_extension=False,
            department="text",
        )

    def limits(self) -> Json:
        """Requests of five minutes."""
        return {"per_5_minutes": self.vendor.window.limit}

    def set_limits(self, body: Json) -> None:
        """Change them."""
        limit = body.get("per_5_minutes")
        self.vendor.window = Window(DOCUMENTED_PER_5_MINUTES if limit is None else int(limit), 300)

    def describe(self, url: str) -> Json:
        """Addresses and keys."""
        access = Access()
        return {
            "resource_url": f"{url}/api",
            "auth_url": f"{url}/auth",
            "tenant": access.tenant,
            "client_id": access.client_id,
            "client_secret": access.client_secret,
            "company_id": str(company_of(0)),
            "entra_id_field": "azureoid",
        }
