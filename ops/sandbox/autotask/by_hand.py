"""What somebody does by hand in Autotask."""

from ops.sandbox.autotask.seed import add_company
from ops.sandbox.autotask.state import Database
from ops.sandbox.autotask.writes import Writer
from ops.sandbox.http import Json
from ops.sandbox.installation import Operation

_KEYS = ("username", "secret", "integration_code")


class ByHand:
    """The operations `psa.*`."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self.operations: dict[str, Operation] = {
            "psa.create_contact": self._create_contact,
            "psa.update_contact": lambda op: self._set_contact(op, op["set"]),
            "psa.deactivate_contact": lambda op: self._set_contact(op, {"isActive": 0}),
            "psa.activate_contact": lambda op: self._set_contact(op, {"isActive": 1}),
            "psa.delete_contact": self._delete_contact,
            "psa.move_contact": lambda op: self._set_contact(op, {"companyID": int(op["company"])}),
            "psa.create_company": self._create_company,
            "psa.update_company": lambda op: self._set_company(op, op["set"]),
            "psa.deactivate_company": lambda op: self._set_company(op, {"isActive": False}),
            "psa.delete_company": self._delete_company,
            "psa.set_credentials": self._set_credentials,
            "psa.move_zone": self._move_zone,
        }

    def _create_contact(self, operation: Json) -> Json:
        values = {"isActive": 1, "lastName": "-", **operation["set"]}
        return self._writer.create(int(operation["company"]), values, by="hand")

    def _set_contact(self, operation: Json, values: Json) -> Json:
        return self._writer.update(int(operation["contact"]), values, by="hand")

    def _delete_contact(self, operation: Json) -> Json:
        contact = self._writer.find(int(operation["contact"]))
        self._writer.delete(contact["companyID"], contact["id"], by="hand")
        return {}

    def _create_company(self, operation: Json) -> Json:
        values = operation["set"]
        number = int(values.get("id", max(self._database.companies) + 1))
        return add_company(self._database, number, identifier=values["identifier"], name=values["name"])

    def _set_company(self, operation: Json, values: Json) -> Json:
        number = int(operation["company"])
        named = {{"name": "companyName"}.get(name, name): value for name, value in values.items()}
        self._database.companies[number] = {**self._database.companies[number], **named}
        return self._database.companies[number]

    def _delete_company(self, operation: Json) -> Json:
        number = int(operation["company"])
        del self._database.companies[number]
        for contact_id in list(self._database.by_company.get(number, ())):
            self._database.delete(contact_id, by="hand")
        return {}

    def _set_credentials(self, operation: Json) -> Json:
        access = self._database.access
        for key in _KEYS:
            if key in operation:
                setattr(access, key, operation[key])
        if "rights" in operation:
            access.rights = set(operation["rights"])
        return {}

    def _move_zone(self, operation: Json) -> Json:
        self._database.access.zone = str(operation["zone"])
        return {}
