"""A naive synchronisation in plain httpx, written from the rules and from nothing in the sandbox.

`mistake` names one thing that it is to do wrong."""

import re
from typing import Any

from tests.sandbox.harness import Sandbox

Contact = dict[str, Any]
User = dict[str, Any]
SELECT = (
    "id,userPrincipalName,displayName,givenName,surname,mail,proxyAddresses,accountEnabled,userType,"
    "jobTitle,department,businessPhones,mobilePhone"
)
EMAIL, DIRECT, CELL = 13, 22, 26
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
MISTAKES = (
    "knows no aliases",
    "erases phones",
    "overwrites foreign ids",
    "replaces all items",
    "passes over inactive contacts",
    "deactivates strangers",
    "takes the first of two",
    "writes no object id",
    "takes contacts of other companies",
    "leaves titles",
    "creates twice",
    "leaves extensions in the number",
)


def text(value: str | None) -> str:
    return " ".join("".join(c for c in value or "" if c in "\t\r\n" or (ord(c) >= 32 and ord(c) != 127)).split())


def number(value: str) -> str:
    return re.sub(r"\D", "", value)


class ReferenceSync:
    """One full run for the first tenant into its company."""

    name_max: int | None = 30
    title_max: int | None = 50
    mail_max: int | None = 250

    def __init__(self, sandbox: Sandbox, *, tenant: int = 0, mistake: str = "") -> None:
        assert not mistake or mistake in MISTAKES
        self.sandbox = sandbox
        self.mistake = mistake
        self.tenant = tenant
        self.company = int(sandbox.tenants[tenant]["company_id"])
        self.users: list[User] = sandbox.walk(f"/users?$select={SELECT}&$top=999", tenant=tenant)[0]
        self.ids = {user["id"] for user in self.users}
        self.contacts = self._contacts()
        self.active = [u for u in self.users if self._in_scope(u)]
        self.errors: list[tuple[str, str]] = []

    def _contacts(self) -> list[Contact]:
        departments = self.sandbox.psa("/company/contacts/departments", params={"pageSize": 1000}).json()
        self.departments = {d["name"].casefold(): d["id"] for d in departments}
        found: list[Contact] = []
        page = 1
        while True:
            params: dict[str, Any] = {"pageSize": 1000, "page": page, "orderBy": "id asc"}
            if self.mistake != "takes contacts of other companies":
                params["conditions"] = f"company/id={self.company}"
            rows = self.sandbox.psa("/company/contacts", params=params).json()
            found += rows
            page += 1
            if len(rows) < 1000:
                return found

    @staticmethod
    def _in_scope(user: User) -> bool:
        if user["accountEnabled"] is not True or user["userType"] == "Guest" or not (user["mail"] or "").strip():
            return False
        return not re.match(r"svc[-_.]", user["userPrincipalName"], re.IGNORECASE)

    def run(self) -> None:
        plans = [(user, self._match(user)) for user in self.active]
        for user, contact in plans:
            if contact == "error":
                continue
            if contact is None:
                self._create(user)
            elif isinstance(contact, dict):
                self._update(user, contact)
        if self.mistake == "deactivates strangers":
            stranger = next(c for c in self.contacts if c.get("lastName") == "Stranger1")
            self._deactivate(stranger)

    def _deactivate(self, contact: Contact) -> None:
        self.sandbox.patch(contact["id"], ("replace", "/inactiveFlag", True))

    def _can_be_held(self, user: User) -> bool:
        mail = user["mail"].strip()
        fits = self.mail_max is None or len(mail) <= self.mail_max
        return fits and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", mail) is not None

    def _match(self, user: User) -> Contact | str | None:
        mail = user["mail"].strip().casefold()
        if not self._can_be_held(user):
            return "error"
        for contact in self.contacts:
            if contact.get("userDefinedField10", "").lower() == user["id"]:
                return contact
        if sum(1 for other in self.active if other["mail"].strip().casefold() == mail) > 1:
            return "error"
        others = {other["mail"].strip().casefold() for other in self.active if other is not user}
        aliases = {user["userPrincipalName"].casefold()}
        aliases |= {p[5:].casefold() for p in user["proxyAddresses"] if p.lower().startswith("smtp:")}
        wanted = {mail} if self.mistake == "knows no aliases" else {mail} | (aliases - others)
        hits = [c for c in self.contacts if wanted & self._addresses(c)]
        living = [c for c in hits if not c["inactiveFlag"]]
        hits = living or ([] if self.mistake == "passes over inactive contacts" else hits)
        if not hits:
            return self._namesake(user)
        if len(hits) > 1 and self.mistake != "takes the first of two":
            return "error"
        return self._acceptable(user, hits[0], mail)

    def _acceptable(self, user: User, contact: Contact, mail: str) -> Contact | str:
        if contact.get("userDefinedField10") in self.ids:
            return "error"
        if (
            mail not in self._addresses(contact)
            and text(user["surname"]).casefold() != contact.get("lastName", "").casefold()
        ):
            return "error"
        return contact

    @staticmethod
    def _addresses(contact: Contact) -> set[str]:
        items = contact.get("communicationItems", [])
        return {item["value"].casefold() for item in items if item["communicationType"] == "Email"}

    def _namesake(self, user: User) -> str | None:
        wanted = self._names(user)
        for contact in self.contacts:
            bare = (
                not self._addresses(contact) and not contact.get("userDefinedField10") and not contact["inactiveFlag"]
            )
            name = (contact["firstName"].casefold(), contact.get("lastName", "").casefold())
            if bare and name == (wanted[0].casefold(), wanted[1].casefold()):
                return "error"
        return None

    def _names(self, user: User) -> tuple[str, str]:
        first = text(user["givenName"]) or (text(user["displayName"]).split() or [user["mail"].split("@")[0]])[0]
        return first[: self.name_max].strip(), text(user["surname"])[: self.name_max].strip()

    def _phone(self, user: User) -> tuple[str, str]:
        whole = text((user["businessPhones"] or [""])[0])
        if self.mistake == "leaves extensions in the number":
            return whole, ""
        match = re.fullmatch(r"(.*?)\s*(?:x|ext\.?)\s*(\d+)", whole, re.IGNORECASE)
        return (match[1], match[2]) if match else (whole, "")

    def _title(self, user: User) -> str:
        return "" if self.mistake == "leaves titles" else text(user["jobTitle"])[: self.title_max].strip()

    def _plain(self, user: User) -> dict[str, Any]:
        first, last = self._names(user)
        values: dict[str, Any] = {"firstName": first, "lastName": last, "title": self._title(user)}
        department = self.departments.get(text(user["department"]).casefold())
        values["department"] = {"id": department} if department else None
        values["userDefinedField10"] = "" if self.mistake == "writes no object id" else user["id"]
        return {name: value for name, value in values.items() if value}

    def _items(self, user: User) -> list[dict[str, Any]]:
        phone, extension = self._phone(user)
        mobile = text(user["mobilePhone"])
        items = [
            {"type": {"id": EMAIL}, "value": user["mail"].strip(), "communicationType": "Email", "defaultFlag": True}
        ]
        if phone:
            item = {"type": {"id": DIRECT}, "value": phone, "communicationType": "Phone", "defaultFlag": True}
            items.append(item | ({"extension": extension} if extension else {}))
        if mobile:
            items.append(
                {"type": {"id": CELL}, "value": mobile, "communicationType": "Phone", "defaultFlag": not phone}
            )
        return items

    def _create(self, user: User) -> None:
        body = {**self._plain(user), "company": {"id": self.company}, "communicationItems": self._items(user)}
        for _ in range(self._times()):
            answer = self.sandbox.psa("/company/contacts", method="POST", json=body)
            if answer.status_code != 201:
                self.errors.append((user["userPrincipalName"], answer.text))

    def _times(self) -> int:
        """How often the next contact is created: the first one twice, by that mistake."""
        if self.mistake != "creates twice":
            return 1
        self.mistake = ""
        return 2

    def _update(self, user: User, contact: Contact) -> None:
        operations: list[tuple[Any, ...]] = []
        for name, value in self._plain(user).items():
            if name == "userDefinedField10" and not self._may_take(contact):
                continue
            old = contact.get(name)
            same = (old or {}).get("id") == value["id"] if name == "department" else old == value
            if not same:
                operations.append(("replace", f"/{name}", value))
        if contact["inactiveFlag"]:
            operations.append(("replace", "/inactiveFlag", False))
        operations += self._item_operations(user, contact)
        if operations:
            answer = self.sandbox.patch(contact["id"], *operations)
            if answer.status_code != 200:
                self.errors.append((user["userPrincipalName"], answer.text))

    def _may_take(self, contact: Contact) -> bool:
        stored = contact.get("userDefinedField10", "")
        return not stored or GUID.fullmatch(stored) is not None or self.mistake == "overwrites foreign ids"

    def _item_operations(self, user: User, contact: Contact) -> list[tuple[Any, ...]]:
        if self.mistake == "replaces all items":
            return [("replace", "/communicationItems", self._items(user))]
        items = contact.get("communicationItems", [])
        operations: list[tuple[Any, ...]] = []
        added = 0
        for wanted in self._items(user):
            operation = self._one_item(items, wanted, len(items) + added)
            if operation:
                added += operation[0][0] == "add"
                operations += operation
        if self.mistake == "erases phones" and not user["businessPhones"]:
            operations += [
                ("remove", f"/communicationItems/{i}") for i, item in enumerate(items) if item["type"]["id"] == DIRECT
            ]
        return operations

    @staticmethod
    def _one_item(items: list[dict[str, Any]], wanted: dict[str, Any], end: int) -> list[tuple[Any, ...]]:
        path = "/communicationItems"
        if wanted["communicationType"] == "Email":
            default = next(
                (i for i, x in enumerate(items) if x["communicationType"] == "Email" and x["defaultFlag"]), None
            )
            if default is not None and items[default]["value"].casefold() == wanted["value"].casefold():
                return []
            for index, item in enumerate(items):
                if item["communicationType"] == "Email" and item["value"].casefold() == wanted["value"].casefold():
                    return [("replace", f"{path}/{index}/defaultFlag", True)]
            return (
                [("replace", f"{path}/{default}/value", wanted["value"])]
                if default is not None
                else [("add", f"{path}/{end}", wanted)]
            )
        for index, item in enumerate(items):
            if item["type"]["id"] == wanted["type"]["id"]:
                if number(item["value"] + item.get("extension", "")) == number(
                    wanted["value"] + wanted.get("extension", "")
                ):
                    return []
                changes: list[tuple[Any, ...]] = [("replace", f"{path}/{index}/value", wanted["value"])]
                if wanted.get("extension", "") != item.get("extension", ""):
                    changes.append(("replace", f"{path}/{index}/extension", wanted.get("extension", "")))
                return changes
        return [("add", f"{path}/{end}", wanted)]
