"""What somebody does by hand behind the synchronisation's back: in directory, PSA and app registrations."""

from typing import Any

from ops.sandbox.http import Json
from ops.sandbox.installation import Operation
from ops.sandbox.microsoft.state import Tenant
from ops.sandbox.vendor import RefusalError
from ops.sandbox.world import World

_APP_KEYS = {
    "client_secret": "secret",
    "secret_expired": "secret_expired",
    "enabled": "enabled",
    "certificate": "accepts_certificate",
}


class Mutations:
    """Runs operations; raises ValueError on the first that cannot be done."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._operations: dict[str, Operation] = {
            "graph.create_user": self._create_user,
            "graph.update_user": lambda op: self._update_user(op, op["set"]),
            "graph.disable_user": lambda op: self._update_user(op, {"accountEnabled": False}),
            "graph.enable_user": lambda op: self._update_user(op, {"accountEnabled": True}),
            "graph.delete_user": self._delete_user,
            "graph.restore_user": self._restore_user,
            "graph.rename_user": self._rename_user,
            "graph.recreate_user": self._recreate_user,
            "graph.replay": self._replay,
            "graph.notify": self._notify,
            "graph.lifecycle": lambda op: {"sent": world.subscriptions.lifecycle(self._tenant(op), str(op["event"]))},
            "graph.drop_subscriptions": lambda op: {"lost": world.subscriptions.drop(self._tenant(op))},
            "graph.set_app": self._set_app,
            "graph.set_tenant": self._set_tenant,
            "graph.revoke_tokens": self._revoke_tokens,
        }

    def run(self, operations: list[Json]) -> list[Any]:
        """Do them in order and return each one's result."""
        try:
            return [self._run_one(operation) for operation in operations]
        finally:
            self._world.rebase()

    def _run_one(self, operation: Json) -> Any:
        known = {**self._operations, **self._world.installation(operation.get("vendor")).operations()}
        action = known.get(str(operation.get("op")))
        if action is None:
            raise ValueError(f"op {operation.get('op')!r} is none of {', '.join(sorted(known))}")
        try:
            return action(operation)
        except KeyError as exc:
            raise ValueError(f"{operation['op']}: {exc} is missing or unknown") from exc
        except RefusalError as exc:
            raise ValueError(f"{operation['op']}: {exc.body}") from exc

    def _tenant(self, operation: Json) -> Tenant:
        tenant = self._world.directory.find(operation.get("tenant"))
        if tenant is None:
            raise ValueError(f"unknown tenant {operation.get('tenant')!r}")
        return tenant

    def _user(self, operation: Json) -> tuple[Tenant, Json]:
        tenant = self._tenant(operation)
        user = tenant.find(str(operation["user"]))
        if user is None:
            raise ValueError(f"unknown user {operation['user']!r}")
        return tenant, user

    def _create_user(self, operation: Json) -> Json:
        return self._tenant(operation).create({"accountEnabled": True, "userType": "Member", **operation["set"]})

    def _update_user(self, operation: Json, values: Json) -> Json:
        tenant, user = self._user(operation)
        return tenant.update(user["id"], values)

    def _delete_user(self, operation: Json) -> Json:
        tenant = self._tenant(operation)
        user_id = str(operation["user"])
        if user_id not in tenant.deleted:
            user_id = self._user(operation)[1]["id"]
        if operation.get("hard"):
            tenant.hard_delete(user_id)
        else:
            tenant.soft_delete(user_id)
        return {}

    def _restore_user(self, operation: Json) -> Json:
        return self._tenant(operation).restore(str(operation["user"]))

    def _rename_user(self, operation: Json) -> Json:
        tenant, user = self._user(operation)
        values = dict(operation["set"])
        old, new = user.get("mail"), values.get("mail")
        if new and old and new.casefold() != old.casefold():
            others = [f"smtp:{p[5:]}" if p[:5].lower() == "smtp:" else p for p in user.get("proxyAddresses") or ()]
            kept = [
                address
                for address in others
                if address.casefold() not in {f"smtp:{old}".casefold(), f"smtp:{new}".casefold()}
            ]
            values["proxyAddresses"] = [f"SMTP:{new}", f"smtp:{old}", *kept]
        return tenant.update(user["id"], values)

    def _recreate_user(self, operation: Json) -> Json:
        tenant, user = self._user(operation)
        tenant.hard_delete(user["id"])
        return tenant.create({key: value for key, value in user.items() if key not in {"id", "createdDateTime"}})

    def _replay(self, operation: Json) -> Json:
        tenant = self._tenant(operation)
        wanted = operation.get("users")
        known = (
            tenant.users if wanted is None else [user["id"] for user in map(tenant.find, wanted) if user is not None]
        )
        tenant.replay(list(known))
        return {}

    def _notify(self, operation: Json) -> Json:
        tenant = self._tenant(operation)
        named = [tenant.find(str(user)) or {"id": str(user)} for user in operation["users"]]
        sent = self._world.subscriptions.notify(
            tenant,
            [user["id"] for user in named],
            kind=str(operation.get("change", "updated")),
            times=int(operation.get("times", 1)),
            told=dict(operation.get("set", {})),
        )
        return {"sent": sent}

    def _set_app(self, operation: Json) -> Json:
        apps = self._tenant(operation).apps
        app = apps[operation["client_id"]] if "client_id" in operation else next(iter(apps.values()))
        if "roles" in operation:
            app.roles = frozenset(operation["roles"])
        for key, attribute in _APP_KEYS.items():
            if key in operation:
                setattr(app, attribute, operation[key])
        return {}

    def _set_tenant(self, operation: Json) -> Json:
        self._tenant(operation).exists = bool(operation["exists"])
        return {}

    def _revoke_tokens(self, operation: Json) -> Json:
        tenant = self._tenant(operation)
        tenant.tokens_valid_from = tenant.now()
        return {}
