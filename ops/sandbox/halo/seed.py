"""Loads clients, sites and users."""

from typing import Any

from ops.sandbox.halo import fields
from ops.sandbox.halo.state import Halo
from ops.sandbox.halo.view import MOBILE
from ops.sandbox.halo.writes import Writer
from ops.sandbox.http import Json
from ops.sandbox.people import Known

_OTHERS = {
    251: ("CONTOSOBER", "Contoso Berlin", False),
    252: ("FABRIKAM", "Fabrikam (former customer)", True),
    254: ("CATCHALL", "Catchall", False),
}
_EXTRAS = {"fax": "fax", "home": "homenumber", "personal": "email2"}


def add_client(
    halo: Halo, writer: Writer, number: int, *, identifier: str, name: str, is_inactive: bool = False
) -> Json:
    """Add a client with its main site, and that site's "General User", who is nobody."""
    site_id = number * 10 + 1
    client: Json = {
        "id": number,
        "name": name,
        "inactive": is_inactive,
        "main_site_id": site_id,
        "main_site_name": "Main",
        "website": f"www.{identifier.lower()}.example",
        "domain": "",
    }
    halo.clients[number] = client
    halo.sites[site_id] = {
        "id": site_id,
        "name": "Main",
        "client_id": number,
        "client_name": name,
        "inactive": False,
        "emaildomain": "",
        "invoice_address_isdelivery": True,
    }
    halo.store(writer.build_new({"name": fields.GENERAL_USER, "site_id": site_id}))
    return client


def load_tables(halo: Halo, writer: Writer) -> None:
    """Clients that belong to no tenant."""
    for number, (identifier, name, is_inactive) in _OTHERS.items():
        add_client(halo, writer, number, identifier=identifier, name=name, is_inactive=is_inactive)


def load_users(halo: Halo, writer: Writer, contacts: list[Known]) -> None:
    """Store users as they stood before the first synchronisation, without a trace in the audit."""
    for known in contacts:
        phone = known.phone.strip()
        values: dict[str, Any] = {
            "name": f"{known.first_name} {known.last_name}".strip(),
            "firstname": known.first_name,
            "surname": known.last_name,
            "title": known.job_title,
            "site_id": known.company_id * 10 + 1,
            "phonenumber": f"{phone} x{known.extension}" if known.extension else phone,
            MOBILE: known.mobile.strip(),
            "department": known.department,
            "azureoid": known.object_id,
            "inactive": not known.active,
            "isimportantcontact": known.company_default,
            "isimportantcontact2": known.billing,
            **dict(zip(fields.ADDRESSES, known.emails, strict=False)),
            **{_EXTRAS[kind]: value for kind, value in known.extras},
        }
        if known.custom_value:
            values["customfields"] = [{"id": 221, "value": known.custom_value}]
        halo.store(writer.build_new(values))
