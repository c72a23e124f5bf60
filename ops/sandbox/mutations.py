"""What somebody does by hand behind the synchronisation's back: in directory, PSA and app registrations."""

from collections.abc import Callable
from typing import Any

from ops.sandbox.connectwise.errors import PsaError
from ops.sandbox.connectwise.seed import add_company
from ops.sandbox.http import Json
from ops.sandbox.microsoft.state import Tenant
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
        self._operations: dict[str, Callable[[Json], Any]] = {
            "graph.create_user": self._create_user,
            "graph.update_user": lambda op: self._update_user(op, op["set"]),
            "graph.disable_user": lambda op: self._update_user(op, {"accountEnabled": False}),
            "graph.enable_user": lambda op: self._update_user(op, {"accountEnabled": True}),
            "graph.delete_user": self._delete_user,
            "graph.restore_user": self._restore_user,
            "graph.rename_user": self._rename_user,
            "graph.recreate_user": self._recreate_user,
            "graph.replay": self._replay,
            "graph.set_app": self._set_app,
            "graph.set_tenant": self._set_tenant,
            "graph.revoke_tokens": self._revoke_tokens,
            "psa.create_contact": self._create_contact,
            "psa.update_contact": self._update_contact,
            "psa.deactivate_contact": lambda op: self._set_contact(op, {"inactiveFlag": True}),
            "psa.activate_contact": lambda op: self._set_contact(op, {"inactiveFlag": False}),
            "psa.delete_contact": self._delete_contact,
            "psa.move_contact": lambda op: self._set_contact(op, {"company": {"id": int(op["company"])}}),
            "psa.create_company": self._create_company,
            "psa.update_company": lambda op: self._set_company(op, op["set"]),
            "psa.deactivate_company": lambda op: self._set_company(
                op, {"status": {"id": 2, "name": "Inactive", "_info": {}}}
            ),
            "psa.delete_company": lambda op: self._set_company(op, {"deletedFlag": True}),
            "psa.set_credentials": self._set_credentials,
            "psa.upgrade": self._upgrade,
        }

    def run(self, operations: list[Json]) -> list[Any]:
        """Do them in order and return each one's result."""
        try:
            return [self._run_one(operation) for operation in operations]
        finally:
            self._world.rebase()

    def _run_one(self, operation: Json) -> Any:
        action = self._operations.get(str(operation.get("op")))
        if action is None:
            raise ValueError(f"op {operation.get('op')!r} is none of {', '.join(sorted(self._operations))}")
        if operation.get("vendor", "connectwise") != "connectwise":
            raise ValueError(f"unknown vendor {operation['vendor']!r}")
        try:
            return action(operation)
        except KeyError as exc:
            raise ValueError(f"{operation['op']}: {exc} is missing or unknown") from exc
        except PsaError as exc:
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

    def _create_contact(self, operation: Json) -> Json:
        values = {"company": {"id": int(operation["company"])}, **operation["set"]}
        return self._world.connectwise.writer.create(values, by="hand")

    def _update_contact(self, operation: Json) -> Json:
        if "patch" in operation:
            return self._world.connectwise.writer.patch(int(operation["contact"]), operation["patch"], by="hand")
        return self._set_contact(operation, operation["set"])

    def _set_contact(self, operation: Json, values: Json) -> Json:
        return self._world.connectwise.writer.update(int(operation["contact"]), values, by="hand")

    def _delete_contact(self, operation: Json) -> Json:
        self._world.connectwise.writer.delete(int(operation["contact"]), transfer_to=None, by="hand")
        return {}

    def _create_company(self, operation: Json) -> Json:
        psa, values = self._world.psa, operation["set"]
        number = int(values.get("id", max(psa.companies) + 1))
        return add_company(psa, number, identifier=values["identifier"], name=values["name"])

    def _set_company(self, operation: Json, values: Json) -> Json:
        psa, number = self._world.psa, int(operation["company"])
        psa.companies[number] = {**psa.companies[number], **values}
        psa.rewrite_company(number)
        psa.version += 1
        return psa.companies[number]

    def _set_credentials(self, operation: Json) -> Json:
        access = self._world.psa.access
        for key in ("private_key", "public_key", "client_id"):
            if key in operation:
                setattr(access, key, operation[key])
        if "rights" in operation:
            access.rights = set(operation["rights"])
        return {}

    def _upgrade(self, operation: Json) -> Json:
        self._world.psa.access.codebase = str(operation["codebase"]).strip("/") + "/"
        return {}
