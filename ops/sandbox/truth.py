"""What the next full run has to do, worked out from the rules and not from the product.

Default configuration: enabled, not a guest, with mail; "service accounts" (`^svc[-_.]`) excluded; one company; the
object id in the PSA's field for it; what the PSA can hold stands in its `Rules`. `Expected` is one user's part,
`Truth` all of them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ops.sandbox.http import Json
from ops.sandbox.people import Person, Rules

_SERVICE = re.compile(r"^svc[-_.]", re.IGNORECASE)
_GUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_EXTENSION = re.compile(r"\s*(?:x|ext\.?)\s*(\d{1,15})\s*$", re.IGNORECASE)
_MAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")


@dataclass
class Expected:
    """What becomes of one user."""

    user: Json
    outcome: str  # created, updated, skipped, error, excluded
    why: str
    code: str | None = None
    rule: str | None = None
    contact: Person | None = None
    changed_fields: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    desired: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> Json:
        """For the control API."""
        return {
            "id": self.user["id"],
            "user_principal_name": self.user["userPrincipalName"],
            "outcome": self.outcome,
            "code": self.code,
            "rule": self.rule,
            "contact_id": self.contact.id if self.contact else None,
            "changed_fields": self.changed_fields,
            "warnings": self.warnings,
            "desired": self.desired,
            "why": self.why,
        }


@dataclass
class Truth:
    """What becomes of all users of one tenant in one company."""

    users: list[Expected]
    rules: Rules

    def statistics(self) -> Json:
        """The numbers that a report of the first run must show."""
        counts = Counter(entry.outcome for entry in self.users)
        processed = [entry for entry in self.users if entry.outcome != "excluded"]
        return {
            "total_office365_users": sum(1 for entry in self.users if entry.user.get("accountEnabled") is True),
            "users_processed": len(processed),
            "created": counts["created"],
            "updated": counts["updated"],
            "skipped": counts["skipped"],
            "errors": dict(sorted(Counter(e.code for e in processed if e.code).items())),
            "warnings": dict(sorted(Counter(code for e in processed for code in set(e.warnings)).items())),
            "excluded": dict(sorted(Counter(e.rule for e in self.users if e.rule).items())),
        }


def fold(text: str | None) -> str:
    """As addresses and names are compared."""
    return (text or "").strip().casefold()


def tidy(text: str | None) -> str:
    """Control characters out, blanks collapsed."""
    kept = "".join(c if unicodedata.category(c) != "Cc" or c in "\t\n\r" else "" for c in text or "")
    return " ".join(kept.split())


def digits(text: str) -> str:
    """As phones are compared."""
    return "".join(c for c in text if c.isdigit())


def excluding_rule(user: Json) -> str | None:
    """Why a user is out of scope, None if in."""
    if user.get("accountEnabled") is not True:
        return "disabled"
    if user.get("userType") == "Guest":
        return "guest"
    if not (user.get("mail") or "").strip():
        return "no mail"
    return "service accounts" if _SERVICE.match(user["userPrincipalName"]) else None


def aliases_of(user: Json) -> set[str]:
    """Every address but the mail, folded."""
    proxies = [p[5:] for p in user.get("proxyAddresses") or () if p[:5].lower() == "smtp:"]
    return {fold(address) for address in (user["userPrincipalName"], *proxies)} - {fold(user.get("mail")), ""}


def cut(text: str, most: int | None) -> str:
    """As much as fits."""
    return text if most is None else text[:most].rstrip()


def draft(user: Json, rules: Rules) -> tuple[dict[str, str], list[str]]:
    """The contact's fields by the default mapping, without those that say nothing, and the warnings."""
    warnings = []
    first = tidy(user.get("givenName"))
    if not first:
        warnings.append("FirstNameDerived")
        words = tidy(user.get("displayName")).split()
        first = words[0] if words else user["mail"].partition("@")[0]
    texts = {
        "first_name": (first, rules.name_max),
        "last_name": (tidy(user.get("surname")), rules.name_max),
        "job_title": (tidy(user.get("jobTitle")), rules.title_max),
    }
    if any(most is not None and len(text) > most for text, most in texts.values()):
        warnings.append("ValueTruncated")
    department = tidy(user.get("department")) if rules.department != "none" else ""
    if rules.department == "reference" and department and fold(department) not in rules.departments:
        warnings.append("ReferenceNotFound")
        department = ""
    phone, extension = _phone(user, rules)
    fields = {
        **{name: cut(text, most) for name, (text, most) in texts.items()},
        "email": tidy(user.get("mail")),
        "phone": phone,
        "extension": extension,
        "mobile_phone": tidy(user.get("mobilePhone")),
        "department": department,
        "entra_id": user["id"],
    }
    return {name: value for name, value in fields.items() if value}, warnings


