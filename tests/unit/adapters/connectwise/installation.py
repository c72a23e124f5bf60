"""A ConnectWise of a few lines, for the bytes that matter; the sandbox is the faithful one.

It patches with an independent JSON Patch, on documents in which every field exists, as in the vendor's own model: empty
ones are only left out of answers.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import jsonpatch

from adapters.connectwise import Access, ConnectWiseContacts, FieldSettings
from adapters.errors import SyncError
from adapters.limits import Budget
from tests.fakes.budget import NullBudget

HOST = "https://api-na.myconnectwise.net"
Json = dict[str, Any]
Tables = dict[str, list[Json]]
ACCESS = Access(site_url=HOST, company="msp", public_key="pub", private_key="s3cr3t", client_id="c1-guid")
TYPES = [
    {"id": 13, "description": "Email - Business", "emailFlag": True, "phoneFlag": False, "defaultFlag": True},
    {"id": 14, "description": "Email - Private", "emailFlag": True, "phoneFlag": False, "defaultFlag": False},
    {"id": 22, "description": "Phone - Direct", "emailFlag": False, "phoneFlag": True, "defaultFlag": True},
    {"id": 26, "description": "Cell", "emailFlag": False, "phoneFlag": True, "defaultFlag": False},
    {"id": 30, "description": "Fax", "emailFlag": False, "phoneFlag": False, "faxFlag": True, "defaultFlag": True},
]
TABLES: Tables = {
    "/company/communicationTypes": TYPES,
    "/company/contacts/departments": [{"id": 5, "name": "Sales"}, {"id": 6, "name": "IT"}],
    "/company/contacts/types": [{"id": 1, "description": "Employee"}, {"id": 2, "description": "User"}],
    "/company/countries": [{"id": 49, "name": "Germany"}],
    "/company/companies/250/sites": [{"id": 7, "name": "Main"}, {"id": 8, "name": "Gone", "inactiveFlag": True}],
}
EMPTY: dict[str, Any] = {
    "firstName": None,
    "lastName": None,
    "title": None,
    "department": None,
    "site": None,
    "country": None,
    "addressLine1": None,
    "addressLine2": None,
    "city": None,
    "state": None,
    "zip": None,
    "inactiveFlag": False,
    "defaultFlag": False,
    "defaultBillingFlag": False,
    "communicationItems": [],
    "customFields": [],
    **{f"userDefinedField{number}": None for number in range(1, 11)},
}
EMPTY_ITEM = {"extension": None, "defaultFlag": False}

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def refused(status: int = 400, code: str = "InvalidObject", **inner: str) -> httpx.Response:
    """Make the vendor's error envelope."""
    errors = (
        [{"code": "InvalidField", "message": "ann@contoso.com is bad", "resource": "contact", **inner}]
        if inner
        else None
    )
    return httpx.Response(status, json={"code": code, "message": "contact object is invalid", "errors": errors})


