"""Writing contacts and their communications."""

from collections.abc import Callable
from typing import Any

from ops.sandbox.connectwise import errors
from ops.sandbox.connectwise.errors import PsaError
from ops.sandbox.connectwise.patch import apply_patch
from ops.sandbox.connectwise.records import Builder
from ops.sandbox.connectwise.state import Psa
from ops.sandbox.http import Json
from ops.sandbox.settings import Settings


class Writer:
    """Builds, stores and writes down; `by` is "api", or "hand" for what a test does behind the product's back."""

    def __init__(self, psa: Psa, settings: Settings) -> None:
        self._psa = psa
        self._settings = settings

    def create(self, values: Any, *, by: str) -> Json:
        """Add a contact."""
        if not isinstance(values, dict):
            raise errors.invalid([errors.field_error("contact", "A contact must be an object.", "InvalidObject")])
        contact = self._builder(by).build(values, None)
        return self._store(contact, by=by)

    def patch(self, contact_id: int, document: Any, *, by: str) -> Json:
        """Change a contact by JSON Patch."""
        contact = self.find(contact_id)
        demand = by == "api" and bool(self._settings["connectwise.demand_custom_fields_op"])
        values = apply_patch(contact, document, demand_custom_fields=demand)
        return self._store(self._builder(by).build(values, contact), by=by)

    def replace(self, contact_id: int, values: Any, *, by: str) -> Json:
        """PUT: what is left out is emptied, custom fields stay, communication items are refused."""
        contact = self.find(contact_id)
        if not isinstance(values, dict) or values.get("communicationItems"):
            message = "The communicationItems field is invalid."
            raise errors.invalid([errors.field_error("communicationItems", message)])
        kept = {key: value for key, value in values.items() if key != "customFields"}
        return self._store(self._builder(by).build(kept, contact), by=by)

    def update(self, contact_id: int, changes: Json, *, by: str) -> Json:
        """Set fields of a contact."""
        contact = self.find(contact_id)
        return self._store(self._builder(by).build({**contact, **changes}, contact), by=by)

    def delete(self, contact_id: int, *, transfer_to: int | None, by: str) -> None:
        """Forget a contact; a company's default contact is in use until its references go to another one."""
        contact = self.find(contact_id)
        if transfer_to is not None:
            self.find(transfer_to)
        elif contact["defaultFlag"] and by == "api":
            raise PsaError(
                409,
                {
                    "code": "Conflict",
                    "message": f"Contact {contact_id} is in use as the default contact of its company.",
                },
            )
        self._psa.delete(contact_id, by=by)

    def change_items(self, contact_id: int, change: Callable[[list[Json]], None]) -> Json:
        """Change the communication items of a contact through its own endpoint."""
        contact = self.find(contact_id)
        items = [dict(item) for item in contact.get("communicationItems") or ()]
        change(items)
        return self.update(contact_id, {"communicationItems": items}, by="api")

    def associate(self, contact_id: int, type_id: int, *, remove: bool = False) -> Json:
        """Link a contact type, or take the link away."""
        contact = self.find(contact_id)
        kind = self._psa.contact_types.get(type_id)
        if kind is None:
            raise errors.invalid(
                [errors.field_error("type/id", f"The type Id {type_id} could not be found.")], "contactTypeAssociation"
            )
        types = [entry for entry in contact.get("types") or () if entry["id"] != type_id]
        if not remove:
            types.append({"id": type_id, "name": kind["description"], "_info": {}})
        changed = {key: value for key, value in contact.items() if key != "types"} | ({"types": types} if types else {})
        return self._store(changed, by="api")

    def find(self, contact_id: int) -> Json:
        """A contact; 404 without."""
        contact = self._psa.contacts.get(contact_id)
        if contact is None:
            raise errors.not_found("Contact", contact_id)
        return contact

    def _builder(self, by: str) -> Builder:
        return Builder(self._psa, self._settings, by="ContactSync" if by == "api" else "Hand")

    def _store(self, contact: Json, *, by: str) -> Json:
        self._psa.put(contact, by=by)
        if contact["defaultFlag"]:
            self._clear_other_defaults(contact)
        return contact

    def _clear_other_defaults(self, contact: Json) -> None:
        for other_id in list(self._psa.by_company.get(contact.get("company", {}).get("id", 0), ())):
            other = self._psa.contacts[other_id]
            if other_id != contact["id"] and other["defaultFlag"]:
                self._psa.put({**other, "defaultFlag": False}, by="server")
