"""From values sent to the user that is stored, and from it to the shapes that lists and details answer."""

from typing import Any

from ops.sandbox.halo import errors, fields
from ops.sandbox.halo.state import Halo
from ops.sandbox.http import Json
from ops.sandbox.settings import Settings


class Builder:
    """Builds one user: `previous` is what the values are laid over. Unknown names are passed over."""

    def __init__(self, halo: Halo, settings: Settings) -> None:
        self._halo = halo
        self._settings = settings

    def build(self, values: Json, previous: Json) -> Json:
        """Return the whole user; raises HaloError at the first value that is refused."""
        user = dict(previous)
        sent = {str(name).casefold(): value for name, value in values.items()}
        for name in fields.STRINGS:
            if name in sent:
                user[name] = self._string(name, sent[name])
        for name in fields.BOOLEANS:
            if name in sent:
                user[name] = _boolean(name, sent[name])
        if "site_id" in sent:
            user["site_id"] = self._site(sent["site_id"])
        if "customfields" in sent:
            user["customfields"] = _custom_fields(sent["customfields"], previous["customfields"])
        for name in ("name", "site_id"):
            if not user[name]:
                raise errors.bad_request(f"A value is required for {name}")
        user["lastupdate"] = self._halo.now()
        return user

    def _string(self, name: str, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise errors.bad_request(f"The value of {name} must be a string")
        most = self._settings["halo.max_length"]
        if most and len(value) > most:
            raise errors.bad_request(f"String or binary data would be truncated in {name}")
        return value

    def _site(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise errors.bad_request(f"The JSON value could not be converted to System.Int32: site_id {value}")
        site = self._halo.sites.get(value)
        if site is None or site["inactive"]:
            raise errors.bad_request(f"Site {value} does not exist")
        return value


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise errors.bad_request(f"The JSON value could not be converted to System.Boolean: {name}")
    return value


def _custom_fields(sent: Any, stored: list[Json]) -> list[Json]:
    """Those that are named change, by id or by name."""
    if not isinstance(sent, list) or not all(isinstance(entry, dict) for entry in sent):
        raise errors.bad_request("customfields must be an array")
    values = {entry["id"]: entry["value"] for entry in stored}
    by_name = {name: number for number, name in fields.CUSTOM_FIELDS.items()}
    for entry in sent:
        number = entry.get("id") or by_name.get(str(entry.get("name")))
        if number not in values:
            raise errors.bad_request(f"There is no custom field {entry.get('name') or number}")
        values[number] = entry.get("value")
    return [{"id": number, "name": fields.CUSTOM_FIELDS[number], "value": value} for number, value in values.items()]


def list_row(halo: Halo, user: Json, settings: Settings) -> Json:
    """A user as lists show one: short, without the object id, and the site as a double."""
    site = halo.sites[user["site_id"]]
    client = halo.clients[site["client_id"]]
    return {
        "id": user["id"],
        "site_id": float(site["id"]),
        "site_id_int": site["id"],
        "site_name": site["name"],
        "client_id": client["id"],
        "client_name": client["name"],
        **{name: user[name] for name in fields.LIST_STRINGS},
        **{name: user[name] for name in fields.BOOLEANS},
        "azure_id": user["azureoid"] if settings["halo.azure_id_in_lists"] else "",
        "customfields": [],
        "use": "user",
    }


def detail(halo: Halo, user: Json, settings: Settings) -> Json:
    """A user in whole."""
    department = user["department"]
    return {
        **list_row(halo, user, settings),
        **{name: user[name] for name in fields.DETAIL_STRINGS},
        "azure_connectionid": user["azure_connectionid"],
        "customfields": user["customfields"],
        "departments": [{"id": 1, "name": department}] if department else [],
        "addresses": [],
        "primary_address": {},
        "lastupdate": user["lastupdate"],
    }