def _phone(user: Json, rules: Rules) -> tuple[str, str]:
    whole = tidy((user.get("businessPhones") or [""])[0])
    extension = _EXTENSION.search(whole) if rules.splits_extension else None
    return (whole[: extension.start()], extension[1]) if extension else (whole, "")


def unfit(desired: Mapping[str, str], rules: Rules) -> str | None:
    """The error code of a draft that the PSA cannot hold, None if it can."""
    if not _MAIL.match(desired["email"]):
        return "InvalidFieldMapping"
    limits = {"email": rules.mail_max, "phone": rules.phone_max, "mobile_phone": rules.phone_max}
    if any(most is not None and len(desired.get(name, "")) > most for name, most in limits.items()):
        return "InvalidFieldMapping"
    return "UserDataIncomplete" if rules.needs_last_name and "last_name" not in desired else None


def differing_fields(desired: Mapping[str, str], contact: Person, rules: Rules) -> list[str]:
    """Names of the fields in which a contact is not as desired; the object id is `entra_id`."""
    names_a_record = rules.department == "reference"
    right: dict[str, bool] = {
        "first_name": _nfc(contact.first_name) == _nfc(desired.get("first_name")),
        "last_name": _nfc(contact.last_name) == _nfc(desired.get("last_name")),
        "email": bool(contact.emails) and fold(contact.emails[0]) == fold(desired.get("email")),
        "phone": _is_phone_right(desired, contact),
        "extension": True,  # a part of the phone
        "mobile_phone": digits(contact.mobile) == digits(desired.get("mobile_phone", "")),
        "job_title": _nfc(contact.job_title) == _nfc(desired.get("job_title")),
        "department": _same_text(contact.department, desired.get("department"), folded=names_a_record),
        "entra_id": fold(contact.object_id) == fold(desired.get("entra_id")),
    }
    return [name for name in desired if not right[name]]


def _same_text(one: str, other: str | None, *, folded: bool) -> bool:
    return fold(one) == fold(other) if folded else _nfc(one) == _nfc(other)


def _nfc(text: str | None) -> str:
    return unicodedata.normalize("NFC", text or "")


def _is_phone_right(desired: Mapping[str, str], contact: Person) -> bool:
    """Digits count, and an extension stands in its own place; one that the directory does not know may stay."""
    same = digits(contact.phone) == digits(desired.get("phone", ""))
    return same and desired.get("extension", contact.extension) == contact.extension


def _has_no_phone(desired: Mapping[str, str]) -> bool:
    return "phone" not in desired and "mobile_phone" not in desired


