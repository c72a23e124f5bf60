"""From values sent to the contact that is stored and answered: validation, references, communication items.

developer.connectwise.com: OpenAPI description of contact and communication item; "Developer Guide", error responses.
"""

from typing import Any
from uuid import UUID

from ops.sandbox.connectwise import fields
from ops.sandbox.connectwise.errors import field_error, invalid
from ops.sandbox.connectwise.state import CUSTOM_FIELD_ID, Psa, class_of
from ops.sandbox.http import Json
from ops.sandbox.settings import Settings

_TABLES = {"department": "departments", "relationship": "relationships", "country": "countries"}


def custom_field(settings: Settings, value: Any = None) -> Json:
    """The one custom field of contacts; its value is absent while empty."""
    entry = {
        "id": CUSTOM_FIELD_ID,
        "caption": settings["connectwise.custom_field_caption"],
        "type": "Text",
        "entryMethod": "EntryField",
        "numberOfDecimals": 0,
        "connectWiseId": "f0a4cd11-0000-4000-8000-0000000000cf",
    }
    return entry if value in (None, "") else {**entry, "value": value}


def company_reference(company: Json) -> Json:
    """A company as other records name it."""
    return {"id": company["id"], "identifier": company["identifier"], "name": company["name"], "_info": {}}


class Builder:
    """Builds one contact out of values; `build` raises with every reason for which they are refused."""

    def __init__(self, psa: Psa, settings: Settings, *, by: str) -> None:
        self._psa = psa
        self._settings = settings
        self._by = by
        self._errors: list[Json] = []

    def build(self, values: Json, previous: Json | None) -> Json:
        """Return the whole contact; `previous` is its stored form, None for a new one."""
        contact: Json = {"id": previous["id"] if previous else 0}
        for name in fields.STRINGS:
            self._string(contact, name, values.get(name))
        if not contact.get("firstName"):
            self._errors.append(field_error("firstName", "The firstName field is required.", "MissingRequiredField"))
        self._references(contact, values, previous)
        for name in fields.BOOLEANS:
            self._boolean(contact, name, values.get(name))
        contact["communicationItems"] = self._items(values.get("communicationItems") or [], previous)
        contact["types"] = self._types(values, previous)
        contact["customFields"] = self._custom_fields(values.get("customFields"), previous)
        contact["companyLocation"] = {}
        if self._errors:
            raise invalid(self._errors)
        return self._finished(contact, previous)

    def _finished(self, contact: Json, previous: Json | None) -> Json:
        if previous is None:
            contact["id"] = self._psa.new_contact_id()
        contact["mobileGuid"] = (
            previous["mobileGuid"] if previous else str(UUID(int=contact["id"] << 64 | 0x4000, version=4))
        )
        for item in contact["communicationItems"]:
            if not item["id"]:
                item["id"] = self._psa.new_item_id()
        phone = next(
            (i for i in contact["communicationItems"] if i["communicationType"] == "Phone" and i["defaultFlag"]), None
        )
        if phone is not None:
            contact["defaultPhoneType"] = phone["type"]["name"]
            contact["defaultPhoneNbr"] = phone["value"]
            if phone.get("extension"):
                contact["defaultPhoneExtension"] = phone["extension"]
        for name in ("communicationItems", "types"):
            if not contact[name]:
                del contact[name]  # the vendor leaves empty values out
        contact["_info"] = {"lastUpdated": self._psa.now(), "updatedBy": self._by}
        return contact

    def _refuse(self, field: str, message: str) -> None:
        self._errors.append(field_error(field, message))

    def _string(self, contact: Json, name: str, value: Any) -> None:
        if value is None or value == "":
            return
        if not isinstance(value, str):
            self._refuse(name, f"The {name} field must be a string.")
            return
        limit = fields.STRINGS[name]
        if limit and len(value) > limit and self._settings["connectwise.max_lengths"]:
            self._refuse(name, f"The field {name} must be a string with a maximum length of {limit}.")
        contact[name] = fields.clean(value)

    def _boolean(self, contact: Json, name: str, value: Any) -> None:
        if value is None:
            value = fields.DEFAULTS[name]
        if not isinstance(value, bool):
            self._refuse(name, f"The {name} field must be a boolean.")
        contact[name] = value

    def _references(self, contact: Json, values: Json, previous: Json | None) -> None:
        company = self._company(values.get("company"))
        if company is not None:
            contact["company"] = company_reference(company)
        self._site(contact, values, previous)
        for name, table in _TABLES.items():
            record = self._referenced(name, values.get(name), getattr(self._psa, table))
            if record is not None:
                contact[name] = {"id": record["id"], "name": record["name"], "_info": {}}
        contact.setdefault("relationship", {"_info": {}})  # an empty reference may be an object with only _info
        for name in ("managerContact", "assistantContact"):
            record = self._referenced(name, values.get(name), self._psa.contacts)
            if record is not None:
                full_name = f"{record['firstName']} {record.get('lastName', '')}".strip()
                contact[name] = {"id": record["id"], "name": full_name, "_info": {}}

    def _company(self, value: Any) -> Json | None:
        if value is None:
            return None
        if isinstance(value, dict) and "id" not in value and value.get("identifier"):
            wanted = str(value["identifier"]).casefold()
            company = next((c for c in self._psa.companies.values() if c["identifier"].casefold() == wanted), None)
            if company is None:
                self._refuse("company", f"The company {value['identifier']} could not be found.")
            return company
        company = self._referenced("company", value, self._psa.companies)
        if company is not None and company["deletedFlag"]:
            self._refuse("company/id", f"The company Id {company['id']} could not be found.")
        return company

    def _site(self, contact: Json, values: Json, previous: Json | None) -> None:
        company_id = contact.get("company", {}).get("id")
        site = self._referenced("site", values.get("site"), self._psa.sites)
        if site is not None and site["company"]["id"] != company_id:
            was_sent = previous is None or values.get("site") is not previous.get("site")
            if was_sent:
                self._refuse("site/id", f"The site Id {site['id']} does not belong to the company.")
            site = None  # the site of the old company stays behind when a contact moves
        if site is None and company_id is not None:
            site = next(
                (s for s in self._psa.sites.values() if s["company"]["id"] == company_id and s["primaryAddressFlag"]),
                None,
            )
        if site is not None:
            contact["site"] = {"id": site["id"], "name": site["name"], "_info": {}}

    def _referenced(self, name: str, value: Any, table: dict[int, Json]) -> Json | None:
        if value is None or (isinstance(value, dict) and set(value) <= {"_info"}):
            return None
        number = value.get("id") if isinstance(value, dict) else None
        if isinstance(number, str) and number.isdigit():
            number = int(number)
        if not isinstance(number, int) or isinstance(number, bool):
            self._refuse(name, f"The {name} field needs an id.")
            return None
        record = table.get(number)
        if record is None:
            self._refuse(f"{name}/id", f"The {name} Id {number} could not be found.")
        return record

    def _items(self, sent: Any, previous: Json | None) -> list[Json]:
        if not isinstance(sent, list) or not all(isinstance(item, dict) for item in sent):
            self._refuse("communicationItems", "The communicationItems field must be an array of objects.")
            return []
        old_ids = {item["id"] for item in (previous or {}).get("communicationItems", ())}
        items = [item for item in (self._item(entry, old_ids) for entry in sent) if item is not None]
        return self._one_default_each(items, previous)

    def _item(self, entry: Json, old_ids: set[int]) -> Json | None:
        kind = self._item_type(entry)
        value = entry.get("value")
        if not isinstance(value, str) or not value.strip():
            self._errors.append(
                field_error("communicationItems/value", "The value field is required.", "MissingRequiredField")
            )
            return None
        if kind is None:
            return None
        if len(value) > fields.ITEM_VALUE_MAX:
            self._refuse(
                "communicationItems/value", f"The field value must have a maximum length of {fields.ITEM_VALUE_MAX}."
            )
        extension = entry.get("extension")
        if extension is not None and (not isinstance(extension, str) or len(extension) > fields.ITEM_EXTENSION_MAX):
            self._refuse(
                "communicationItems/extension",
                f"The field extension must have a maximum length of {fields.ITEM_EXTENSION_MAX}.",
            )
        item_id = entry.get("id")
        reference = {"id": kind["id"], "name": kind["description"], "_info": {}}
        item: Json = {"id": item_id if item_id in old_ids else 0, "type": reference, "value": fields.clean(value)}
        if extension:
            item["extension"] = extension
        item["defaultFlag"] = entry.get("defaultFlag") is True
        communication_class = class_of(kind)
        if communication_class == "Email" and "@" in value:
            item["domain"] = "@" + value.rpartition("@")[2]
        item["communicationType"] = communication_class
        return item

    def _item_type(self, entry: Json) -> Json | None:
        number = (entry.get("type") or {}).get("id")
        number = int(number) if isinstance(number, str) and number.isdigit() else number
        kind = self._psa.communication_types.get(number) if isinstance(number, int) else None
        if kind is None:
            self._refuse("communicationItems/type/id", f"The communication type Id {number} could not be found.")
            return None
        if entry.get("communicationType") not in (None, class_of(kind)):
            self._refuse(
                "communicationItems/communicationType",
                f"The type {kind['description']} is not of class {entry['communicationType']}.",
            )
        return kind

    @staticmethod
    def _one_default_each(items: list[Json], previous: Json | None) -> list[Json]:
        """A new default silently clears the older one of its class."""
        old = {item["id"] for item in (previous or {}).get("communicationItems", ()) if item["defaultFlag"]}
        for communication_class in ("Email", "Phone", "Fax"):
            defaults = [i for i in items if i["communicationType"] == communication_class and i["defaultFlag"]]
            chosen = next(
                (i for i in reversed(defaults) if i["id"] not in old or not i["id"]), defaults[-1] if defaults else None
            )
            for item in defaults:
                item["defaultFlag"] = item is chosen
        return items

    def _types(self, values: Json, previous: Json | None) -> list[Json]:
        ids = values.get("typeIds")
        if previous is not None or ids is None:
            return list((previous or {}).get("types", ()))
        known = self._psa.contact_types
        for number in ids:
            if number not in known:
                self._refuse("typeIds", f"The contact type Id {number} could not be found.")
        return [{"id": n, "name": known[n]["description"], "_info": {}} for n in ids if n in known]

    def _custom_fields(self, sent: Any, previous: Json | None) -> list[Json]:
        """Merge by id: what is left out keeps its value, null clears."""
        stored = (previous or {}).get("customFields") or [custom_field(self._settings)]
        value = stored[0].get("value")
        if sent is not None and not isinstance(sent, list):
            self._refuse("customFields", "The customFields field must be an array.")
            return []
        for entry in sent or ():
            number = entry.get("id") if isinstance(entry, dict) else None
            if number != CUSTOM_FIELD_ID:
                self._refuse("customFields", f"The custom field Id {number} could not be found.")
            elif "value" in entry:
                value = entry["value"]
        if value is not None and not isinstance(value, str):
            self._refuse("customFields", "The value of a text field must be a string.")
        return [custom_field(self._settings, value)]
