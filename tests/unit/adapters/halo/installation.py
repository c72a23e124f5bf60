"""A HaloPSA of a few lines, for the bytes that matter; the sandbox is the faithful one.

Its lists are as short as the vendor's, its search finds too much, its site ids are doubles, and it wants whole numbers.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

from adapters.errors import SyncError
from adapters.halo import Access, FieldSettings, HaloContacts
from adapters.limits import Budget
from tests.fakes.budget import NullBudget

Json = dict[str, Any]
ACCESS = Access(
    resource_url="https://msp.halopsa.com/api",
    auth_url="https://login.halo.example/auth",
    tenant="msp",
    client_id="c1-guid",
    client_secret="s3cr3t",
)
LISTED = {
    "id",
    "name",
    "firstname",
    "surname",
    "title",
    "emailaddress",
    "phonenumber",
    "mobilenumber2",
    "site_id",
    "site_name",
    "client_id",
    "inactive",
    "login",
    "isserviceaccount",
    "isimportantcontact",
}
EMPTY: Json = {
    **dict.fromkeys(["firstname", "surname", "title", "emailaddress", "email2", "email3", "phonenumber"], ""),
    **dict.fromkeys(["mobilenumber", "mobilenumber2", "homenumber", "fax", "department", "login", "azureoid"], ""),
    **dict.fromkeys(["other1", "other2", "other3", "other4", "other5"], ""),
    **dict.fromkeys(["inactive", "isserviceaccount", "isimportantcontact", "isimportantcontact2"], False),
    "customfields": [],
}
SITES: list[Json] = [
    {"id": 95.0, "client_id": 31, "name": "Main", "inactive": False, "emaildomain": "@contoso.com"},
    {"id": 96.0, "client_id": 31, "name": "Berlin", "inactive": False},
    {"id": 97.0, "client_id": 31, "name": "Gone", "inactive": True},
    {"id": 105.0, "client_id": 32, "name": "Other", "inactive": False},
]
CLIENTS: dict[int, Json] = {
    31: {
        "id": 31,
        "name": "Contoso Ltd",
        "inactive": False,
        "main_site_id": 95.0,
        "website": "https://www.contoso.com",
    },
    32: {"id": 32, "name": "Fabrikam", "inactive": True},
}

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def refused(status: int = 400, body: Any = None) -> httpx.Response:
    """Make a refusal."""
    return httpx.Response(status, json={"Message": "ann@contoso.com is bad"} if body is None else body)


@dataclass
class Installation:
    """Answers by its script first, then as a well-behaved server."""

    users: dict[int, Json] = field(default_factory=dict)
    reports: dict[int, list[Json]] = field(default_factory=dict)
    script: list[Answer] = field(default_factory=list)
    logins: list[Answer] = field(default_factory=list)
    knows_advanced_search: bool = True
    gives_whole: bool = True  # lists are given at once on demand
    answers_whole: bool = True  # writes are answered with the detail
    token_life_s: int = 3600
    dead_tokens: set[str] = field(default_factory=set)
    requests: list[httpx.Request] = field(default_factory=list)
    settings: FieldSettings | None = None
    access: Access = ACCESS
    budget: Budget = field(default_factory=NullBudget)
    clock: list[float] = field(default_factory=lambda: [0.0])
    slept: list[float] = field(default_factory=list)

    def port(self) -> HaloContacts:
        return HaloContacts(
            self.access,
            client=httpx.Client(transport=httpx.MockTransport(self)),
            budget=self.budget,
            settings=self.settings,
            sleep=self.slept.append,
            now=lambda: self.clock[0],
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/auth/token":
            body = {"access_token": f"t{len(self.logged_in)}", "token_type": "Bearer", "expires_in": self.token_life_s}
            return _next(self.logins, request) or httpx.Response(200, json=body)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token or token in self.dead_tokens:
            return httpx.Response(401)
        return _next(self.script, request) or self._route(request, request.url.path.removeprefix("/api"))

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "/Users":
            return self._write(json.loads(request.content)) if request.method == "POST" else self._list(request)
        if path == "/Site":
            sites = [site for site in SITES if site["client_id"] == int(asked_for(request)["client_id"])]
            return httpx.Response(200, json={"record_count": len(sites), "sites": sites})
        fixed = {"/AzureADConnection": [], "/Client": {"record_count": 1, "clients": []}}
        return httpx.Response(200, json=fixed[path]) if path in fixed else self._one(path)

    def _one(self, path: str) -> httpx.Response:
        found = re.fullmatch(r"/(Users|Client|Report)/(\d+)", path)
        if found is None:
            return httpx.Response(404, text="<html>", headers={"content-type": "text/html"})
        tables: dict[str, dict[int, Any]] = {"Users": self.users, "Client": CLIENTS, "Report": self.reports}
        row = tables[found[1]].get(int(found[2]))
        if row is None:
            return httpx.Response(404)
        return httpx.Response(200, json={"id": 1, "report": {"rows": row}} if found[1] == "Report" else row)

    def _list(self, request: httpx.Request) -> httpx.Response:
        query = asked_for(request)
        rows = [self.users[number] for number in sorted(self.users)]
        if "advanced_search" in query:
            if not self.knows_advanced_search:
                return refused(500, "Invalid advanced search parameter: azureoid")
            [asked] = json.loads(query["advanced_search"])
            rows = [row for row in rows if row[asked["filter_name"]].lower() == asked["filter_value"].lower()]
        if "client_id" in query:
            rows = [row for row in rows if row["client_id"] == int(query["client_id"])]
        if "search" in query:
            names = ("name", "firstname", "surname", "emailaddress", "email2", "email3", "login")
            rows = [row for row in rows if any(query["search"].lower() in row[name].lower() for name in names)]
        if query.get("includeinactive") != "true":
            rows = [row for row in rows if not row["inactive"]]
        if query["pageinate"] == "false" and self.gives_whole:
            return httpx.Response(200, json={"record_count": len(rows), "users": [listed(row) for row in rows]})
        size, page = int(query.get("page_size", 50)), int(query.get("page_no", 1))
        shown = [listed(row) for row in rows[size * (page - 1) : size * page]]
        return httpx.Response(200, json={"page_no": page, "page_size": size, "record_count": len(rows), "users": shown})

    def _write(self, body: Any) -> httpx.Response:
        if not isinstance(body, list) or any(isinstance(row.get("site_id", 1), float) for row in body):
            return refused(400, {"errors": {"[0].site_id": ["not a whole number"]}, "title": "invalid", "status": 400})
        [row] = body
        if "id" in row and row["id"] not in self.users:
            return httpx.Response(404)
        number = row.get("id") or max(self.users, default=1200) + 1
        self.users[number] = stored(number, {**self.users.get(number, {}), **row})
        return httpx.Response(201, json=self.users[number] if self.answers_whole else [listed(self.users[number])])

    def add(self, **fields: Any) -> int:
        """Put a user there."""
        number = max(self.users, default=1200) + 1
        self.users[number] = stored(number, {"name": "Ann Example", "site_id": 95, **fields})
        return number

    @property
    def logged_in(self) -> list[httpx.Request]:
        """The token calls."""
        return [request for request in self.requests if request.url.path == "/auth/token"]

    @property
    def asked(self) -> list[httpx.Request]:
        """The API calls."""
        return [request for request in self.requests if request.url.path != "/auth/token"]

    @property
    def calls(self) -> list[str]:
        """The API calls by method and path."""
        return [f"{request.method} {request.url.path.removeprefix('/api')}" for request in self.asked]

    @property
    def bodies(self) -> list[Any]:
        """What was written, in order."""
        return [json.loads(request.content) for request in self.asked if request.method == "POST"]


def stored(number: int, body: Json) -> Json:
    """Keep a posted body as the server's own document: the client follows from the site, ids become doubles."""
    site = next(site for site in SITES if site["id"] == body["site_id"])
    sent = {name: value for name, value in body.items() if not name.startswith("_")}
    places = {"site_id": float(body["site_id"]), "site_name": site["name"], "client_id": site["client_id"]}
    return {**EMPTY, **sent, **places, "id": number}


def listed(user: Json) -> Json:
    """Shorten a user to what lists show; empty fields are left out."""
    return {name: value for name, value in user.items() if name in LISTED and value != ""}


def asked_for(request: httpx.Request) -> dict[str, str]:
    """Return the parameters of a request."""
    return {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}


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
