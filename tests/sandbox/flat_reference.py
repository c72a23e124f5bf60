"""The naive synchronisation on PSAs whose contacts are flat records. It matches as the other one; writing differs."""

from typing import Any

import httpx

from tests.sandbox.harness import Sandbox
from tests.sandbox.reference import Contact, ReferenceSync, User, number, text

Json = dict[str, Any]
WRITING_MISTAKES = (
    "erases phones",
    "overwrites foreign ids",
    "replaces all items",
    "deactivates strangers",
    "writes no object id",
    "leaves titles",
    "creates twice",
)


class FlatSync(ReferenceSync):
    """`names` are the vendor's names for first, last, title, phone, mobile and object id."""

    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    other_numbers: tuple[str, ...] = ()

    def _seen(self, raw: Json, *, active: bool) -> Contact:
        """A record as the matching looks at it."""
        first, last, *_, object_id = self.names
        return {
            "id": raw["id"],
            "firstName": raw[first] or "",
            "lastName": raw[last] or "",
            "inactiveFlag": not active,
            "userDefinedField10": raw[object_id] or "",
            "communicationItems": [
                {"value": raw[name], "communicationType": "Email"} for name in self.addresses if raw[name]
            ],
            "raw": raw,
        }

    def _wanted(self, user: User) -> Json:
        first, last = self._names(user)
        phone, extension = self._phone(user)
        object_id = "" if self.mistake == "writes no object id" else user["id"]
        values = (first, last, self._title(user), phone, text(user["mobilePhone"]), object_id)
        wanted = {self.addresses[0]: user["mail"].strip(), **dict(zip(self.names, values, strict=True))}
        return {name: value for name, value in {**wanted, **self._more(user, extension)}.items() if value}

    def _more(self, user: User, extension: str) -> Json:
        """Fields that only one vendor has."""
        raise NotImplementedError

    def _create(self, user: User) -> None:
        for _ in range(self._times()):
            self._check(user, self._send_new(self._wanted(user)))

    def _update(self, user: User, contact: Contact) -> None:
        wanted, raw = self._wanted(user), contact["raw"]
        if not self._may_take(contact):
            wanted.pop(self.names[-1], None)
        changes = {name: value for name, value in wanted.items() if not self._same(name, value, raw[name] or "")}
        if self.mistake == "erases phones" and not user["businessPhones"]:
            changes[self.names[3]] = ""
        if self.mistake == "replaces all items":
            changes |= dict.fromkeys((*self.addresses[1:], *self.other_numbers), "")
        if changes or contact["inactiveFlag"]:
            self._check(user, self._send_changes(contact, changes))

    def _same(self, name: str, value: str, stored: str) -> bool:
        if name in self.names[3:5]:
            return number(value) == number(stored)
        return value.casefold() == stored.casefold() if name in self.addresses else value == stored

    def _check(self, user: User, answer: httpx.Response) -> None:
        if answer.status_code not in (200, 201):
            self.errors.append((user["userPrincipalName"], answer.text))

    def _send_new(self, values: Json) -> httpx.Response:
        raise NotImplementedError

    def _send_changes(self, contact: Contact, changes: Json) -> httpx.Response:
        raise NotImplementedError


class AutotaskSync(FlatSync):
    """Autotask: a last name is demanded, there is no department."""

    name_max = 50
    mail_max = 254
    names = ("firstName", "lastName", "title", "phone", "mobilePhone", "externalID")
    addresses = ("emailAddress", "emailAddress2", "emailAddress3")
    other_numbers = ("faxNumber", "alternatePhone")

    def _contacts(self) -> list[Contact]:
        found: list[Contact] = []
        company = {"op": "eq", "field": "companyID", "value": self.company}
        everywhere = self.mistake == "takes contacts of other companies"
        while True:
            after = {"op": "gt", "field": "id", "value": found[-1]["id"] if found else 0}
            rows = self.sandbox.query("Contacts", after, *([] if everywhere else [company])).json()["items"]
            if not rows:
                return found
            found += [self._seen(row, active=row["isActive"] == 1) for row in rows]

    def _can_be_held(self, user: User) -> bool:
        return super()._can_be_held(user) and bool(text(user["surname"]))

    def _more(self, user: User, extension: str) -> Json:
        return {"extension": extension}

    def _send_new(self, values: Json) -> httpx.Response:
        return self._send("POST", {"companyID": self.company, "isActive": 1, **values})

    def _send_changes(self, contact: Contact, changes: Json) -> httpx.Response:
        is_back = {"isActive": 1} if contact["inactiveFlag"] else {}
        return self._send("PATCH", {"id": contact["id"], **changes, **is_back}, contact["raw"]["companyID"])

    def _deactivate(self, contact: Contact) -> None:
        self._send("PATCH", {"id": contact["id"], "isActive": 0})

    def _send(self, method: str, values: Json, company: int | None = None) -> httpx.Response:
        return self.sandbox.autotask(f"/Companies/{company or self.company}/Contacts", method=method, json=values)


class HaloSync(FlatSync):
    """Halo: nothing is too long, departments are text, and only the detail tells everything."""

    name_max = title_max = mail_max = None
    names = ("firstname", "surname", "title", "phonenumber", "mobilenumber2", "azureoid")
    addresses = ("emailaddress", "email2", "email3")
    other_numbers = ("fax", "homenumber")

    def _contacts(self) -> list[Contact]:
        params: Json = {"pageinate": "false", "includeinactive": "true", "exclude_generaluser": "true"}
        if self.mistake != "takes contacts of other companies":
            params["client_id"] = self.company
        rows = self.sandbox.halo("/Users", params=params).json()["users"]
        details = (self.sandbox.halo_user(row["id"]) for row in rows)
        return [self._seen(detail, active=not detail["inactive"]) for detail in details]

    def _phone(self, user: User) -> tuple[str, str]:
        return text((user["businessPhones"] or [""])[0]), ""

    def _more(self, user: User, extension: str) -> Json:
        return {"department": text(user["department"])}

    def _send_new(self, values: Json) -> httpx.Response:
        name = f"{values['firstname']} {values.get('surname', '')}".strip()
        return self.sandbox.post_halo_user(name=name, site_id=self.company * 10 + 1, inactive=False, **values)

    def _send_changes(self, contact: Contact, changes: Json) -> httpx.Response:
        is_back = {"inactive": False} if contact["inactiveFlag"] else {}
        return self.sandbox.post_halo_user(id=contact["id"], **changes, **is_back)

    def _deactivate(self, contact: Contact) -> None:
        self.sandbox.post_halo_user(id=contact["id"], inactive=True)


def reference_sync(sandbox: Sandbox, vendor: str, **rest: Any) -> ReferenceSync:
    """The synchronisation for one PSA."""
    kinds = {"connectwise": ReferenceSync, "autotask": AutotaskSync, "halo": HaloSync}
    return kinds[vendor](sandbox, **rest)
