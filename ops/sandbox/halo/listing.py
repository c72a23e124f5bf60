"""Lists of users, clients and sites. HaloPSA API documentation: "Users", query parameters."""

import json
from collections.abc import Iterable
from typing import Any

from ops.sandbox.halo import errors, fields
from ops.sandbox.halo.records import list_row
from ops.sandbox.halo.state import Halo
from ops.sandbox.http import Answer, Json, Request, json_answer
from ops.sandbox.settings import Settings

_SEARCHED = ("name", "firstname", "surname", "emailaddress", "email2", "email3", "login", "networklogin")
_PHONES = ("phonenumber", "mobilenumber", "mobilenumber2", "homenumber")
_EQUALS = 2
DEFAULT_PAGE_SIZE = 50


class Listing:
    """Answers lists."""

    def __init__(self, halo: Halo, settings: Settings) -> None:
        self._halo = halo
        self._settings = settings

    def users(self, request: Request) -> Answer:
        """Users in the short form, those that are inactive only if asked for."""
        asked = _Asked(request)
        conditions = self._advanced(asked)
        users = [user for user in self._of_scope(asked) if _is_wanted(user, asked, conditions)]
        _order(users, asked)
        shown, details = self._cut(request, asked, users)
        if asked.flag("idonly"):
            return json_answer({**details, "users": [{"id": user["id"]} for user in shown]})
        return json_answer({**details, "users": [list_row(self._halo, user, self._settings) for user in shown]})

    def clients(self, request: Request) -> Answer:
        """Clients."""
        return self._records(request, "clients", self._halo.clients.values())

    def sites(self, request: Request) -> Answer:
        """Sites, of one client if it is named."""
        client = _Asked(request).number("client_id")
        sites = [site for site in self._halo.sites.values() if client in (None, site["client_id"])]
        return self._records(request, "sites", sites)

    def _records(self, request: Request, key: str, records: Iterable[Json]) -> Answer:
        asked = _Asked(request)
        search = asked.text("search").casefold()
        found = [
            record
            for record in records
            if asked.shows(is_inactive=record["inactive"]) and search in record["name"].casefold()
        ]
        shown, details = self._cut(request, asked, found)
        return json_answer({**details, key: shown})

    def _of_scope(self, asked: "_Asked") -> list[Json]:
        halo = self._halo
        client, site = asked.number("client_id"), asked.number("site_id")
        ids: Iterable[int] = halo.users if client is None else halo.by_client.get(client, ())
        users = [halo.users[number] for number in ids]
        return users if site is None else [user for user in users if user["site_id"] == site]

    def _advanced(self, asked: "_Asked") -> list[tuple[str, str]]:
        """What advanced_search demands; sites may refuse it as a whole."""
        text = asked.text("advanced_search")
        if not text:
            return []
        try:
            conditions: list[tuple[str, str]] = []
            for entry in json.loads(text):
                name = entry["filter_name"].casefold()
                if int(entry["filter_type"]) != _EQUALS or name not in fields.STRINGS:
                    raise errors.bad_request("Invalid advanced search parameter")
                conditions.append((name, str(entry["filter_value"]).casefold()))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise errors.bad_request("Invalid advanced search parameter") from exc
        if self._settings["halo.refuse_advanced_search"]:
            raise errors.bad_request("Invalid advanced search parameter")
        return conditions

    def _cut(self, request: Request, asked: "_Asked", records: list[Any]) -> tuple[list[Any], Json]:
        """A page if pages are asked for, else all of them or as many as `count` says."""
        lag = int((request.fault or {}).get("by", -1)) if request.is_fault("count_lag") else 0
        details: Json = {"record_count": len(records) + lag}
        if asked.flag("pageinate") or not self._settings["halo.gives_whole_lists"]:
            size = min(asked.number("page_size") or DEFAULT_PAGE_SIZE, self._settings["halo.max_page_size"])
            number = asked.number("page_no") or 1
            records = records[(number - 1) * size : number * size]
            details = {"page_no": number, "page_size": size, **details}
        elif (most := asked.number("count")) is not None:
            records = records[:most]
        if request.is_fault("empty_page"):
            records = []
        if request.is_fault("missing_items"):
            records = records[: -int((request.fault or {}).get("count", 1))]
        return records, details


class _Asked:
    """The parameters of a list, their names compared without case."""

    def __init__(self, request: Request) -> None:
        self._values = {name.casefold(): value for name, value in request.query.items()}

    def text(self, name: str) -> str:
        """A parameter, empty without."""
        return self._values.get(name, "").strip()

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A truth value, as true or True."""
        return {"true": True, "false": False}.get(self.text(name).casefold(), default)

    def number(self, name: str) -> int | None:
        """A number; anything else is refused."""
        text = self.text(name)
        if not text:
            return None
        if not text.isdigit():
            raise errors.bad_request(f"The value '{text}' is not valid for {name}.")
        return int(text)

    def shows(self, *, is_inactive: bool) -> bool:
        """Whether such a record is shown: active ones unless told otherwise, inactive ones only if told."""
        active, _, inactive = self.text("activeinactive").casefold().partition(",")
        if is_inactive:
            return self.flag("includeinactive", default=inactive == "true")
        return self.flag("includeactive", default=active != "false")


def _is_wanted(user: Json, asked: _Asked, conditions: list[tuple[str, str]]) -> bool:
    if not asked.shows(is_inactive=user["inactive"]):
        return False
    if asked.flag("exclude_generaluser") and user["name"] == fields.GENERAL_USER:
        return False
    if asked.text("integration_type").casefold() == "azure" and not user["azureoid"]:
        return False
    since = asked.text("lastupdatefromdate")
    if since and user["lastupdate"] < since:
        return False
    search = asked.text("search").casefold()
    places = _SEARCHED + (_PHONES if asked.flag("search_phonenumbers") else ())
    if search and not any(search in user[name].casefold() for name in places):
        return False
    return all(str(user[name]).casefold() == value for name, value in conditions)


def _order(users: list[Json], asked: _Asked) -> None:
    """By the field asked for, by name otherwise; equal ones by id."""
    name = asked.text("order").casefold() or "name"
    if name not in {"id", *fields.STRINGS}:
        raise errors.bad_request(f"Invalid column name '{name}'.")
    users.sort(key=lambda user: user["id"])
    if name != "id":
        users.sort(key=lambda user: user[name].casefold())
    if asked.flag("orderdesc"):
        users.reverse()
