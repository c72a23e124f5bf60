"""HaloPSA on the sandbox."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx

from adapters.halo import Access, FieldSettings, HaloContacts
from adapters.limits import Budget
from tests.contract.kit import psa as kit
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, On, change, draft, object_id, permit
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget

__all__ = ["COMPANY", "OTHER_COMPANY", "SITE_ID", "HaloPsa", "change", "draft", "object_id", "permit"]

SITE_ID = "92501"  # the main one of COMPANY


class HaloPsa(kit.SandboxPsa):
    """The adapter on the sandbox."""

    vendor = "halo"
    calls = {
        "read": {"method": "GET", "path": "/api/Users"},
        "create": {"method": "POST", "path": "/api/Users"},
        "update": {"method": "POST", "path": "/api/Users"},
    }
    wrong_keys = {"client_secret": "another"}

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        super().__init__(sandbox, client)
        self.port = self.contacts()

    def contacts(
        self, *, settings: FieldSettings | None = None, budget: Budget | None = None, **access: str
    ) -> HaloContacts:
        names = ("resource_url", "auth_url", "tenant", "client_id", "client_secret")
        facts = self.sandbox.facts[self.vendor]
        return HaloContacts(
            Access(**{**{name: facts[name] for name in names}, **access}),
            client=self._client,
            budget=budget or NullBudget(),
            settings=settings,
            sleep=self.slept.append,
        )

    def by_hand(self, *, emails: Sequence[str], entra_id: str | None, active: bool, **names: str) -> dict[str, Any]:
        places = dict(zip(("emailaddress", "email2", "email3"), emails, strict=False))
        person = {"firstname": names["first_name"], "surname": names["last_name"]}
        return {**person, "azureoid": entra_id or "", "inactive": not active, **places}

    def add_raw(self, *, company: str = COMPANY, **values: Any) -> str:
        return super().add_raw(company=company, **{"firstname": "Bob", **values})

    def envelope(self, contact: dict[str, Any]) -> dict[str, Any]:
        return {**contact, "client_id": int(COMPANY)}  # it follows from the site

    def kill_keys(self) -> None:
        super().kill_keys()
        self.sandbox.post("advance-clock", {"seconds": 5})
        self.mutate("psa.revoke_tokens")

    def lose_answer(self, on: On = "create") -> None:
        super().lose_answer(on)


class ReportingHaloPsa(HaloPsa):
    """The adapter on a Halo that has a users' report."""

    SQL = (
        "SELECT uid AS id, UAzureOID AS azureoid, uemail2 AS email2, uemail3 AS email3,"
        " UIsImportantContact AS isimportantcontact2 FROM USERS"
    )

    def contacts(
        self, *, settings: FieldSettings | None = None, budget: Budget | None = None, **access: str
    ) -> HaloContacts:
        settings = replace(settings or FieldSettings(), users_report=self._report_id())
        return super().contacts(settings=settings, budget=budget, **access)

    def keep_rights(self, *rights: str) -> None:
        super().keep_rights(*rights, "reports.read")

    def _report_id(self) -> int:
        """Make the report that the documentation shows, as somebody who may."""
        facts = self.sandbox.facts[self.vendor]
        form = {"grant_type": "client_credentials", "scope": "all"}
        form |= {name: facts[name] for name in ("client_id", "client_secret")}
        login = f"{facts['auth_url']}/token?tenant={facts['tenant']}"
        token = self._client.post(login, data=form).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        body = [{"name": "contact-sync users", "sql": self.SQL}]
        made = self._client.post(f"{facts['resource_url']}/Report", json=body, headers=headers).raise_for_status()
        return int(made.json()["id"])
