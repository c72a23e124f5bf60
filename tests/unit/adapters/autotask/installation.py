"""An Autotask of a few lines, for the bytes that matter; the sandbox is the faithful one.

It understands filters, pages by its own links, changes only what a PATCH names, and answers writes with the id alone.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

from adapters.autotask import Access, AutotaskContacts, FieldSettings
from adapters.errors import SyncError
from adapters.limits import Budget, Slots
from tests.fakes.budget import NullBudget
from tests.fakes.slots import NullSlots

REGISTRY = "https://webservices.autotask.net/atservicesrest/v1.0/zoneInformation"
ZONE = "https://webservices14.autotask.net/ATServicesRest"
ACCESS = Access(username="api+sync@msp.example", secret="s3cr3t", integration_code="CODE1", zone_url=REGISTRY)

Json = dict[str, Any]
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

LENGTHS = {
    "firstName": 50,
    "lastName": 50,
    "title": 50,
    "emailAddress": 254,
    "phone": 25,
    "mobilePhone": 25,
    "city": 32,
}
FIELDS: list[Json] = [
    {"name": name, "dataType": "string", "length": length, "isRequired": name in ("firstName", "lastName")}
    for name, length in LENGTHS.items()
] + [
    {"name": "externalID", "dataType": "string", "length": 50},
    {"name": "isActive", "dataType": "integer", "length": 0, "isRequired": True},
    {"name": "countryID", "dataType": "integer", "length": 0, "isReference": True, "picklistValues": None},
]
USER_DEFINED: list[Json] = [
    {"name": "Entra ID", "label": "Entra ID", "type": "string", "length": 50},
    {
        "name": "Kind",
        "label": "Kind",
        "isPickList": True,
        "picklistValues": [
            {"value": "1", "label": "Employee", "isActive": True},
            {"value": "2", "label": "User", "isActive": True},
            {"value": "3", "label": "Old", "isActive": False},
        ],
    },
    {"name": "Hobby", "label": "Hobby", "type": "string"},
]
COUNTRIES: list[Json] = [
    {"id": 49, "displayName": "Germany", "name": "Germany", "countryCode": "DE", "isActive": True},
    {"id": 44, "displayName": "Great Britain", "name": "United Kingdom", "isActive": True},
    {"id": 12, "displayName": "Gone", "name": "Gone", "isActive": False},
]
LOCATIONS: list[Json] = [
    {"id": 7, "companyID": 250, "name": "Main", "isActive": True, "isPrimary": True},
    {"id": 8, "companyID": 250, "name": "Closed", "isActive": False},
    {"id": 9, "companyID": 251, "name": "Main", "isActive": True},
]
EMPTY: Json = {
    "additionalAddressInformation": "",
    "addressLine": "",
    "addressLine1": "",
    "alternatePhone": "",
    "apiVendorID": None,
    "city": "",
    "companyLocationID": None,
    "countryID": None,
    "emailAddress": "",
    "emailAddress2": "",
    "emailAddress3": "",
    "extension": "",
    "externalID": None,
    "faxNumber": "",
    "firstName": "Ann",
    "isActive": 1,
    "lastName": "Example",
    "middleInitial": None,
    "mobilePhone": "",
    "phone": "",
    "primaryContact": False,
    "state": "",
    "title": "",
    "zipCode": "",
}


def refused(*texts: str, status: int = 500, **headers: str) -> httpx.Response:
    """Make the vendor's error body."""
    return httpx.Response(
        status, json={"errors": list(texts)}, headers={name.replace("_", "-"): headers[name] for name in headers}
    )


