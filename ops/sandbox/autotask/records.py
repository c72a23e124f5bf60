"""From values sent to the contact that is stored: kinds, lengths, references, user-defined fields."""

from typing import Any

from ops.sandbox.autotask import errors, fields
from ops.sandbox.autotask.errors import AutotaskError
from ops.sandbox.autotask.fields import Field
from ops.sandbox.autotask.state import Database
from ops.sandbox.http import Json

_ANY_CASE = {name.casefold(): name for name in (*fields.CONTACT, "userDefinedFields")}


def by_field_name(values: Any) -> Json:
    """The values under the vendor's spelling of names, whichever case they came in; read-only ones are passed over."""
    if not isinstance(values, dict):
        raise errors.bad_json("[" if isinstance(values, list) else str(values)[:1], "")
    named: Json = {}
    for name, value in values.items():
        known = _ANY_CASE.get(str(name).casefold())
        if known is None:
            raise errors.unknown_field(str(name), "Contact")
        if known == "userDefinedFields" or not fields.CONTACT[known].read_only:
            named[known] = value
    return named


def empty_contact() -> Json:
    """A contact of which nothing is known."""
    contact: Json = {name: field.empty for name, field in fields.CONTACT.items()}
    contact["userDefinedFields"] = [{"name": label, "value": None} for label in fields.UDF_LABELS]
    return contact


class Builder:
    """Builds one contact: `previous` is what the values are laid over. Raises AutotaskError at the first bad one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def build(self, values: Json, previous: Json) -> Json:
        """Return the whole contact, without touching the older one."""
        contact = dict(previous)
        for name, value in values.items():
            if name == "userDefinedFields":
                contact[name] = _user_defined(value, previous[name])
            else:
                contact[name] = _checked(fields.CONTACT[name], value)
        for name, field in fields.CONTACT.items():
            if field.required and contact[name] in (None, ""):
                raise errors.missing_field(name)
        if contact["isActive"] not in (0, 1):
            raise AutotaskError("Invalid value on field: isActive.")
        self._check_references(contact, previous)
        contact["lastModifiedDate"] = contact["lastActivityDate"] = self._database.now()
        return contact

    def _check_references(self, contact: Json, previous: Json) -> None:
        tables = {
            "companyID": self._database.companies,
            "countryID": self._database.countries,
            "companyLocationID": self._database.locations,
        }
        for name, table in tables.items():
            number = contact[name]
            if number is None or number == previous.get(name):
                continue
            record = table.get(number)
            if record is None or not record["isActive"]:
                raise errors.bad_reference(name)
        location = self._database.locations.get(contact["companyLocationID"])
        if location is not None and location["companyID"] != contact["companyID"]:
            raise errors.bad_reference("companyLocationID")


def _checked(field: Field, value: Any) -> Any:
    if value is None:
        return field.empty
    match field.kind:
        case "string":
            if not isinstance(value, str):
                raise errors.bad_json("{" if isinstance(value, dict) else str(value)[:1], field.name)
            if len(value) > field.length:
                raise AutotaskError(f"The value of field {field.name} exceeds the maximum length of {field.length}.")
            return value or field.empty
        case "boolean":
            if not isinstance(value, bool):
                raise errors.bad_json(str(value)[:1], field.name)
            return value
        case _:
            if isinstance(value, bool) or not isinstance(value, int):
                raise errors.bad_json(str(value)[:1].lower(), field.name)
            return value


def _user_defined(sent: Any, stored: list[Json]) -> list[Json]:
    """Only the fields that are named change."""
    if not isinstance(sent, list) or not all(isinstance(entry, dict) for entry in sent):
        raise errors.bad_json("{", "userDefinedFields")
    values = {entry["name"]: entry["value"] for entry in stored}
    for entry in sent:
        folded = {str(key).casefold(): value for key, value in entry.items()}
        name, value = folded.get("name"), folded.get("value")
        if name not in values:
            raise errors.unknown_field(str(name), "Contact")
        if value is not None and not isinstance(value, str):
            raise errors.bad_json(str(value)[:1], "userDefinedFields")
        if len(value or "") > fields.UDF_LENGTH:
            raise AutotaskError(f"The value of field {name} exceeds the maximum length of {fields.UDF_LENGTH}.")
        values[name] = value or None
    return [{"name": name, "value": value} for name, value in values.items()]
