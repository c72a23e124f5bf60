"""What somebody does by hand in ConnectWise PSA."""

from ops.sandbox.connectwise.seed import add_company
from ops.sandbox.connectwise.state import Psa
from ops.sandbox.connectwise.writes import Writer
from ops.sandbox.http import Json
from ops.sandbox.installation import Operation

_INACTIVE = {"status": {"id": 2, "name": "Inactive", "_info": {}}}


class ByHand:
    """The operations `psa.*`."""

    def __init__(self, psa: Psa, writer: Writer) -> None:
        self._psa = psa
        self._writer = writer
        self.operations: dict[str, Operation] = {
            "psa.create_contact": self._create_contact,
            "psa.update_contact": self._update_contact,
            "psa.deactivate_contact": lambda op: self._set_contact(op, {"inactiveFlag": True}),
            "psa.activate_contact": lambda op: self._set_contact(op, {"inactiveFlag": False}),
            "psa.delete_contact": self._delete_contact,
            "psa.move_contact": lambda op: self._set_contact(op, {"company": {"id": int(op["company"])}}),
            "psa.merge_contacts": self._merge_contacts,
            "psa.create_company": self._create_company,
            "psa.update_company": lambda op: self._set_company(op, op["set"]),
            "psa.deactivate_company": lambda op: self._set_company(op, _INACTIVE),
            "psa.delete_company": lambda op: self._set_company(op, {"deletedFlag": True}),
            "psa.set_credentials": self._set_credentials,
            "psa.upgrade": self._upgrade,
        }

    def _create_contact(self, operation: Json) -> Json:
        return self._writer.create({"company": {"id": int(operation["company"])}, **operation["set"]}, by="hand")

    def _update_contact(self, operation: Json) -> Json:
        if "patch" in operation:
            return self._writer.patch(int(operation["contact"]), operation["patch"], by="hand")
        return self._set_contact(operation, operation["set"])

    def _set_contact(self, operation: Json, values: Json) -> Json:
        return self._writer.update(int(operation["contact"]), values, by="hand")

    def _delete_contact(self, operation: Json) -> Json:
        self._writer.delete(int(operation["contact"]), transfer_to=None, by="hand")
        return {}

    def _merge_contacts(self, operation: Json) -> Json:
        """What the survivor lacks of the other one's communication items goes over to it; the other one is deleted."""
        merged, into = int(operation["contact"]), int(operation["into"])
        survivor = self._writer.find(into)
        items = list(survivor.get("communicationItems") or ())
        known = {item["value"].casefold() for item in items}
        items += [
            {name: value for name, value in item.items() if name != "id"} | {"defaultFlag": False}
            for item in self._writer.find(merged).get("communicationItems") or ()
            if item["value"].casefold() not in known
        ]
        changed = self._writer.update(into, {"communicationItems": items}, by="hand")
        self._writer.delete(merged, transfer_to=into, by="hand")
        return changed

    def _create_company(self, operation: Json) -> Json:
        values = operation["set"]
        number = int(values.get("id", max(self._psa.companies) + 1))
        return add_company(self._psa, number, identifier=values["identifier"], name=values["name"])

    def _set_company(self, operation: Json, values: Json) -> Json:
        psa, number = self._psa, int(operation["company"])
        psa.companies[number] = {**psa.companies[number], **values}
        psa.rewrite_company(number)
        psa.version += 1
        return psa.companies[number]

    def _set_credentials(self, operation: Json) -> Json:
        access = self._psa.access
        for key in ("private_key", "public_key", "client_id"):
            if key in operation:
                setattr(access, key, operation[key])
        if "rights" in operation:
            access.rights = set(operation["rights"])
        return {}

    def _upgrade(self, operation: Json) -> Json:
        self._psa.access.codebase = str(operation["codebase"]).strip("/") + "/"
        return {}
