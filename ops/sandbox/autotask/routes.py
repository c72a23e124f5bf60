"""Autotask PSA's REST interface: zones, who may call, what is called, how fast.

autotask.net developer help: "Authentication", "API zones", "REST API calls".
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ops.sandbox.autotask import errors, fields
from ops.sandbox.autotask.errors import AutotaskError
from ops.sandbox.autotask.listing import Listing
from ops.sandbox.autotask.state import Database
from ops.sandbox.autotask.thresholds import DOCUMENTED_PER_HOUR, OVER, Limits
from ops.sandbox.autotask.writes import Writer
from ops.sandbox.http import Answer, Headers, Json, Request, Router, json_answer
from ops.sandbox.settings import Settings
from ops.sandbox.vendor import unhurried

_BASE = re.compile(r"^(?P<zone>/[^/]+)?/atservicesrest(?P<path>/.*)$", re.IGNORECASE)
_COLLECTIONS = {"Contacts": "Contact", "Companies": "Company", "CompanyLocations": "CompanyLocation"}
_COLLECTIONS["Countries"] = "Country"
_ZONE_LOOK_UP = "/v1.0/zoneInformation"
Action = Callable[[Request, dict[str, str]], Answer]


class Autotask:
    """The vendor `autotask`."""

    name = "autotask"

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self.limits = Limits(settings)
        self.writer = Writer(database)
        self._listing = Listing(database)
        self._router = Router()
        self._spelling: dict[str, str] = {}
        self._add_routes()

    def _add(self, methods: str, template: str, action: Action) -> None:
        """Register a template; paths are compared without case."""
        self._router.add(methods, template.lower(), action)
        self._spelling[template.lower()] = template

    def _add_routes(self) -> None:
        for collection, entity in _COLLECTIONS.items():
            self._add_entity(f"/V1.0/{collection}", collection, entity)
        contacts = "/V1.0/Companies/{company}/Contacts"
        self._add("GET", "/V1.0/Contacts/entityInformation/userDefinedFields", _user_defined_fields)
        self._add("POST", contacts, self._create)
        self._add("PATCH PUT", contacts, self._change)
        self._add("DELETE", contacts + "/{id}", self._delete)
        self._add("GET", "/V1.0/ThresholdInformation", self._threshold)
        self._add("GET", "/VersionInformation", lambda *_: json_answer({"apiVersions": ["1.0"]}))

    def _add_entity(self, path: str, collection: str, entity: str) -> None:
        """Queries and descriptions; every other verb on these addresses is refused as unsupported."""
        listing = self._listing
        reads = self._reads(entity)
        self._add("GET POST PATCH PUT DELETE", path, _unsupported)
        self._add("GET", path + "/{id}", reads(lambda request, values: self._item(request, values, entity)))
        self._add("GET POST", path + "/query", reads(lambda r, _: listing.page(r, entity, base=self._base(r, path))))
        self._add("GET POST", path + "/query/count", reads(lambda request, _: listing.count(request, entity)))
        self._add(
            "GET POST",
            path + "/query/next",
            reads(lambda request, _: listing.next_page(request, entity, base=self._base(request, path))),
        )
        self._add("GET", path + "/entityInformation", lambda *_: json_answer({"info": self._entity(collection)}))
        self._add("GET", path + "/entityInformation/fields", lambda *_: json_answer(_described(entity)))

    def _base(self, request: Request, path: str) -> str:
        return f"{request.base_url}/{self._database.access.zone}/ATServicesRest{path}"

    def handles(self, path: str) -> bool:
        """Whether the path belongs to this vendor."""
        return _BASE.match(path) is not None

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters."""
        path = self._path(request)
        if path == _ZONE_LOOK_UP.lower():
            return _ZONE_LOOK_UP
        found = self._router.find(path)
        return self._spelling[found[0]] if found else "unknown"

    @staticmethod
    def _path(request: Request) -> str:
        match = _BASE.match(request.path)
        return match["path"].lower().rstrip("/") if match else ""

    def tenant_of(self, request: Request) -> str | None:
        """A PSA knows no tenants."""
        return None

    def place(self, request: Request) -> AbstractContextManager[float]:
        """A thread of the entity's endpoint; the zone look-up is free."""
        path = self._path(request)
        if path == _ZONE_LOOK_UP.lower():
            return unhurried()
        parts = path.split("/")
        is_child = len(parts) > 4 and parts[2] == "companies" and parts[4] == "contacts"
        return self.limits.place(request, "contacts" if is_child else parts[min(2, len(parts) - 1)])

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        path = self._path(request)
        try:
            if path == _ZONE_LOOK_UP.lower():
                return self._zone(request)
            if request.notes.get(OVER):
                text = errors.THREADS.format(most=self.limits.threads)
                return errors.throttled(text, self._settings["autotask.thread_status"], [])
            if wait_s := self.limits.take():
                headers: Headers = [("retry-after", str(int(wait_s) + 1))]
                return self.throttled(request, headers)
            return self._dispatch(request, path)
        except AutotaskError as error:
            return error.answer()

    def _dispatch(self, request: Request, path: str) -> Answer:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        found = self._router.find(path)
        if found is None:
            return errors.no_resource(request.path)
        handler = found[2].get(request.method)
        return handler(request, found[1]) if handler else errors.wrong_verb(request.method)

    def _refusal(self, request: Request) -> Answer | None:
        """Check zone and headers. A wrong zone looks like a wrong secret."""
        access, headers = self._database.access, request.headers
        match = _BASE.match(request.path)
        zone = (match["zone"] or "").strip("/") if match else ""
        is_known = headers.get("username", "").casefold() == access.username.casefold()
        if zone.casefold() != access.zone.casefold() or not is_known or headers.get("secret") != access.secret:
            return Answer(401)
        if headers.get("apiintegrationcode") != access.integration_code:
            raise AutotaskError("IntegrationCode is invalid.")
        return None

    def error(self, request: Request, status: int) -> Answer:
        """An answer of the vendor's shape for a fault."""
        return json_answer({"errors": ["An unexpected error has occurred."]}, status)

    def throttled(self, request: Request, headers: Headers) -> Answer:
        """The hour is used up."""
        return errors.throttled(errors.HOUR.format(most=self.limits.per_hour), 429, list(headers))

    def _zone(self, request: Request) -> Answer:
        access = self._database.access
        user = next((value for name, value in request.query.items() if name.casefold() == "user"), "")
        if user.casefold() != access.username.casefold():
            raise AutotaskError("Zone information could not be determined")
        zone = {
            "zoneName": f"Sandbox {access.zone}",
            "url": f"{request.base_url}/{access.zone}/ATServicesRest/",
            "webUrl": f"{request.base_url}/{access.zone}/",
            "ci": 123_456,
        }
        return json_answer(zone)

    def _reads(self, entity: str) -> Callable[[Action], Action]:
        right = "contacts.read" if entity == "Contact" else "companies.read"

        def guard(action: Action) -> Action:
            def handle(request: Request, values: dict[str, str]) -> Answer:
                self._demand(right, "query", entity)
                return action(request, values)

            return handle

        return guard

    def _demand(self, right: str, verb: str, entity: str) -> None:
        if right not in self._database.access.rights:
            raise AutotaskError(errors.RIGHTS.format(verb=verb, entity=entity))

    def _item(self, request: Request, values: dict[str, str], entity: str) -> Answer:
        number = _id(values["id"])
        database = self._database
        tables = (database.contacts, database.companies, database.locations, database.countries)
        item = dict(zip(_COLLECTIONS.values(), tables, strict=True))[entity].get(number)
        if item is None and self._settings["autotask.missing_item"] == "404":
            return json_answer({"errors": [f"No {entity} with id {number}."]}, 404)
        return json_answer({"item": item})

    def _entity(self, collection: str) -> Json:
        rights = self._database.access.rights
        is_contact = collection == "Contacts"
        may_write = is_contact and "contacts.write" in rights
        return {
            "name": _COLLECTIONS[collection],
            "canCreate": may_write,
            "canUpdate": may_write,
            "canQuery": ("contacts.read" if is_contact else "companies.read") in rights,
            "canDelete": may_write,
            "hasUserDefinedFields": is_contact,
            "supportsWebhookCallouts": is_contact,
            "userAccessForCreate": "All" if may_write else "None",
            "userAccessForQuery": "All",
            "userAccessForUpdate": "All" if may_write else "None",
            "userAccessForDelete": "All" if may_write else "None",
        }

    def _threshold(self, request: Request, values: dict[str, str]) -> Answer:
        limit = self.limits.per_hour or DOCUMENTED_PER_HOUR
        used = self.limits.used()
        return json_answer(
            {
                "externalRequestThreshold": limit,
                "requestThresholdTimeframe": 60,
                "currentTimeframeRequestCount": used,
            }
        )

    def _create(self, request: Request, values: dict[str, str]) -> Answer:
        self._demand("contacts.write", "create", "Contact")
        contact = self.writer.create(_id(values["company"]), _json(request), by="api")
        return json_answer({"itemId": contact["id"]})

    def _change(self, request: Request, values: dict[str, str]) -> Answer:
        self._demand("contacts.write", "update", "Contact")
        is_put = request.method == "PUT"
        contact = self.writer.change(_id(values["company"]), _json(request), replace=is_put, by="api")
        return json_answer({"itemId": contact["id"]})

    def _delete(self, request: Request, values: dict[str, str]) -> Answer:
        self._demand("contacts.write", "delete", "Contact")
        number = _id(values["id"])
        self.writer.delete(_id(values["company"]), number, by="api")
        return json_answer({"itemId": number})


def _unsupported(request: Request, values: dict[str, str]) -> Answer:
    return errors.wrong_verb(request.method)


def _user_defined_fields(request: Request, values: dict[str, str]) -> Answer:
    return json_answer({"fields": fields.user_defined_fields()})


def _described(entity: str) -> Json:
    return {"fields": [field.as_json() for field in fields.ENTITIES[entity].values()]}


def _id(text: str) -> int:
    if not text.isdigit():
        raise AutotaskError(f"The value '{text}' is not valid.")
    return int(text)


def _json(request: Request) -> Any:
    try:
        return request.json()
    except ValueError as exc:
        raise AutotaskError("The request body is no JSON.") from exc
