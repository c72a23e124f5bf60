"""Writing contacts: always through their company, answered with the id alone."""

from typing import Any

from ops.sandbox.autotask import errors
from ops.sandbox.autotask.errors import AutotaskError
from ops.sandbox.autotask.records import Builder, by_field_name, empty_contact
from ops.sandbox.autotask.state import Database
from ops.sandbox.http import Json


class Writer:
    """Builds, stores and writes down; `by` is "api", or "hand" for what a test does behind the product's back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._builder = Builder(database)

    def create(self, company_id: int, values: Any, *, by: str) -> Json:
        """Add a contact."""
        contact = self.build_new(company_id, values)
        self._database.put(contact, by=by)
        self._clear_other_primaries(contact)
        return contact

    def build_new(self, company_id: int, values: Any) -> Json:
        """A contact with an id of its own, not stored yet."""
        named = by_field_name(values)
        if named.setdefault("companyID", company_id) != company_id:
            raise errors.bad_reference("companyID")
        contact = self._builder.build(named, empty_contact())
        contact["id"] = self._database.new_contact_id()
        contact["createDate"] = self._database.now()
        return contact

    def change(self, company_id: int, values: Any, *, replace: bool, by: str) -> Json:
        """Change a contact of a company; `replace` empties every field that is left out."""
        contact = self._named_by(company_id, values)
        named = by_field_name(values)
        if named.get("companyID", company_id) != company_id:
            raise AutotaskError("The parent of a Contact cannot be changed.")
        kept = ("id", "createDate", "companyID")
        previous = {**empty_contact(), **{name: contact[name] for name in kept}} if replace else contact
        changed = self._builder.build(named, previous)
        self._database.put(changed, by=by)
        self._clear_other_primaries(changed)
        return changed

    def update(self, contact_id: int, changes: Json, *, by: str) -> Json:
        """Set fields of a contact, its company too."""
        contact = self.find(contact_id)
        if changes.get("companyID", contact["companyID"]) != contact["companyID"]:
            changes = {"companyLocationID": None, **changes}
        changed = self._builder.build(by_field_name(changes), contact)
        self._database.put(changed, by=by)
        self._clear_other_primaries(changed)
        return changed

    def delete(self, company_id: int, contact_id: int, *, by: str) -> None:
        """Forget a contact; a primary one is refused."""
        contact = self._database.contacts.get(contact_id)
        if contact is None or contact["companyID"] != company_id:
            raise AutotaskError(errors.NOTHING_FOUND)
        if contact["primaryContact"] and by == "api":
            raise AutotaskError("The Contact cannot be deleted: it is the primary contact of its company.")
        self._database.delete(contact_id, by=by)

    def find(self, contact_id: int) -> Json:
        """A contact; refused without."""
        contact = self._database.contacts.get(contact_id)
        if contact is None:
            raise AutotaskError(errors.NOTHING_FOUND)
        return contact

    def _named_by(self, company_id: int, values: Any) -> Json:
        if not isinstance(values, dict):
            raise errors.bad_json("[", "")
        number = next((value for name, value in values.items() if str(name).casefold() == "id"), None)
        if number is None:
            raise errors.missing_field("id")
        if isinstance(number, bool) or not isinstance(number, int):
            raise errors.bad_json(str(number)[:1], "id")
        contact = self._database.contacts.get(number)
        if contact is None or contact["companyID"] != company_id:
            raise AutotaskError("No message. No matching records found.")
        return contact

    def _clear_other_primaries(self, contact: Json) -> None:
        if not contact["primaryContact"]:
            return
        for number in list(self._database.by_company[contact["companyID"]]):
            other = self._database.contacts[number]
            if number != contact["id"] and other["primaryContact"]:
                self._database.put({**other, "primaryContact": False}, by="server")