@dataclass
class Installation:
    """Answers by its script first (but for the zone and the threshold), then as a well-behaved server."""

    contacts: dict[int, Json] = field(default_factory=dict)
    companies: dict[int, Json] = field(default_factory=dict)
    zone: str = ZONE
    registry: list[Answer] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    fields: list[Json] = field(default_factory=lambda: list(FIELDS))
    countries: list[Json] = field(default_factory=lambda: list(COUNTRIES))
    locations: list[Json] = field(default_factory=lambda: list(LOCATIONS))
    rights: Json = field(default_factory=lambda: {"canQuery": True, "canCreate": True, "canUpdate": True})
    threshold: Answer | Json = field(
        default_factory=lambda: {"externalRequestThreshold": 10000, "currentTimeframeRequestCount": 812}
    )
    settings: FieldSettings | None = None
    budget: Budget = field(default_factory=NullBudget)
    slots: Slots = field(default_factory=NullSlots)
    clock: list[float] = field(default_factory=lambda: [0.0])

    def port(self, access: Access = ACCESS) -> AutotaskContacts:
        return AutotaskContacts(
            access,
            client=httpx.Client(transport=httpx.MockTransport(self)),
            budget=self.budget,
            slots=self.slots,
            settings=self.settings,
            sleep=lambda _: None,
            now=lambda: self.clock[0],
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.casefold().endswith("/zoneinformation"):
            body = {"zoneName": "America East", "url": f"{self.zone}/", "webUrl": "https://ww14.autotask.net/", "ci": 1}
            return _next(self.registry, request) or httpx.Response(200, json=body)
        if request.url.path.endswith("/ThresholdInformation"):
            return _plain(self.threshold, request)
        answer = _next(self.script, request)
        if answer is not None:
            return answer
        if f"https://{request.url.host}" != self.zone.removesuffix("/ATServicesRest"):
            return httpx.Response(401)
        if request.url.path.endswith("/VersionInformation"):
            return httpx.Response(200, json={"apiVersions": ["1.0"]})
        return self._route(request, request.url.path.partition("/V1.0")[2])

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        if found := re.fullmatch(r"/(Contacts|Countries|CompanyLocations)/query(/count|/next)?", path):
            return self._query(request, found[1], is_count=found[2] == "/count")
        if found := re.fullmatch(r"/Contacts/(\d+)", path):
            return httpx.Response(200, json={"item": self.contacts.get(int(found[1]))})
        if found := re.fullmatch(r"/Companies/(\d+)", path):
            return httpx.Response(200, json={"item": self.companies.get(int(found[1]))})
        if found := re.fullmatch(r"/Companies/(\d+)/Contacts", path):
            return self._write(request.method, int(found[1]), json.loads(request.content))
        information = {
            "/Contacts/entityInformation/fields": {"fields": self.fields},
            "/Contacts/entityInformation/userDefinedFields": {"fields": USER_DEFINED},
            "/Contacts/entityInformation": {"info": self.rights},
            "/Companies/entityInformation": {"info": self.rights},
        }
        return httpx.Response(200, json=information[path]) if path in information else httpx.Response(404)

    def _query(self, request: httpx.Request, entity: str, *, is_count: bool) -> httpx.Response:
        if request.method != "POST":
            return httpx.Response(405)
        body = json.loads(request.content)
        rows = {
            "Contacts": list(self.contacts.values()),
            "Countries": self.countries,
            "CompanyLocations": self.locations,
        }
        found = [row for row in rows[entity] if all(_holds(row, condition) for condition in body["filter"])]
        found.sort(key=lambda row: int(row["id"]))
        if is_count:
            return httpx.Response(200, json={"queryCount": len(found)})
        offset = int(parse_qs(request.url.query.decode()).get("paging", ["0"])[0])
        page = found[offset : offset + body["MaxRecords"]]
        more = offset + len(page) < len(found)
        link = f"{self.zone}/V1.0/{entity}/query/next?paging={offset + len(page)}" if more else None
        names = body.get("IncludeFields")
        items = [{name: row.get(name) for name in names} if names else row for row in page]
        return httpx.Response(200, json={"items": items, "pageDetails": {"count": len(page), "nextPageUrl": link}})

    def _write(self, method: str, company_id: int, body: Json) -> httpx.Response:
        if not isinstance(body.get("isActive", 1), int) or isinstance(body.get("isActive"), bool):
            return refused("Unexpected character encountered while parsing value: t. Path 'isActive', line 1.")
        if method == "POST":
            number = max(self.contacts, default=1000) + 1
            self.contacts[number] = stored(number, body)
            return httpx.Response(200, json={"itemId": number})
        contact = self.contacts.get(body["id"])
        if method != "PATCH" or contact is None or contact["companyID"] != company_id:
            return refused("No message. No matching records found.")
        self.contacts[body["id"]] = patched(contact, body)
        return httpx.Response(200, json={"itemId": body["id"]})

    def add(self, **fields: Any) -> int:
        """Put a contact there."""
        number = max(self.contacts, default=1000) + 1
        self.contacts[number] = stored(number, {"companyID": 250, **fields})
        return number

    @property
    def asked(self) -> list[httpx.Request]:
        """The API calls, without the look-ups of zone, threshold, fields and names."""
        quiet = ("ormation", "fields", "Fields", "/Countries/query", "/CompanyLocations/query")
        return [request for request in self.requests if not request.url.path.endswith(quiet)]

    @property
    def written(self) -> list[Json]:
        """What was written, in order."""
        return [json.loads(r.content) for r in self.requests if r.url.path.endswith("/Contacts")]


def stored(number: int, body: Json) -> Json:
    """Keep a posted body as the server's own document."""
    return {**EMPTY, "userDefinedFields": [], **body, "id": number}


def patched(document: Json, body: Json) -> Json:
    """Change what a PATCH names, of the user-defined fields too."""
    named = {entry["name"]: entry for entry in document["userDefinedFields"]}
    named |= {entry["name"]: entry for entry in body.get("userDefinedFields", [])}
    return {**document, **body, "userDefinedFields": list(named.values())}


def _holds(row: Json, condition: Json) -> bool:
    if condition["op"] == "or":
        return any(_holds(row, item) for item in condition["items"])
    if condition.get("udf"):
        held = next((e["value"] for e in row["userDefinedFields"] if e["name"] == condition["field"]), None)
    else:
        held = row[condition["field"]]
    held, value = _fold(held), condition["value"]
    match condition["op"]:
        case "eq":
            return bool(held == _fold(value))
        case "in":
            return held in value
        case "gt":
            return bool(held > value)
        case "gte":
            return bool(held >= value)
    raise AssertionError(condition)


def _fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _plain(answer: Answer | Json, request: httpx.Request) -> httpx.Response:
    if isinstance(answer, dict):
        return httpx.Response(200, json=answer)
    found = _next([answer], request)
    assert found is not None
    return found


def _next(script: list[Answer], request: httpx.Request) -> httpx.Response | None:
    if not script:
        return None
    answer = script.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer if isinstance(answer, httpx.Response) else answer(request)


def caught(call: Callable[[], object]) -> SyncError:
    """Return what the call raises."""
    try:
        call()
    except SyncError as error:
        return error
    raise AssertionError("nothing was raised")
