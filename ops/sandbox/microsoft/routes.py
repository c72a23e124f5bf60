"""Microsoft Graph v1.0: who may ask, what is asked, what it costs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import uuid4

from ops.sandbox.http import Answer, Headers, Json, Request, Router
from ops.sandbox.limits import Penalty, Window
from ops.sandbox.microsoft import batch, errors, writes
from ops.sandbox.microsoft.applications import APPLICATION_READERS, describe_application
from ops.sandbox.microsoft.delta import SPELLINGS, Delta
from ops.sandbox.microsoft.errors import GraphError, error_answer
from ops.sandbox.microsoft.listing import Listing, graph_json
from ops.sandbox.microsoft.state import Directory, Tenant
from ops.sandbox.microsoft.subscriptions import Subscriptions
from ops.sandbox.microsoft.tokens import TokenError, TokenOffice
from ops.sandbox.settings import Settings
from ops.sandbox.vendor import unhurried

_READERS = frozenset({"User.Read.All", "Directory.Read.All", "User.ReadWrite.All", "Directory.ReadWrite.All"})
_WRITERS = frozenset({"User.ReadWrite.All", "Directory.ReadWrite.All"})
_ORGANIZATION = frozenset({"Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"})
_DIAGNOSTIC = (
    '{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"004","RoleInstance":"AM4PEPF0001"}}'
)
# "Microsoft Graph service-specific throttling limits", identity and access: units per 10 s by tenant size, and writes.
_UNITS = ((50, 3_500), (500, 5_000), (10**9, 8_000))
_WRITES_PER_150S = 3_000
_RETRY_AFTER_S = 10
SUBSCRIPTIONS = "/subscriptions"
Action = Callable[[Request, Tenant, dict[str, str]], Answer]


class Graph:
    """The vendor `graph`."""

    name = "graph"

    def __init__(
        self, directory: Directory, office: TokenOffice, settings: Settings, *, subscriptions: Subscriptions
    ) -> None:
        self._directory = directory
        self._office = office
        self._settings = settings
        self._listing = Listing(settings)
        self._delta = Delta(settings)
        self._subscriptions = subscriptions
        self.serve_item: Callable[[Request], Answer] = (
            self.respond
        )  # the app puts faults and counters around batch items
        self.units_per_10s: int | None = None
        self.writes_per_150s: int | None = None
        self._windows: dict[tuple[str, str, str], Window] = {}
        self._penalties: dict[tuple[str, str], Penalty] = {}
        self._router = Router()
        self._add_routes()

    def _add_routes(self) -> None:
        add = self._add
        add("GET", "/users", self._users, _READERS)
        add("POST", "/users", lambda request, tenant, _: writes.create_user(request, tenant), _WRITERS)
        add("GET", "/users/$count", lambda request, tenant, _: self._listing.count(request, tenant), _READERS)
        for spelling in SPELLINGS:
            add("GET", spelling, lambda request, tenant, _: self._delta.answer(request, tenant), _READERS)
        add("GET", "/users/{id}", self._user, _READERS)
        add("PATCH", "/users/{id}", self._update, _WRITERS)
        add("DELETE", "/users/{id}", self._delete, _WRITERS)
        add("GET", "/users/{id}/manager", self._manager, _READERS)
        add("GET", "/users/{id}/mailboxSettings/userPurpose", self._purpose, frozenset({"MailboxSettings.Read"}))
        add("GET", "/organization", self._organization, _READERS | _ORGANIZATION)
        add("GET", "/applications(appId='{id}')", self._application, APPLICATION_READERS)
        deleted = "/directory/deletedItems"
        for cast in ("microsoft.graph.user", "graph.user"):  # the short form is what msgraph-sdk sends
            add("GET", f"{deleted}/{cast}", lambda request, tenant, _: self._listing.deleted(request, tenant), _READERS)
        add("GET", deleted + "/{id}", self._deleted_user, _READERS)
        add("DELETE", deleted + "/{id}", self._purge, _WRITERS)
        add(
            "POST",
            deleted + "/{id}/restore",
            lambda request, tenant, values: writes.restore_user(request, tenant, values["id"]),
            _WRITERS,
        )
        self._add_subscriptions()
        self._router.add("POST", "/$batch", lambda request, _: batch.run_batch(request, self.serve_item))

    def _add_subscriptions(self) -> None:
        held, app = self._subscriptions, self._app_of
        one = SUBSCRIPTIONS + "/{id}"
        self._add(
            "POST", SUBSCRIPTIONS, lambda request, tenant, _: held.create(request, tenant, app(request)), _READERS
        )
        self._add("GET", SUBSCRIPTIONS, lambda request, tenant, _: held.all(request, tenant, app(request)), _READERS)
        actions: dict[str, Action] = {
            "GET": lambda request, tenant, values: held.single(request, tenant, app(request), values["id"]),
            "PATCH": lambda request, tenant, values: held.renew(request, tenant, app(request), values["id"]),
            "DELETE": lambda request, tenant, values: held.delete(tenant, app(request), values["id"]),
        }
        for method, action in actions.items():
            self._add(method, one, action, _READERS)
        again: Action = lambda request, tenant, values: held.reauthorize(tenant, app(request), values["id"])  # noqa: E731
        self._add("POST", one + "/reauthorize", again, _READERS)

    @staticmethod
    def _app_of(request: Request) -> str:
        return str(request.notes["app"])

    def urls_to_ask(self, request: Request) -> list[str]:
        """The addresses that have to prove themselves before a subscription is made or moved; none if it is refused."""
        path = request.path[5:]
        if request.method not in {"POST", "PATCH"} or not path.startswith(SUBSCRIPTIONS) or path.endswith("authorize"):
            return []
        try:
            tenant, claims = self._caller(request)
            if not _READERS & set(claims["roles"]):
                return []
            return self._subscriptions.urls_to_ask(request, tenant, str(claims["appid"]))
        except GraphError:
            return []

    def _add(self, method: str, template: str, action: Action, roles: frozenset[str]) -> None:
        def handle(request: Request, values: dict[str, str]) -> Answer:
            tenant, claims = self._caller(request)
            if not roles & set(claims["roles"]):
                raise errors.denied()
            self._charge(request, tenant, str(claims["appid"]))
            return action(request, tenant, values)

        self._router.add(method, template, handle)

    def handles(self, path: str) -> bool:
        """Whether the path belongs to Graph."""
        return path.startswith("/v1.0/")

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters; delta in one spelling."""
        found = self._router.find(request.path[5:])
        if found is None:
            return "unknown"
        return "/users/delta" if found[0] in SPELLINGS else found[0]

    def tenant_of(self, request: Request) -> str | None:
        """The tenant that the token is for."""
        try:
            return str(self._caller(request)[0].id)
        except GraphError:
            return None

    def place(self, request: Request) -> AbstractContextManager[float]:
        """Requests under way are not counted."""
        return unhurried()

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        request.notes["request_id"] = str(uuid4())
        try:
            answer = self._dispatch(request)
        except GraphError as error:
            answer = error_answer(error, request)
        return self._finish(answer, request)

    def _dispatch(self, request: Request) -> Answer:
        found = self._router.find(request.path[5:])
        if found is None:
            raise errors.bad_request(
                f"Resource not found for the segment '{request.path.rsplit('/', 1)[-1]}'.", "BadRequest"
            )
        handler = found[2].get(request.method)
        if handler is None:
            raise writes.wrong_method()
        return handler(request, found[1])

    @staticmethod
    def _finish(answer: Answer, request: Request) -> Answer:
        request_id = str(request.notes["request_id"])
        answer.headers += [
            ("request-id", request_id),
            ("client-request-id", request.headers.get("client-request-id", request_id)),
            ("x-ms-ags-diagnostic", _DIAGNOSTIC),
            ("odata-version", "4.0"),
            ("cache-control", "no-cache"),
        ]
        if "units" in request.notes:
            answer.headers.append(("x-ms-resource-unit", str(request.notes["units"])))
        return answer

    def error(self, request: Request, status: int) -> Answer:
        """An answer of the vendor's shape for a fault."""
        request.notes.setdefault("request_id", str(uuid4()))
        code = "ServiceUnavailable" if status in {503, 504} else "UnknownError"
        return self._finish(error_answer(GraphError(status, code, "The service is not available."), request), request)

    def throttled(self, request: Request, headers: Headers) -> Answer:
        """A 429 in the wording of the directory."""
        request.notes.setdefault("request_id", str(uuid4()))
        tenant_id = self.tenant_of(request) or "unknown"
        error = errors.throttled(tenant_id, str(request.notes.get("app", "unknown")), headers)
        return self._finish(error_answer(error, request), request)

    def _caller(self, request: Request) -> tuple[Tenant, Json]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            claims = self._office.read(token.strip() if scheme.lower() == "bearer" else "")
        except TokenError as error:
            raise errors.unauthorized(str(error)) from error
        tenant = self._directory.tenants.get(claims["tid"])
        if tenant is None:
            message = "The identity of the calling application could not be established."
            raise GraphError(401, "Authorization_IdentityNotFound", message)
        now = tenant.now()
        if claims["exp"] < now:
            raise errors.unauthorized("Lifetime validation failed, the token is expired.")
        if claims["iat"] < tenant.tokens_valid_from:
            raise errors.unauthorized(
                "Continuous access evaluation resulted in challenge with result: InteractionRequired."
            )
        request.notes["app"] = claims["appid"]
        return tenant, claims

    def _charge(self, request: Request, tenant: Tenant, app_id: str) -> None:
        units = _cost(request)
        request.notes["units"] = units
        penalty = self._penalties.setdefault((tenant.id, app_id), Penalty())
        limit = self.units_per_10s
        if limit is None:
            limit = next(units for size, units in _UNITS if len(tenant.users) <= size)
        writes_limit = _WRITES_PER_150S if self.writes_per_150s is None else self.writes_per_150s
        waits = self._window("units", tenant, app_id, limit=limit, seconds=10).take(units)
        if request.method != "GET":
            waits = max(waits, self._window("writes", tenant, app_id, limit=writes_limit, seconds=150).take())
        if waits > 0 or penalty.active():
            penalty.start(_RETRY_AFTER_S)
            raise errors.throttled(tenant.id, app_id, [("retry-after", str(_RETRY_AFTER_S))])

    def _window(self, kind: str, tenant: Tenant, app_id: str, *, limit: int, seconds: float) -> Window:
        window = self._windows.setdefault((kind, tenant.id, app_id), Window(limit, seconds))
        window.limit = limit
        return window

    def forget_usage(self) -> None:
        """Start the limits anew."""
        self._windows.clear()
        self._penalties.clear()

    def _users(self, request: Request, tenant: Tenant, _: dict[str, str]) -> Answer:
        if (
            "signInActivity" in request.query.get("$select", "")
            and "AuditLog.Read.All" not in self._caller(request)[1]["roles"]
        ):
            raise errors.denied()
        return self._listing.users(request, tenant)

    @staticmethod
    def _found(tenant: Tenant, name: str) -> Json:
        user = tenant.find(name)
        if user is None:
            raise errors.not_found(name)
        return user

    def _user(self, request: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        return self._listing.single(request, tenant, self._found(tenant, values["id"]))

    def _update(self, request: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        return writes.update_user(request, tenant, self._found(tenant, values["id"]))

    def _delete(self, _: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        tenant.soft_delete(self._found(tenant, values["id"])["id"])
        return Answer(204)

    def _purge(self, _: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        if values["id"] not in tenant.deleted:
            raise errors.not_found(values["id"])
        tenant.hard_delete(values["id"])
        return Answer(204)

    def _deleted_user(self, request: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        tenant.purge()
        user = tenant.deleted.get(values["id"].lower())
        if user is None:
            raise errors.not_found(values["id"])
        return self._listing.single(request, tenant, user)

    def _manager(self, request: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        user = self._found(tenant, values["id"])
        manager = tenant.users.get(tenant.managers.get(user["id"], ""))
        if manager is None:
            raise errors.not_found("manager")
        return self._listing.single(request, tenant, manager)

    def _purpose(self, request: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        user = self._found(tenant, values["id"])
        if not user.get("mail"):
            message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            raise GraphError(404, "MailboxNotEnabledForRESTAPI", message)
        context = f"{request.base_url}/v1.0/$metadata#users('{user['id']}')/mailboxSettings/userPurpose"
        return graph_json({"@odata.context": context, "value": tenant.purposes.get(user["id"], "user")})

    @staticmethod
    def _application(request: Request, tenant: Tenant, values: dict[str, str]) -> Answer:
        document = describe_application(tenant, values["id"])
        names = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()]
        shown = {name: document.get(name) for name in names} if names else document
        return graph_json({"@odata.context": f"{request.base_url}/v1.0/$metadata#applications/$entity", **shown})

    def _organization(self, request: Request, tenant: Tenant, _: dict[str, str]) -> Answer:
        may_read = bool(_ORGANIZATION & set(self._caller(request)[1]["roles"]))
        domains = [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": True,
                "isInitial": False,
                "name": tenant.domain,
                "type": "Managed",
            }
        ]
        document: Json = {
            "id": tenant.id,
            "displayName": tenant.name,
            "verifiedDomains": domains,
            "countryLetterCode": "DE" if may_read else None,
            "tenantType": "AAD" if may_read else None,
            "technicalNotificationMails": [f"admin@{tenant.domain}"] if may_read else [],
        }
        names = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()]
        shown = {name: document.get(name) for name in names} if names else document
        return graph_json({"@odata.context": f"{request.base_url}/v1.0/$metadata#organization", "value": [shown]})


def _cost(request: Request) -> int:
    """Resource units of one call (page "Microsoft Graph service-specific throttling limits")."""
    query = request.query
    units = 2 if request.path == "/v1.0/users" and request.method == "GET" else 1
    if "$select" in query:
        units -= 1
    if "$expand" in query:
        units += 1
    if query.get("$top", "").isdigit() and int(query["$top"]) < 20:
        units -= 1
    return max(1, units)
