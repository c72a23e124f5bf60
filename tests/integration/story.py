"""People to whom things happen, and the reports of the runs that meet them: the ground of the situation tests."""

from collections.abc import Mapping
from typing import Any

from tests.integration.stack import Json, Stack

DOMAIN = "contoso.example"
COMPANY, ANOTHER_COMPANY = 250, 251
EMAIL = {"type": {"id": 13, "name": "Email"}, "communicationType": "Email", "defaultFlag": True}
PHONE = "+49 30 5550100"


def mail_of(name: str) -> str:
    """Return the address, and the principal name, of somebody in the story."""
    return name if "@" in name else f"{name}@{DOMAIN}"


class Story:
    """A tenant and its company, changed by name; users are `name@contoso.example`."""

    def __init__(self, stack: Stack) -> None:
        """Begin with what the sandbox was seeded with."""
        self.stack = stack
        self.users: dict[str, Json] = {}

    def user(self, name: str, **properties: Any) -> Json:
        """Add an employee whose first name is Given and whose surname is the name, unless told otherwise."""
        mail = mail_of(name)
        defaults = {
            "userPrincipalName": mail,
            "mail": mail,
            "proxyAddresses": [f"SMTP:{mail}"],
            "givenName": "Given",
            "surname": name.title(),
            "displayName": f"Given {name.title()}",
            "jobTitle": "Buyer",
            "businessPhones": [PHONE],
        }
        self.users[name] = self.stack.mutate(op="graph.create_user", set={**defaults, **properties})
        return self.users[name]

    def change(self, name: str, **properties: Any) -> None:
        """Change a user in Microsoft 365."""
        self.stack.mutate(op="graph.update_user", user=self.users[name]["id"], set=properties)

    def contact(self, mail: str | None, *, company: int = COMPANY, **fields: Any) -> str:
        """Add a contact in the PSA by hand; return its id."""
        items = [{**EMAIL, "value": mail_of(mail)}] if mail else []
        made = self.stack.mutate(op="psa.create_contact", company=company, set={"communicationItems": items, **fields})
        return str(made["id"])

    def edit(self, contact_id: str, **fields: Any) -> None:
        """Change a contact in the PSA by hand."""
        self.stack.mutate(op="psa.update_contact", contact=contact_id, set=fields)

    def by_hand(self, what: str, contact_id: str, **how: Any) -> None:
        """Do something else to a contact in the PSA: delete, deactivate, move."""
        self.stack.mutate(op=f"psa.{what}_contact", contact=contact_id, **how)

    def held(self, contact_id: str) -> Json:
        """Return a contact as the PSA holds it."""
        contacts: list[Json] = self.stack.control.get("contacts").json()["contacts"]
        return next(contact for contact in contacts if str(contact["id"]) == contact_id)

    def contacts_with(self, mail: str) -> list[str]:
        """Return the ids of the company's contacts with an address."""
        return [str(contact["id"]) for contact in self.stack.contacts_of(mail_of(mail))]


class Told:
    """What one report says of each user."""

    def __init__(self, report: Json) -> None:
        """Take the report."""
        self.report = report

    def of(self, name: str) -> Json:
        """Return all that a report says of a user: what became of it, changed fields, codes, messages, rule."""
        told: Json = {"became": None, "changed": [], "codes": [], "messages": []}
        for kind in ("created", "updated"):
            for row in self._rows(f"{kind}_contacts", name):
                told |= {"became": kind, "contact": row["psa_contact_id"], "changed": row.get("changed_fields", [])}
        for row in self._rows("errors", name):
            told |= {"became": "error", "error": row}
        for row in self._rows("excluded", name):
            told |= {"became": "excluded", "rule": row["rule"]}
        for key in ("errors", "warnings"):
            told["codes"] += [row["code"] for row in self._rows(key, name)]
            told["messages"] += [row["message"] for row in self._rows(key, name)]
        return told

    def _rows(self, key: str, name: str) -> list[Json]:
        mail = mail_of(name).casefold()
        rows: list[Json] = self.report[key]
        return [row for row in rows if str(row["user_principal_name"]).casefold() == mail]


def only(told: Mapping[str, Any], became: str | None, *codes: str) -> None:
    """Check what became of a user, and that exactly these codes are said of it; each message names somebody."""
    assert (told["became"], sorted(told["codes"])) == (became, sorted(codes)), told
    assert all(len(message) > 20 for message in told["messages"])