class TruthFinder:
    """Applies the matching rules to one tenant's directory and one company's contacts."""

    def __init__(self, users: Iterable[Json], contacts: Iterable[Person], rules: Rules) -> None:
        self._users = list(users)
        self._ids = {user["id"].lower() for user in self._users}
        self._rules = rules
        self._excluding = {user["id"]: excluding_rule(user) for user in self._users}
        self._by_id: dict[str, list[Person]] = {}
        self._by_address: dict[str, list[Person]] = {}
        self._nameless: dict[tuple[str, str], list[Person]] = {}
        for contact in contacts:
            self._index(contact)
        self._mail_users: dict[str, list[Json]] = {}
        for user in self._users:
            if self._excluding[user["id"]] is None:
                self._mail_users.setdefault(fold(user["mail"]), []).append(user)

    def _index(self, contact: Person) -> None:
        if contact.object_id:
            self._by_id.setdefault(fold(contact.object_id), []).append(contact)
        for address in {fold(email) for email in contact.emails}:
            self._by_address.setdefault(address, []).append(contact)
        if contact.active and not contact.emails and not contact.object_id:
            self._nameless.setdefault((fold(contact.first_name), fold(contact.last_name)), []).append(contact)

    def find(self) -> Truth:
        """Judge every user."""
        return Truth([self._judge(user) for user in self._users], self._rules)

    def _judge(self, user: Json) -> Expected:
        rule = self._excluding[user["id"]]
        if rule is not None:
            return Expected(user, "excluded", f"out of scope: {rule}", rule=rule)
        desired, warnings = draft(user, self._rules)
        if (code := unfit(desired, self._rules)) is not None:
            return Expected(user, "error", "the PSA cannot hold it", code=code)
        linked = self._by_id.get(user["id"].lower(), [])
        if linked:
            contact = min(linked, key=lambda person: not person.active)
            return self._match(user, contact, desired, warnings=warnings, why="carries the object id")
        return self._by_addresses(user, desired, warnings)

    def _by_addresses(self, user: Json, desired: dict[str, str], warnings: list[str]) -> Expected:
        mail = fold(user["mail"])
        rivals = [other for other in self._mail_users[mail] if other is not user]
        if rivals:
            return self._duplicate(user, "another user has the same mail")
        aliases = {address for address in aliases_of(user) if not self._mail_users.get(address)}
        candidates = {c.id: c for address in (mail, *sorted(aliases)) for c in self._by_address.get(address, ())}
        active = [contact for contact in candidates.values() if contact.active]
        pool = active or list(candidates.values())
        if not pool:
            return self._create(user, desired, warnings)
        if len(pool) > 1:
            return self._duplicate(user, f"contacts {sorted(c.id for c in pool)} could all be this user")
        return self._judge_candidate(user, pool[0], desired, warnings)

    def _judge_candidate(self, user: Json, contact: Person, desired: dict[str, str], warnings: list[str]) -> Expected:
        if fold(contact.object_id) in self._ids:
            return self._duplicate(user, f"contact {contact.id} carries another user's object id")
        by_mail = fold(user["mail"]) in {fold(address) for address in contact.emails}
        if not by_mail and fold(tidy(user.get("surname"))) != fold(contact.last_name):
            return self._duplicate(user, f"contact {contact.id} has an alias of the user and another surname")
        if contact.object_id and not _GUID.match(contact.object_id):
            kept = {name: value for name, value in desired.items() if name != "entra_id"}
            return self._match(
                user,
                contact,
                kept,
                warnings=[*warnings, "ForeignObjectId"],
                why="has the address; its foreign id stays",
            )
        if contact.object_id:
            return self._match(
                user, contact, desired, warnings=[*warnings, "Relinked"], why="has the address; its object id is gone"
            )
        return self._match(
            user, contact, desired, warnings=warnings, why="has the mail" if by_mail else "has an alias and the surname"
        )

    def _create(self, user: Json, desired: dict[str, str], warnings: list[str]) -> Expected:
        namesakes = self._nameless.get((fold(desired["first_name"]), fold(desired.get("last_name"))), [])
        if namesakes:
            return self._duplicate(user, f"contacts {sorted(c.id for c in namesakes)} have the name and no address")
        missing = ["MissingPhoneNumber"] if _has_no_phone(desired) else []
        changed = [name for name in desired if name != "extension"]
        return Expected(
            user, "created", "no contact", changed_fields=changed, warnings=[*warnings, *missing], desired=desired
        )

    def _match(
        self, user: Json, contact: Person, desired: dict[str, str], *, warnings: list[str], why: str
    ) -> Expected:
        changed = differing_fields(desired, contact, self._rules)
        warnings = list(warnings)
        if not contact.active:
            changed.append("active")
            warnings.append("ContactReactivated")
        if changed and _has_no_phone(desired):
            warnings.append("MissingPhoneNumber")
        outcome = "updated" if changed else "skipped"
        return Expected(
            user,
            outcome,
            f"contact {contact.id} {why}",
            contact=contact,
            changed_fields=changed,
            warnings=warnings,
            desired=desired,
        )

    @staticmethod
    def _duplicate(user: Json, why: str) -> Expected:
        return Expected(user, "error", why, code="DuplicateContact")
