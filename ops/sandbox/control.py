"""The control API under `/sandbox/`: what a test asks of the sandbox and no client ever sees."""

import re
from collections.abc import Callable
from typing import Any

from ops.sandbox.clock import iso
from ops.sandbox.http import Answer, Json, Request, Router, json_answer
from ops.sandbox.microsoft.state import Tenant
from ops.sandbox.mutations import Mutations
from ops.sandbox.seeding import parse_seed
from ops.sandbox.world import World

PREFIX = "/sandbox/"


class Control:
    """Answers the control API."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._router = Router()
        routes: dict[str, Callable[[Request], Any]] = {
            "GET health": lambda _: {"ok": True, "seed": world.current_seed.as_json()},
            "POST reset": self._reset,
            "POST seed": self._seed,
            "POST rebase": self._rebase,
            "POST advance-clock": self._advance_clock,
            "POST mutate": self._mutate,
            "POST faults": self._add_faults,
            "GET faults": lambda _: world.faults.as_json(),
            "DELETE faults": self._clear_faults,
            "GET counters": lambda _: world.counters.as_json(),
            "DELETE counters": self._clear_counters,
            "POST limits": lambda request: world.set_limits(_body(request)),
            "GET limits": lambda _: world.limits(),
            "POST settings": lambda request: world.settings.update(_body(request)),
            "GET settings": lambda _: world.settings.update({}),
            "GET audit": self._audit,
            "GET subscriptions": self._subscriptions,
            "GET deliveries": lambda _: world.deliveries.as_json(),
            "GET users": self._users,
            "GET contacts": self._contacts,
            "GET truth": self._truth,
            "GET verdict": self._verdict,
        }
        for route, action in routes.items():
            method, name = route.split()
            self._router.add(method, PREFIX + name, lambda request, _, action=action: json_answer(action(request)))  # type: ignore[misc]

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        found = self._router.find(request.path)
        if found is None or request.method not in found[2]:
            return json_answer({"error": f"no {request.method} {request.path}"}, 404)
        try:
            return found[2][request.method](request, found[1])
        except (ValueError, TypeError, AttributeError, KeyError, re.error) as exc:
            return json_answer({"error": f"{type(exc).__name__}: {exc}"}, 400)

    def _reset(self, _: Request) -> Json:
        self._world.seed(self._world.current_seed)
        return {"ok": True, "seed": self._world.current_seed.as_json()}

    def _seed(self, request: Request) -> Json:
        self._world.seed(parse_seed(_body(request)))
        return {"ok": True, "seed": self._world.current_seed.as_json()}

    def _rebase(self, _: Request) -> Json:
        self._world.rebase()
        return {}

    def _advance_clock(self, request: Request) -> Json:
        body = _body(request)
        tenant = self._named(body["tenant"]) if "tenant" in body else None
        self._world.clock.advance(float(body.get("seconds", 0)), tenant.id if tenant else None)
        return {"now": iso(self._world.clock.now(tenant.id if tenant else None))}

    def _mutate(self, request: Request) -> Json:
        return {"results": Mutations(self._world).run(_body(request)["operations"])}

    def _add_faults(self, request: Request) -> Json:
        return {"rules": self._world.faults.add(_body(request)["rules"])}

    def _clear_faults(self, _: Request) -> Json:
        self._world.faults.clear()
        return {}

    def _clear_counters(self, _: Request) -> Json:
        self._world.counters.clear()
        return {}

    def _audit(self, request: Request) -> Json:
        limit = request.query.get("limit")
        return self._world.audit.since(int(request.query.get("since", 0)), int(limit) if limit else None)

    def _subscriptions(self, request: Request) -> Json:
        tenant = self._named(request.query.get("tenant"))
        return {"subscriptions": self._world.subscriptions.as_json(tenant)}

    def _users(self, request: Request) -> Json:
        tenant = self._named(request.query.get("tenant"))
        return {"users": list(tenant.users.values()), "deleted": list(tenant.deleted.values())}

    def _contacts(self, request: Request) -> Json:
        psa = self._world.installation(request.query.get("vendor"))
        company = request.query.get("company")
        return {"contacts": list(psa.contacts().values()) if company is None else psa.contacts_of(int(company))}

    def _truth(self, request: Request) -> Json:
        truth = self._world.truth(*self._pair(request), vendor=request.query.get("vendor"))
        return {"statistics": truth.statistics(), "users": [entry.as_json() for entry in truth.users]}

    def _verdict(self, request: Request) -> Json:
        return self._world.verdict(*self._pair(request), vendor=request.query.get("vendor"))

    def _pair(self, request: Request) -> tuple[Tenant, int]:
        tenant = self._named(request.query.get("tenant"))
        company = request.query.get("company")
        return tenant, int(company) if company else self._world.company_for(tenant)

    def _named(self, name: str | None) -> Tenant:
        tenant = self._world.directory.find(name)
        if tenant is None:
            raise ValueError(f"unknown tenant {name!r}")
        return tenant


def _body(request: Request) -> Json:
    body = request.json() if request.body else {}
    if not isinstance(body, dict):
        raise TypeError("the body must be an object")
    return body
