"""Autotask on the sandbox."""

from collections.abc import Sequence
from typing import Any

import httpx

from adapters.autotask import Access, AutotaskContacts, FieldSettings
from adapters.limits import Budget, Slots
from tests.contract.kit import psa as kit
from tests.contract.kit.psa import COMPANY, OTHER_COMPANY, change, draft, object_id, permit
from tests.contract.sandbox import Sandbox
from tests.fakes.budget import NullBudget

__all__ = ["COMPANY", "OTHER_COMPANY", "WRITES", "SandboxPsa", "change", "draft", "object_id", "permit"]

WRITES = "/Companies/[0-9]+/Contacts$"


class SandboxPsa(kit.SandboxPsa):
    """The adapter on the sandbox."""

    vendor = "autotask"
    calls = {
        "read": {"path": "/Contacts/query$"},
        "create": {"method": "POST", "path": WRITES},
        "update": {"method": "PATCH", "path": WRITES},
    }
    wrong_keys = {"secret": "another"}

    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        super().__init__(sandbox, client)
        self.port = self.contacts()

    def contacts(
        self,
        *,
        settings: FieldSettings | None = None,
        budget: Budget | None = None,
        slots: Slots | None = None,
        **access: str,
    ) -> AutotaskContacts:
        facts = self.sandbox.facts["autotask"]
        names = ("zone_url", "username", "secret", "integration_code")
        return AutotaskContacts(
            Access(**{**{name: facts[name] for name in names}, **access}),
            client=self._client,
            budget=budget or NullBudget(),
            slots=slots,
            settings=settings,
            sleep=self.slept.append,
        )

    def by_hand(self, *, emails: Sequence[str], entra_id: str | None, active: bool, **names: str) -> dict[str, Any]:
        places = dict(zip(("emailAddress", "emailAddress2", "emailAddress3"), emails, strict=False))
        person = {"firstName": names["first_name"], "lastName": names["last_name"]}
        return {**person, "isActive": int(active), "externalID": entra_id, **places}

    def envelope(self, contact: dict[str, Any]) -> dict[str, Any]:
        return {"item": contact}

    def add_raw(self, *, company: str = COMPANY, **values: Any) -> str:
        return super().add_raw(company=company, **{"firstName": "Bob", **values})
