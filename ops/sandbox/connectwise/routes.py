"""ConnectWise PSA's REST interface: who may call, what is called, how fast."""

import base64
import binascii
import random
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ops.sandbox.connectwise import errors, fields
from ops.sandbox.connectwise.errors import PsaError
from ops.sandbox.connectwise.fields import definition_of
from ops.sandbox.connectwise.listing import Listing, parameter
from ops.sandbox.connectwise.records import custom_field
from ops.sandbox.connectwise.state import Psa
from ops.sandbox.connectwise.writes import Writer
from ops.sandbox.http import Answer, Headers, Json, Request, Router, html_answer, json_answer
from ops.sandbox.limits import Window
from ops.sandbox.settings import Settings
from ops.sandbox.vendor import unhurried

DOCUMENTED_PER_MINUTE = 1_000  # Developer Guide, rate limiting
_BASE = re.compile(r"^/(?P<codebase>[^/]+)/apis/3\.0(?P<path>/.*)$")
_ON_PREMISE = "v4_6_release"
Action = Callable[[Request, dict[str, str]], Answer]


class ConnectWise:
    """The vendor `connectwise`."""

    name = "connectwise"

    def __init__(self, psa: Psa, settings: Settings) -> None:
        self.psa = psa
        self._settings = settings
        self.window = Window(DOCUMENTED_PER_MINUTE, 60)
        self._listing = Listing(psa)
        self.writer = Writer(psa, settings)
        self._router = Router()
        self._add_routes()

    def _add_routes(self) -> None:
        add, contact = self._router.add, "/company/contacts/{id}"
        add("GET", "/company/contacts", self._reads(lambda request, _: self._listing.contacts(request)))
        add("POST", "/company/contacts", self._writes(self._create))
        add("GET", "/company/contacts/count", self._reads(lambda request, _: self._listing.count_contacts(request)))
        add("GET", "/company/contacts/default", self._reads(self._default_contact))
        add("GET", contact, self._reads(self._get))
        add("PATCH", contact, self._writes(self._patch))
        add("PUT", contact, self._writes(self._put))
        add("DELETE", contact, self._writes(self._delete))
        add("GET", contact + "/usages", self._reads(self._usages))
        add("GET", contact + "/communications", self._reads(self._communications))
        add("POST", contact + "/communications", self._writes(self._add_communication))
        add("GET", contact + "/communications/count", self._reads(self._count_communications))
        add("GET", contact + "/communications/{item}", self._reads(self._communication))
        add("PUT PATCH", contact + "/communications/{item}", self._writes(self._change_communication))
        add("DELETE", contact + "/communications/{item}", self._writes(self._remove_communication))
        add("GET", contact + "/typeAssociations", self._reads(self._associations))
        add("POST", contact + "/typeAssociations", self._writes(self._associate))
        add("DELETE", contact + "/typeAssociations/{item}", self._writes(self._dissociate))
        add("GET", "/company/companies/{id}", self._company_reads(self._company))
        add("GET", "/company/companies/{id}/sites", self._company_reads(self._sites))
        add("GET", "/company/m365contactsync/info", lambda *_: json_answer({"enabledFlag": False}))
        add("GET", "/system/m365contactsync/info", lambda *_: json_answer({"m365ContactSyncEnabledFlag": False}))
        add("GET", "/company/m365contact", lambda *_: json_answer([]))
        add("GET", "/system/info", self._system_info)
        add(
            "GET",
            "/system/userDefinedFields",
            lambda request, _: self._listing.records(request, self._definitions(), "userDefinedField"),
        )
        self._add_tables()

    def _add_tables(self) -> None:
        psa = self.psa
        tables: dict[str, tuple[str, Callable[[], dict[int, Json]]]] = {
            "/company/companies": ("company", lambda: psa.companies),
            "/company/communicationTypes": ("communicationType", lambda: psa.communication_types),
            "/company/contacts/types": ("contactType", lambda: psa.contact_types),
            "/company/contacts/departments": ("contactDepartment", lambda: psa.departments),
            "/company/contacts/relationships": ("contactRelationship", lambda: psa.relationships),
            "/company/countries": ("country", lambda: psa.countries),
        }
        for path, (resource, table) in tables.items():
            guard = self._company_reads if resource == "company" else lambda action: action
            self._router.add("GET", path, guard(self._table(table, resource)))
            self._router.add("GET", f"{path}/count", guard(self._table_count(table, resource)))

    def _table(self, table: Callable[[], dict[int, Json]], resource: str) -> Action:
        return lambda request, _: self._listing.records(request, table(), resource)

    def _table_count(self, table: Callable[[], dict[int, Json]], resource: str) -> Action:
        return lambda request, _: self._listing.count(request, table(), resource)

    def handles(self, path: str) -> bool:
        """Whether the path belongs to this vendor."""
        return "/apis/3.0" in path or path.startswith("/login/companyinfo")

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters."""
        match = _BASE.match(request.path)
        if match is None:
            return "/login/companyinfo/{id}" if request.path.startswith("/login/") else "unknown"
        found = self._router.find(match["path"])
        return found[0] if found else "unknown"

    def tenant_of(self, request: Request) -> str | None:
        """A PSA knows no tenants."""
        return None

    def place(self, request: Request) -> AbstractContextManager[float]:
        """Requests under way are not counted."""
        return unhurried()

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path.startswith("/login/companyinfo/"):
            return self._company_info(request)
        wait_s = self.window.take()
        if wait_s:
            return self.throttled(request, [("retry-after", str(int(wait_s) + 1))])
        if (
            len(request.base_url) + len(request.path) + len(request.query_string) + 1
            > self._settings["connectwise.max_url"]
        ):
            return html_answer(414, "Request-URI Too Long")
        try:
            return self._dispatch(request)
        except PsaError as error:
            return error.answer()

    def _dispatch(self, request: Request) -> Answer:
        match = _BASE.match(request.path)
        if match is None or "/apis/" in match["path"]:
            return Answer(400, b"Cannot route. Codebase/company is invalid.", [("content-type", "text/plain")])
        codebase = self.psa.access.codebase.strip("/")
        if match["codebase"] not in {codebase, _ON_PREMISE}:
            raise errors.no_endpoint()
        if (refusal := self._refusal(request, forwarded=match["codebase"] == _ON_PREMISE)) is not None:
            return refusal
        found = self._router.find(match["path"])
        if found is None:
            raise errors.no_endpoint()
        handler = found[2].get(request.method)
        if handler is None:
            raise PsaError(405, {"code": "MethodNotAllowed", "message": f"The method {request.method} is not allowed."})
        return handler(request, found[1])

    def _refusal(self, request: Request, *, forwarded: bool) -> Answer | None:
        """Check clientId and key; a bad key on the forwarding path looks like a wrong address."""
        access = self.psa.access
        if not request.headers.get("clientid"):
            return json_answer({"code": "ClientId", "message": "The clientId header is required."}, 401)
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, private_key = base64.b64decode(text if scheme.lower() == "basic" else "").decode().partition(":")
        except (binascii.Error, ValueError):
            user, private_key = "", ""
        company, plus, public_key = user.partition("+")
        if plus and company.casefold() != access.company.casefold():
            return Answer(400, b"Cannot route. Codebase/company is invalid.", [("content-type", "text/plain")])
        good = plus and public_key == access.public_key and private_key == access.private_key
        if not good or request.headers["clientid"].lower() != access.client_id.lower():
            if forwarded:
                return errors.no_endpoint().answer()
            return json_answer({"code": "Unauthorized", "message": "The request is not authorized."}, 401)
        return None

    def error(self, request: Request, status: int) -> Answer:
        """An answer of the vendor's shape for a fault."""
        return json_answer({"code": "ServerError", "message": "An unexpected error has occurred."}, status)

    def throttled(self, request: Request, headers: Headers) -> Answer:
        """A 429; its key is `error`, not `code`."""
        seconds = next((value for name, value in headers if name == "retry-after"), "30")
        body = {"error": "ConnectWiseAPI", "message": f"Too many requests. Please try again in {seconds} seconds."}
        return json_answer(body, 429, list(headers))

    def _company_info(self, request: Request) -> Answer:
        company = request.path.rsplit("/", 1)[-1]
        access = self.psa.access
        if company.casefold() != access.company.casefold():
            return json_answer(None)
        info = {
            "CompanyName": "Example MSP",
            "Codebase": access.codebase,
            "VersionCode": access.codebase.strip("/").replace("_", "."),
            "VersionNumber": "v4.6.99999",
            "CompanyID": access.company,
            "IsCloud": "True",
        }
        return json_answer(info)

    def _reads(self, action: Action) -> Action:
        return self._guarded(action, "contacts.read")

    def _company_reads(self, action: Action) -> Action:
        return self._guarded(action, "companies.read")

    def _writes(self, action: Action) -> Action:
        guarded = self._guarded(action, "contacts.write")

        def handle(request: Request, values: dict[str, str]) -> Answer:
            if request.body and "json" not in request.headers.get("content-type", ""):
                raise PsaError(
                    415, {"code": "UnsupportedMediaType", "message": "The content type must be application/json."}
                )
            return guarded(request, values)

        return handle

    def _guarded(self, action: Action, right: str) -> Action:
        def handle(request: Request, values: dict[str, str]) -> Answer:
            if right not in self.psa.access.rights:
                raise PsaError(
                    403, {"code": "Forbidden", "message": "The API member lacks the security role for this action."}
                )
            return action(request, values)

        return handle

    @staticmethod
    def _json(request: Request) -> Any:
        try:
            return request.json()
        except ValueError as exc:
            raise PsaError(
                400, {"code": "InvalidJson", "message": "The body is not valid JSON.", "errors": None}
            ) from exc

    @staticmethod
    def _shown(request: Request, record: Json, status: int = 200) -> Answer:
        paths = fields.parse_fields(parameter(request, "fields"))
        return json_answer(fields.trim(record, paths) if paths else record, status)

    def _contact(self, values: dict[str, str]) -> Json:
        return self.writer.find(_id(values["id"], "Contact"))

    def _get(self, request: Request, values: dict[str, str]) -> Answer:
        contact = self._contact(values)
        items = contact.get("communicationItems") or []
        if self._settings["connectwise.shuffle_items"] and len(items) > 1:
            contact = {**contact, "communicationItems": random.sample(items, len(items))}
            self.psa.store(contact)
        return self._shown(request, contact)

    def _create(self, request: Request, _: dict[str, str]) -> Answer:
        return self._shown(request, self.writer.create(self._json(request), by="api"), 201)

    def _patch(self, request: Request, values: dict[str, str]) -> Answer:
        contact = self.writer.patch(_id(values["id"], "Contact"), self._json(request), by="api")
        return self._shown(request, contact)

    def _put(self, request: Request, values: dict[str, str]) -> Answer:
        return self._shown(request, self.writer.replace(_id(values["id"], "Contact"), self._json(request), by="api"))

    def _delete(self, request: Request, values: dict[str, str]) -> Answer:
        transfer = parameter(request, "transferContactId")
        transfer_to = int(transfer) if transfer.isdigit() else None
        self.writer.delete(_id(values["id"], "Contact"), transfer_to=transfer_to, by="api")
        return Answer(204)

    def _default_contact(self, request: Request, _: dict[str, str]) -> Answer:
        company_id = _id(parameter(request, "companyId"), "Company")
        contacts = (self.psa.contacts[n] for n in self.psa.by_company.get(company_id, ()))
        contact = next((contact for contact in contacts if contact["defaultFlag"]), None)
        if contact is None:
            raise errors.not_found("Contact", "default")
        return self._shown(request, contact)

    def _usages(self, _: Request, values: dict[str, str]) -> Answer:
        contact = self._contact(values)
        usage = {"name": "Company default contact", "count": 1, "id": contact.get("company", {}).get("id")}
        return json_answer([usage] if contact["defaultFlag"] else [])

    def _items(self, values: dict[str, str]) -> dict[int, Json]:
        contact = self._contact(values)
        return {item["id"]: {**item, "contactId": contact["id"]} for item in contact.get("communicationItems") or ()}

    def _communications(self, request: Request, values: dict[str, str]) -> Answer:
        return self._listing.records(request, self._items(values), "communication")

    def _count_communications(self, _: Request, values: dict[str, str]) -> Answer:
        return json_answer({"count": len(self._items(values))})

    def _communication(self, request: Request, values: dict[str, str]) -> Answer:
        items, number = self._items(values), _id(values["item"], "Communication")
        if number not in items:
            raise errors.not_found("Communication", number)
        return self._shown(request, items[number])

    def _add_communication(self, request: Request, values: dict[str, str]) -> Answer:
        contact = self._contact(values)
        before = set(self._items(values))
        self.writer.change_items(contact["id"], lambda items: items.append({**self._json(request), "id": 0}))
        new = next(item for number, item in self._items(values).items() if number not in before)
        return json_answer(new, 201)

    def _change_communication(self, request: Request, values: dict[str, str]) -> Answer:
        self._communication(request, values)
        contact, number, document = self._contact(values), int(values["item"]), self._json(request)
        if request.method == "PATCH":
            if not isinstance(document, list):
                raise errors.bad_patch("A patch must be an array of operations.")
            document = {str(op["path"]).lstrip("/"): op.get("value") for op in document}

        def change(items: list[Json]) -> None:
            for item in items:
                if item["id"] == number:
                    item.update({**document, "id": number})

        self.writer.change_items(contact["id"], change)
        return json_answer(self._items(values)[number])

    def _remove_communication(self, request: Request, values: dict[str, str]) -> Answer:
        self._communication(request, values)
        contact, number = self._contact(values), int(values["item"])

        def change(items: list[Json]) -> None:
            items[:] = [item for item in items if item["id"] != number]

        self.writer.change_items(contact["id"], change)
        return Answer(204)

    def _association_table(self, values: dict[str, str]) -> dict[int, Json]:
        contact = self._contact(values)
        name = f"{contact['firstName']} {contact.get('lastName', '')}".strip()
        table = {}
        for entry in contact.get("types") or ():
            number = contact["id"] * 1_000 + entry["id"]
            table[number] = {
                "id": number,
                "type": entry,
                "contact": {"id": contact["id"], "name": name, "_info": {}},
                "_info": {},
            }
        return table

    def _associations(self, request: Request, values: dict[str, str]) -> Answer:
        return self._listing.records(request, self._association_table(values), "contactTypeAssociation")

    def _associate(self, request: Request, values: dict[str, str]) -> Answer:
        body = self._json(request)
        type_id = (body.get("type") or {}).get("id") if isinstance(body, dict) else None
        contact = self.writer.associate(self._contact(values)["id"], type_id if isinstance(type_id, int) else 0)
        return json_answer(self._association_table(values)[contact["id"] * 1_000 + int(str(type_id))], 201)

    def _dissociate(self, _: Request, values: dict[str, str]) -> Answer:
        number = _id(values["item"], "ContactTypeAssociation")
        if number not in self._association_table(values):
            raise errors.not_found("ContactTypeAssociation", number)
        self.writer.associate(self._contact(values)["id"], number % 1_000, remove=True)
        return Answer(204)

    def _company(self, request: Request, values: dict[str, str]) -> Answer:
        company = self.psa.companies.get(_id(values["id"], "Company"))
        if company is None:
            raise errors.not_found("Company", values["id"])
        return self._shown(request, company)

    def _sites(self, request: Request, values: dict[str, str]) -> Answer:
        company_id = _id(values["id"], "Company")
        if company_id not in self.psa.companies:
            raise errors.not_found("Company", company_id)
        sites = {number: site for number, site in self.psa.sites.items() if site["company"]["id"] == company_id}
        return self._listing.records(request, sites, "companySite")

    def _definitions(self) -> dict[int, Json]:
        definition = definition_of(custom_field(self._settings))
        return {definition["id"]: definition}

    def _system_info(self, *_: Any) -> Answer:
        access = self.psa.access
        info = {
            "version": access.codebase.strip("/").replace("_", "."),
            "isCloud": True,
            "serverTimeZone": "GMT Standard Time",
            "licenseBits": [],
            "cloudRegion": "EU",
        }
        return json_answer(info)


def _id(text: str, what: str) -> int:
    if not text.isdigit():
        raise errors.not_found(what, text)
    return int(text)
