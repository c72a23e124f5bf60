"""What somebody does by hand in HaloPSA."""

from ops.sandbox.halo.seed import add_client
from ops.sandbox.halo.state import Halo
from ops.sandbox.halo.writes import Writer
from ops.sandbox.http import Json
from ops.sandbox.installation import Operation

_KEYS = ("tenant", "client_id", "client_secret")


class ByHand:
    """The operations `psa.*`."""

    def __init__(self, halo: Halo, writer: Writer) -> None:
        self._halo = halo
        self._writer = writer
        self.operations: dict[str, Operation] = {
            "psa.create_contact": self._create_contact,
            "psa.update_contact": lambda op: self._set_contact(op, op["set"]),
            "psa.deactivate_contact": lambda op: self._set_contact(op, {"inactive": True}),
            "psa.activate_contact": lambda op: self._set_contact(op, {"inactive": False}),
            "psa.delete_contact": self._delete_contact,
            "psa.move_contact": lambda op: self._set_contact(op, {"site_id": self._main_site(op)}),
            "psa.create_company": self._create_company,
            "psa.update_company": lambda op: self._set_company(op, op["set"]),
            "psa.deactivate_company": lambda op: self._set_company(op, {"inactive": True}),
            "psa.delete_company": self._delete_company,
            "psa.set_credentials": self._set_credentials,
            "psa.revoke_tokens": self._revoke_tokens,
        }

    def _main_site(self, operation: Json) -> int:
        return int(self._halo.clients[int(operation["company"])]["main_site_id"])

    def _create_contact(self, operation: Json) -> Json:
        values = {"site_id": self._main_site(operation), **operation["set"]}
        if "name" not in values:
            values["name"] = f"{values.get('firstname', '')} {values.get('surname', '')}".strip()
        return self._writer.create(values, by="hand")

    def _set_contact(self, operation: Json, values: Json) -> Json:
        return self._writer.update(int(operation["contact"]), values, by="hand")

    def _delete_contact(self, operation: Json) -> Json:
        self._writer.delete(int(operation["contact"]), by="hand")
        return {}

    def _create_company(self, operation: Json) -> Json:
        values = operation["set"]
        number = int(values.get("id", max(self._halo.clients) + 1))
        return add_client(self._halo, self._writer, number, identifier=values["identifier"], name=values["name"])

    def _set_company(self, operation: Json, values: Json) -> Json:
        number = int(operation["company"])
        self._halo.clients[number] = {**self._halo.clients[number], **values}
        return self._halo.clients[number]

    def _delete_company(self, operation: Json) -> Json:
        halo, number = self._halo, int(operation["company"])
        for user_id in list(halo.by_client.get(number, ())):
            halo.delete(user_id, by="hand")
        halo.sites = {site_id: site for site_id, site in halo.sites.items() if site["client_id"] != number}
        del halo.clients[number]
        return {}

    def _set_credentials(self, operation: Json) -> Json:
        access = self._halo.access
        for key in _KEYS:
            if key in operation:
                setattr(access, key, operation[key])
        if "rights" in operation:
            access.rights = set(operation["rights"])
        return {}

    def _revoke_tokens(self, operation: Json) -> Json:
        self._halo.access.tokens_valid_from = self._halo.clock.now()
        return {}
