"""Loads companies, locations, countries and contacts."""

from typing import Any

from ops.sandbox import names
from ops.sandbox.autotask.fields import UDF_LABELS
from ops.sandbox.autotask.state import Database
from ops.sandbox.autotask.writes import Writer
from ops.sandbox.http import Json
from ops.sandbox.people import Known

_SEEDED_AT = "2026-01-01T00:00:00.000Z"
_OWN_COMPANY = 0  # the vendor gives the MSP itself the number 0
_OTHERS = {
    _OWN_COMPANY: ("EXAMPLEMSP", "Example MSP", True),
    251: ("CONTOSOBER", "Contoso Berlin", True),
    252: ("FABRIKAM", "Fabrikam (former customer)", False),
    254: ("CATCHALL", "Catchall", True),
}
_FIRST_COUNTRY = 237
_EXTRAS = {"fax": "faxNumber", "home": "alternatePhone", "personal": "emailAddress2"}


def add_company(database: Database, number: int, *, identifier: str, name: str, is_active: bool = True) -> Json:
    """Add a company with its primary location, and one that is closed."""
    company: Json = {
        "id": number,
        "companyName": name,
        "companyNumber": identifier,
        "companyType": 1,
        "isActive": is_active,
        "phone": "5550000",
        "webAddress": f"www.{identifier.lower()}.example",
        "parentCompanyID": None,
        "createDate": _SEEDED_AT,
        "lastActivityDate": _SEEDED_AT,
    }
    database.companies[number] = company
    for offset, title in ((1, "Main"), (2, "Closed branch")):
        location: Json = {
            "id": number * 10 + offset,
            "companyID": number,
            "name": title,
            "address1": "1 High St",
            "city": "",
            "countryID": None,
            "isActive": offset == 1,
            "isPrimary": offset == 1,
        }
        database.locations[location["id"]] = location
    return company


def load_tables(database: Database) -> None:
    """Companies that belong to no tenant, and countries, one of them inactive."""
    for number, (identifier, name, is_active) in _OTHERS.items():
        add_company(database, number, identifier=identifier, name=name, is_active=is_active)
    regions = {region.country: region.usage for region in names.REGIONS}
    for number, (country, code) in enumerate(sorted(regions.items()), _FIRST_COUNTRY):
        database.countries[number] = _country(number, country, code, is_active=True)
    last = _FIRST_COUNTRY + len(regions)
    database.countries[last] = _country(last, "Yugoslavia", "YU", is_active=False)


def _country(number: int, name: str, code: str, *, is_active: bool) -> Json:
    return {
        "id": number,
        "countryCode": code,
        "displayName": name,
        "name": name,
        "isActive": is_active,
        "isDefaultCountry": code == "DE",
    }


def load_contacts(database: Database, writer: Writer, contacts: list[Known]) -> None:
    """Store contacts as they stood before the first synchronisation, without a trace in the audit."""
    for known in contacts:
        values: dict[str, Any] = {
            "firstName": known.first_name,
            "lastName": known.last_name or "-",
            "isActive": int(known.active),
            "title": known.job_title,
            "phone": known.phone.strip(),
            "extension": known.extension,
            "mobilePhone": known.mobile.strip(),
            "externalID": known.object_id or None,
            "primaryContact": known.company_default,
            "companyLocationID": known.company_id * 10 + 1 if len(known.emails) % 2 else None,
            **dict(zip(("emailAddress", "emailAddress2", "emailAddress3"), known.emails, strict=False)),
            **{_EXTRAS[kind]: value for kind, value in known.extras},
        }
        if known.custom_value:
            values["userDefinedFields"] = [{"name": UDF_LABELS[1], "value": known.custom_value}]
        database.store(writer.build_new(known.company_id, values))
