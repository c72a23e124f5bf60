"""HaloPSA's REST interface: tokens, who may call, what is called, how fast."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ops.sandbox.halo import errors
from ops.sandbox.halo.errors import HaloError
from ops.sandbox.halo.listing import Listing
from ops.sandbox.halo.records import detail, list_row
from ops.sandbox.halo.reports import Reports
from ops.sandbox.halo.state import Halo
from ops.sandbox.halo.tokens import TokenDesk
from ops.sandbox.halo.writes import Writer
from ops.sandbox.http import Answer, Headers, Json, Request, Router, json_answer
from ops.sandbox.limits import Window
from ops.sandbox.settings import Settings
from ops.sandbox.vendor import unhurried

DOCUMENTED_PER_5_MINUTES = 700
_WINDOW_S = 300
_PATH = re.compile(r"^/(api/|auth/token$)", re.IGNORECASE)
Action = Callable[[Request, dict[str, str]], Answer]


class HaloPsa:
    """The vendor `halo`."""

    name = "halo"

    def __init__(self, halo: Halo, settings: Settings) -> None:
        self._halo = halo
        self._settings = settings
        self.window = Window(DOCUMENTED_PER_5_MINUTES, _WINDOW_S)
        self.writer = Writer(halo, settings)
        self._listing = Listing(halo, settings)
        self._reports = Reports(halo)
        self._desk = TokenDesk(halo, settings)
        self._router = Router()
        self._spelling: dict[str, str] = {}
        self._add_routes()

    def _add(self, method: str, template: str, action: Action) -> None:
        """Register a template; paths are compared without case."""
        self._router.add(method, template.lower(), action)
        self._spelling[template.lower()] = template

    def _add_routes(self) -> None:
        listing, guarded = self._listing, self._guarded
        self._add("POST", "/auth/token", lambda request, _: self._desk.issue(request))
        self._add("GET", "/api/authinfo", self._auth_info)
        self._add("GET", "/api/Users", guarded("contacts.read", lambda request, _: listing.users(request)))
        self._add("POST", "/api/Users", guarded("contacts.write", self._post))
        self._add("GET", "/api/Users/{id}", guarded("contacts.read", self._user))
        self._add("DELETE", "/api/Users/{id}", guarded("contacts.write", self._delete))
        self._add("GET", "/api/Client", guarded("companies.read", lambda request, _: listing.clients(request)))
        self._add("GET", "/api/Client/{id}", guarded("companies.read", self._client))
        self._add("GET", "/api/Site", guarded("companies.read", lambda request, _: listing.sites(request)))
        self._add("GET", "/api/Site/{id}", guarded("companies.read", self._site))
        self._add("POST", "/api/Report", guarded("reports.write", self._post_report))
        self._add("GET", "/api/Report/{id}", guarded("reports.read", self._report))

    def handles(self, path: str) -> bool:
        """Whether the path belongs to this vendor."""
        return _PATH.match(path) is not None

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters."""
        found = self._router.find(_path(request))
        return self._spelling[found[0]] if found else "unknown"

    def tenant_of(self, request: Request) -> str | None:
        """A PSA knows no tenants of Microsoft's."""
        return None

    def place(self, request: Request) -> AbstractContextManager[float]:
        """Requests under way are not counted."""
        return unhurried()

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        path = _path(request)
        if path.startswith("/api/") and (wait_s := self.window.take()):
            tells = self._settings["halo.retry_after"]
            return self.throttled(request, [("retry-after", str(int(wait_s) + 1))] if tells else [])
        try:
            return self._dispatch(request, path)
        except HaloError as error:
            return self._shaped(error.status, error.message)

    def _dispatch(self, request: Request, path: str) -> Answer:
        found = self._router.find(path)
        if found is None:
            raise HaloError(404, "No such endpoint")
        handler = found[2].get(request.method)
        if handler is None:
            raise HaloError(405, f"The method {request.method} is not allowed")
        return handler(request, found[1])

    def _shaped(self, status: int, message: str) -> Answer:
        return errors.shaped(self._settings["halo.error_shape"], status, message)

    def error(self, request: Request, status: int) -> Answer:
        """An answer of the vendor's shape for a fault."""
        return self._shaped(status, "An unexpected error has occurred")

    def throttled(self, request: Request, headers: Headers) -> Answer:
        """Too many requests in five minutes."""
        answer = self._shaped(429, "Too many requests")
        answer.headers.extend(headers)
        return answer

    def _guarded(self, right: str, action: Action) -> Action:
        def handle(request: Request, values: dict[str, str]) -> Answer:
            if not self._desk.is_valid(request):
                raise HaloError(401, "The token is not valid")
            if right not in self._halo.access.rights:
                raise HaloError(403, "You do not have permission to access this resource")
            return action(request, values)

        return handle

    def _auth_info(self, request: Request, values: dict[str, str]) -> Answer:
        return json_answer({"auth_url": f"{request.base_url}/auth", "tenant_id": self._halo.access.tenant})

    def _user(self, request: Request, values: dict[str, str]) -> Answer:
        number = _id(values["id"])
        if number not in self._halo.users and self._settings["halo.missing_user"] == "zero":
            return json_answer({"id": 0, "name": None})
        return json_answer(self._shown(request, self.writer.find(number)))

    def _shown(self, request: Request, user: Json) -> Json:
        wants_all = request.query.get("includedetails", "").casefold() == "true"
        return (detail if wants_all else list_row)(self._halo, user, self._settings)

    def _post(self, request: Request, values: dict[str, str]) -> Answer:
        body = _body(request)
        written = [detail(self._halo, user, self._settings) for user in self.writer.post(body)]
        is_array = len(written) > 1 or self._settings["halo.answers_array"]
        return json_answer(written if is_array else written[0], 201)

    def _post_report(self, request: Request, values: dict[str, str]) -> Answer:
        return json_answer(self._reports.post(_body(request)), 201)

    def _report(self, request: Request, values: dict[str, str]) -> Answer:
        is_run = request.query.get("loadreport", "").casefold() == "true"
        return json_answer(self._reports.get(_id(values["id"]), is_run=is_run))

    def _delete(self, request: Request, values: dict[str, str]) -> Answer:
        number = _id(values["id"])
        user = detail(self._halo, self.writer.find(number), self._settings)
        self.writer.delete(number, by="api")
        return json_answer(user)

    def _client(self, request: Request, values: dict[str, str]) -> Answer:
        number = _id(values["id"])
        if number not in self._halo.clients:
            raise errors.not_found("Client", number)
        return json_answer(self._halo.clients[number])

    def _site(self, request: Request, values: dict[str, str]) -> Answer:
        number = _id(values["id"])
        if number not in self._halo.sites:
            raise errors.not_found("Site", number)
        return json_answer(self._halo.sites[number])


def _path(request: Request) -> str:
    return request.path.lower().rstrip("/")


def _body(request: Request) -> Any:
    try:
        body = request.json()
    except ValueError as exc:
        raise errors.bad_request("The body is no JSON") from exc
    if "json" not in request.headers.get("content-type", ""):
        raise HaloError(415, "The content type must be application/json")
    return body


def _id(text: str) -> int:
    if not text.isdigit():
        raise errors.bad_request(f"The value '{text}' is not valid.")
    return int(text)
