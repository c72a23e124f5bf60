"""What the world asks of every PSA beside its interface: to be filled, looked at, limited, and changed by hand."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ops.sandbox.http import Json
from ops.sandbox.people import Known, Person, Rules
from ops.sandbox.vendor import Vendor

Operation = Callable[[Json], Any]
"""Something done by hand: takes the operation as it was sent; raises KeyError, ValueError or a RefusalError."""

COMMON_OPERATIONS = frozenset(
    "psa.create_contact psa.update_contact psa.deactivate_contact psa.activate_contact psa.delete_contact "
    "psa.move_contact psa.create_company psa.update_company psa.deactivate_company psa.delete_company "
    "psa.set_credentials".split()
)


class Installation(Protocol):
    """One PSA with its records. Records are replaced, never changed in place, so a shallow copy is a snapshot."""

    @property
    def vendor(self) -> Vendor:
        """Its interface."""

    def operations(self) -> Mapping[str, Operation]:
        """What can be done by hand: all of `COMMON_OPERATIONS`, and what only this vendor has."""

    def load_tables(self) -> None:
        """Fill the small tables, and companies that belong to no tenant."""

    def load_company(self, company_id: int, *, identifier: str, name: str) -> None:
        """Add the company of a tenant."""

    def load_contacts(self, contacts: list[Known]) -> None:
        """Store contacts as they stood before the first synchronisation, without a trace in the audit."""

    def contacts(self) -> Mapping[int, Json]:
        """Every contact by id, in the vendor's shape."""

    def contacts_of(self, company_id: int) -> list[Json]:
        """The contacts of one company, by id."""

    def person_of(self, contact: Json) -> Person:
        """A contact as truth and verdict look at it."""

    def rules(self) -> Rules:
        """What the installation can hold."""

    def limits(self) -> Json:
        """The limits in force."""

    def set_limits(self, body: Json) -> None:
        """Change the limits that are named; null means the documented value, 0 none. What was used is forgotten."""

    def describe(self, url: str) -> Json:
        """How to reach it, for sandbox.json."""