@dataclass
class Installation:
    """Answers by its script first, then as a well-behaved server that ignores conditions."""

    contacts: dict[int, Json] = field(default_factory=dict)
    codebase: str = "v2026_1/"
    companyinfo: list[Answer] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    tables: dict[str, list[Json]] = field(default_factory=lambda: dict(TABLES))
    settings: FieldSettings | None = None
    budget: Budget = field(default_factory=NullBudget)
    clock: list[float] = field(default_factory=lambda: [0.0])

    def port(self) -> ConnectWiseContacts:
        return ConnectWiseContacts(
            ACCESS,
            client=httpx.Client(transport=httpx.MockTransport(self)),
            budget=self.budget,
            settings=self.settings,
            sleep=lambda _: None,
            now=lambda: self.clock[0],
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path.startswith("/login/companyinfo/"):
            body = {"CompanyName": "MSP", "Codebase": self.codebase, "IsCloud": "True", "SiteUrl": "elsewhere"}
            return _next(self.companyinfo, request) or httpx.Response(200, json=body)
        answer = None if path.endswith("/company/communicationTypes") else _next(self.script, request)
        if answer is not None:
            return answer
        prefix = f"/{self.codebase}apis/3.0"
        if not path.startswith(prefix):
            return httpx.Response(404, json={"code": "ConnectWiseApi", "message": "The endpoint does not exist."})
        return self._route(request, path.removeprefix(prefix))

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        if path in self.tables:
            return httpx.Response(200, json=self.tables[path])
        if path == "/company/contacts":
            return self._create(json.loads(request.content)) if request.method == "POST" else self._page(request)
        if path == "/company/contacts/count":
            return httpx.Response(200, json={"count": len(self.contacts)})
        found = re.fullmatch(r"/company/contacts/(\d+)", path)
        if found is None:
            return httpx.Response(404, json={"code": "ConnectWiseApi", "message": "The endpoint does not exist."})
        if int(found[1]) not in self.contacts:
            return httpx.Response(404, json={"code": "NotFound", "message": f"Contact {found[1]} not found"})
        if request.method == "PATCH":
            self.contacts[int(found[1])] = patched(
                self.contacts[int(found[1])], json.loads(request.content), tables=self.tables
            )
        return httpx.Response(200, json=shown(self.contacts[int(found[1])]))

    def _page(self, request: httpx.Request) -> httpx.Response:
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        rest = [
            shown(self.contacts[number]) for number in sorted(self.contacts) if number > int(query.get("pageId", 0))
        ]
        link = f'<https://inner/x?pageId={rest[-1]["id"] if rest else 0}>; rel="next"'
        return httpx.Response(200, json=rest[: int(query["pageSize"])], headers={"link": link})

    def _create(self, body: Json) -> httpx.Response:
        number = max(self.contacts, default=1000) + 1
        self.contacts[number] = stored(number, body, tables=self.tables)
        return httpx.Response(201, json=shown(self.contacts[number]))

    def add(self, **fields: Any) -> int:
        """Put a contact there."""
        number = max(self.contacts, default=1000) + 1
        self.contacts[number] = stored(number, {"firstName": "Ann", "company": {"id": 250}, **fields})
        return number

    @property
    def asked(self) -> list[httpx.Request]:
        """The API calls, without the look-ups of codebase and communication types."""
        quiet = ("/login/companyinfo/msp", "/company/communicationTypes")
        return [request for request in self.requests if not request.url.path.endswith(quiet)]

    @property
    def bodies(self) -> list[Any]:
        """What was written, in order."""
        return [json.loads(request.content) for request in self.requests if request.content]


def email(value: str, *, number: int = 1, type_id: int = 13, default: bool = True) -> Json:
    """Make an e-mail item as it comes back."""
    return {
        "id": number,
        "type": {"id": type_id, "name": "Email", "_info": {}},
        "value": value,
        "defaultFlag": default,
        "domain": "@" + value.partition("@")[2],
        "communicationType": "Email",
    }


def phone(
    value: str, *, number: int = 2, type_id: int = 22, default: bool = True, extension: str | None = None
) -> Json:
    """Make a phone item as it comes back."""
    item = {
        "id": number,
        "type": {"id": type_id, "name": "Phone", "_info": {}},
        "value": value,
        "defaultFlag": default,
        "communicationType": "Phone",
    }
    return item | ({"extension": extension} if extension else {})


def stored(number: int, body: Json, *, tables: Tables = TABLES) -> Json:
    """Keep a posted body as the server's own document: ids on new items, names on references."""
    document = {**EMPTY, **{name: value for name, value in body.items() if name != "typeIds"}, "id": number}
    document["communicationItems"] = [
        {**EMPTY_ITEM, "id": 90 + index, **item} for index, item in enumerate(document["communicationItems"])
    ]
    return _named(document, tables)


def patched(document: Json, patch: list[Json], *, tables: Tables = TABLES) -> Json:
    """Apply a patch by another library than ours."""
    after: Json = jsonpatch.apply_patch(document, patch)
    after["communicationItems"] = [
        {**EMPTY_ITEM, "id": 900 + index, **item} for index, item in enumerate(after["communicationItems"])
    ]
    return _named(after, tables)


def _named(document: Json, tables: Tables) -> Json:
    paths = {
        "department": "/company/contacts/departments",
        "country": "/company/countries",
        "site": "/company/companies/250/sites",
    }
    for reference, path in paths.items():
        value = document.get(reference)
        if isinstance(value, dict):
            name = next(row["name"] for row in tables[path] if row["id"] == value["id"])
            document[reference] = {**value, "name": name}
    return document


def shown(document: Json) -> Json:
    """Leave out what is empty, as answers do."""
    items = [
        {name: value for name, value in item.items() if value is not None} for item in document["communicationItems"]
    ]
    full = {**document, "communicationItems": items}
    return {name: value for name, value in full.items() if value is not None and value != []}


def credentials(request: httpx.Request) -> str:
    """Return what the Basic header says."""
    return base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()


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
