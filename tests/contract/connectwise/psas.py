"""ConnectWise on the sandbox."""

from collections.abc import Sequence
from typing import Any

import httpx

from adapters.connectwise import Access, ConnectWiseContacts, FieldSettings
from adapters.limits import Budget
from tests.contract.kit import psa as kit
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, change, draft, object_id, permit
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget

__all__ = ["COMPANY", "OTHER_COMPANY", "SandboxPsa", "change", "draft", "object_id", "permit"]


class SandboxPsa(kit.SandboxPsa):
    """The adapter on the sandbox."""

    vendor = "connectwise"
    calls = {
        "read": {"method": "GET", "path": "/company/contacts"},
        "create": {"method": "POST", "path": "/company/contacts"},
        "update": {"method": "PATCH", "path": "/company/contacts"},
    }
    wrong_keys = {"private_key": "another"}

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        super().__init__(sandbox, client)
        self.port = self.contacts()

    def contacts(
        self, *, settings: FieldSettings | None = None, budget: Budget | None = None, **access: str
    ) -> ConnectWiseContacts:
        facts = self.sandbox.facts["connectwise"]
        names = ("site_url", "company", "public_key", "private_key", "client_id")
        return ConnectWiseContacts(
            Access(**{**{name: facts[name] for name in names}, **access}),
            client=self._client,
            budget=budget or NullBudget(),
            settings=settings,
            sleep=self.slept.append,
        )

    def by_hand(self, *, emails: Sequence[str], entra_id: str | None, active: bool, **names: str) -> dict[str, Any]:
        items = [
            {"type": {"id": 13}, "value": value, "defaultFlag": index == 0, "communicationType": "Email"}
            for index, value in enumerate(emails)
        ]
        return {
            "firstName": names["first_name"],
            "lastName": names["last_name"] or None,
            "inactiveFlag": not active,
            "userDefinedField10": entra_id,
            "communicationItems": items,
        }

    def add_raw(self, *, company: str = COMPANY, **values: Any) -> str:
        return super().add_raw(company=company, **{"firstName": "Bob", **values})
