"""Loads companies, tables and contacts."""

from typing import Any

from ops.sandbox import names
from ops.sandbox.connectwise import state
from ops.sandbox.connectwise.records import Builder, company_reference
from ops.sandbox.connectwise.state import CUSTOM_FIELD_ID, Psa
from ops.sandbox.http import Json
from ops.sandbox.people import Known
from ops.sandbox.settings import Settings

_SEEDED_AT = "2026-01-01T00:00:00Z"
_OTHERS = {
    251: ("CONTOSOBER", "Contoso Berlin", "Active"),
    252: ("FABRIKAM", "Fabrikam (former customer)", "Inactive"),
    253: ("GONE", "Deleted Company", "Active"),
    254: ("CATCHALL", "Catchall", "Active"),
}
_STATUS = {"Active": 1, "Inactive": 2}
_EXTRAS = {"fax": state.FAX, "home": state.HOME, "personal": state.PERSONAL_EMAIL}


def add_company(psa: Psa, company_id: int, *, identifier: str, name: str, status: str = "Active") -> Json:
    """Add a company with its only site."""
    company: Json = {
        "id": company_id,
        "identifier": identifier,
        "name": name,
        "status": {"id": _STATUS[status], "name": status, "_info": {}},
        "website": f"www.{identifier.lower()}.example",
        "deletedFlag": False,
        "types": [{"id": 1, "name": "Client", "_info": {}}],
        "_info": {"lastUpdated": _SEEDED_AT, "updatedBy": "Hand"},
    }
    site = _site(company_id * 10 + 1, "Main", company, primary=True)
    company["site"] = {"id": site["id"], "name": site["name"], "_info": {}}
    psa.companies[company_id] = company
    psa.sites[site["id"]] = site
    return company


def _site(number: int, name: str, company: Json, *, primary: bool) -> Json:
    return {
        "id": number,
        "name": name,
        "company": company_reference(company),
        "primaryAddressFlag": primary,
        "inactiveFlag": False,
        "_info": {"lastUpdated": _SEEDED_AT},
    }


def _table(texts: tuple[str, ...], key: str, first: int = 1) -> dict[int, Json]:
    return {number: {"id": number, key: text, "_info": {}} for number, text in enumerate(texts, first)}


def load_tables(psa: Psa) -> None:
    """Companies that belong to no tenant, and the small tables."""
    for number, (identifier, name, status) in _OTHERS.items():
        add_company(psa, number, identifier=identifier, name=name, status=status)
    psa.companies[253]["deletedFlag"] = True
    psa.departments = _table(names.DEPARTMENTS, "name", 5)
    psa.relationships = _table(("Spouse", "Assistant"), "name")
    psa.contact_types = _table(("Decision Maker", "End User", "Employee", "Approver"), "description", 3)
    psa.countries = _table(tuple(sorted({region.country for region in names.REGIONS})), "name")


def _items(known: Known) -> list[Json]:
    items: list[Json] = [
        {"type": {"id": state.EMAIL}, "value": address, "defaultFlag": index == 0}
        for index, address in enumerate(known.emails)
    ]
    if known.phone:
        direct: Json = {"type": {"id": state.DIRECT}, "value": known.phone.strip(), "defaultFlag": True}
        items.append(direct | ({"extension": known.extension} if known.extension else {}))
    if known.mobile:
        items.append({"type": {"id": state.CELL}, "value": known.mobile.strip(), "defaultFlag": not known.phone})
    items += [{"type": {"id": _EXTRAS[kind]}, "value": value} for kind, value in known.extras]
    return items


def load_contacts(psa: Psa, settings: Settings, contacts: list[Known]) -> None:
    """Store contacts as they stood before the first synchronisation, without a trace in the audit."""
    departments = {record["name"].casefold(): number for number, record in psa.departments.items()}
    for known in contacts:
        department = departments.get(known.department.casefold())
        values: dict[str, Any] = {
            "firstName": known.first_name,
            "lastName": known.last_name,
            "title": known.job_title,
            "company": {"id": known.company_id},
            "department": {"id": department} if department else None,
            "inactiveFlag": not known.active,
            "defaultFlag": known.company_default,
            "defaultBillingFlag": known.billing,
            "userDefinedField10": known.object_id,
            "communicationItems": _items(known),
            "typeIds": [5] if len(known.emails) % 2 else None,
            "customFields": [{"id": CUSTOM_FIELD_ID, "value": known.custom_value}] if known.custom_value else None,
        }
        psa.store(Builder(psa, settings, by="Hand").build(values, None))
