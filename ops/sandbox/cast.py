"""Who is in a tenant, and in which state the PSA knows them: realistic in the mass, nasty in particular."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from ops.sandbox import names
from ops.sandbox.http import Json
from ops.sandbox.names import REGIONS, Region
from ops.sandbox.people import Cast, Known

# Of 500 users so many have a contact in that state; scaled with the tenant, at least one from 200 users on.
CONTACT_STATES = {
    "right": 42,
    "right_in_other_notation": 8,
    "right_kept_phone": 4,
    "right_without_id": 24,
    "old_title": 16,
    "old_phone": 14,
    "old_name": 6,
    "old_mail": 6,
    "inactive": 6,
    "inactive_linked": 2,
    "alias": 6,
    "mail_is_second": 3,
    "two_active": 4,
    "active_and_inactive": 3,
    "foreign_id": 3,
    "foreign_id_old_title": 1,
    "gone_id": 4,
    "others_id": 2,
    "name_only": 3,
    "alias_of_another": 2,
    "old_phone_with_extras": 6,
    "missing_department": 4,
    "billing": 1,
}
# Of 500 users so many are out of scope, by reason.
OUT_OF_SCOPE = {"guest": 20, "disabled": 24, "room": 14, "shared": 8, "no_mail": 12, "service": 8}
_SCALE = 500
_FULL_MIXTURE_FROM = 200


def quota(per_scale: int, size: int) -> int:
    """How many of that kind a tenant of this size has."""
    wanted = round(per_scale * size / _SCALE)
    return max(1, wanted) if size >= _FULL_MIXTURE_FROM else wanted


@dataclass(eq=False)
class Casting:
    """Builds the people of one tenant."""

    domain: str
    company_id: int
    rng: Random
    cast: Cast = field(default_factory=Cast)
    _taken: set[str] = field(default_factory=set)
    _namesakes: Counter[str] = field(default_factory=Counter)
    _disabled: list[str] = field(default_factory=list)

    def new_id(self) -> str:
        """An object id of this seed."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def address(self, local: str) -> str:
        """An address of the domain that nobody has."""
        candidate = f"{local}@{self.domain}"
        while candidate.lower() in self._taken:
            self._namesakes[local] += 1
            candidate = f"{local}{self._namesakes[local]}@{self.domain}"
        self._taken.add(candidate.lower())
        return candidate

    def ordinary(self) -> Json:
        """An employee as most are."""
        rng = self.rng
        region = rng.choice(REGIONS)
        given, surname = rng.choice(region.given), rng.choice(region.surnames)
        upn = self.address(f"{names.latin(given)}.{names.latin(surname)}")
        mail = upn if rng.random() < 0.9 else self.address(f"{names.latin(given)[:1]}{names.latin(surname)}")
        alias = self.address(f"{names.latin(surname)}.{names.latin(given)[:1]}")
        user = self._user(upn, f"{given} {surname}", mail=mail, aliases=[alias, *([upn] if upn != mail else [])])
        user.update(
            givenName=given,
            surname=surname,
            jobTitle=rng.choice(names.TITLES),
            department=rng.choice(names.DEPARTMENTS),
        )
        self._place(user, region)
        if rng.random() < 0.85:
            user["businessPhones"] = [names.phone(region, rng)]
        if rng.random() < 0.5:
            user["mobilePhone"] = names.phone(region, rng)
        return user

    def _user(self, upn: str, display: str, *, mail: str | None, aliases: list[str] | None = None) -> Json:
        days = self.rng.randrange(0, 3_000)
        user: Json = {
            "id": self.new_id(),
            "userPrincipalName": upn,
            "displayName": display,
            "mailNickname": upn.partition("@")[0],
            "accountEnabled": True,
            "userType": "Member",
            "createdDateTime": f"{2018 + days // 365}-{1 + days % 12:02d}-{1 + days % 28:02d}T08:00:00Z",
        }
        if mail is not None:
            user["mail"] = mail
            user["proxyAddresses"] = [f"SMTP:{mail}", *(f"smtp:{alias}" for alias in aliases or ())]
        return user

    def _place(self, user: Json, region: Region) -> None:
        rng = self.rng
        user.update(
            officeLocation=rng.choice(names.OFFICES),
            city=region.city,
            country=region.country,
            usageLocation=region.usage,
            preferredLanguage=region.language,
            companyName="Contoso",
            employeeType="Employee" if rng.random() < 0.9 else "Contractor",
            assignedLicenses=[{"disabledPlans": [], "skuId": rng.choice(names.LICENCES)}],
        )
        if rng.random() < 0.3:
            user["onPremisesSyncEnabled"] = True
            user["onPremisesExtensionAttributes"] = {
                "extensionAttribute1": f"KST-{rng.randrange(100, 999)}",
                "extensionAttribute7": "contact",
            }
            user["onPremisesSamAccountName"] = user["mailNickname"][:20]
        if rng.random() < 0.05:
            user["proxyAddresses"].append(f"SIP:{user['userPrincipalName']}")

    def add(self, user: Json, purpose: str = "user") -> Json:
        """Take a user into the tenant."""
        self.cast.users.append(user)
        if purpose != "user":
            self.cast.purposes[user["id"]] = purpose
        return user

    def add_out_of_scope(self, size: int) -> None:
        """Guests, leavers, rooms, shared mailboxes, accounts without mail, service accounts."""
        makers: dict[str, Callable[[int], None]] = {
            "guest": self._guest,
            "disabled": self._leaver,
            "room": self._room,
            "shared": self._shared,
            "no_mail": self._without_mail,
            "service": self._service,
        }
        for reason, maker in makers.items():
            for number in range(quota(OUT_OF_SCOPE[reason], size)):
                maker(number)

    def _guest(self, number: int) -> None:
        mail = f"guest{number}@partner{number % 3}.example"
        upn = f"{mail.replace('@', '_')}#EXT#@{self.domain}"
        guest = self._user(upn, f"Guest {number}", mail=mail)
        guest.update(
            userType="Guest",
            creationType="Invitation",
            externalUserState="Accepted" if number % 2 else "PendingAcceptance",
        )
        if number % 7 == 6:
            guest["accountEnabled"] = False
        self.add(guest)

    def _leaver(self, number: int) -> None:
        user = self.ordinary()
        user.update(accountEnabled=False, assignedLicenses=[])
        self._disabled.append(user["id"])
        self.add(user)
        if number % 3 == 0:  # whose contact is none of the synchronisation's business
            self.cast.known.append(self.known_right(user))

    def _room(self, number: int) -> None:
        address = self.address(f"room{number + 1}")
        self.add(
            {
                **self._user(address, f"Room {number + 1}", mail=address),
                "accountEnabled": False,
                "assignedLicenses": [],
            },
            "room",
        )

    def _shared(self, number: int) -> None:
        address = self.address(f"info{number + 1}")
        self.add(
            {
                **self._user(address, f"Info {number + 1}", mail=address),
                "accountEnabled": False,
                "assignedLicenses": [],
            },
            "shared",
        )

    def _without_mail(self, number: int) -> None:
        user = self.ordinary()
        for name in ("mail", "proxyAddresses"):
            user.pop(name)
        if number % 4 == 3:
            user["mail"] = None  # it was cleared, not never set
        self.add(user)

    def _service(self, number: int) -> None:
        prefix = ("svc-", "svc_", "SVC-", "svc.")[number % 4]
        address = self.address(f"{prefix}backup{number}")
        self.add(self._user(address, f"Backup service {number}", mail=address))

    def known_right(self, user: Json) -> Known:
        """The contact that is right for an ordinary user already."""
        return Known(
            company_id=self.company_id,
            first_name=user["givenName"],
            last_name=user["surname"],
            emails=[user["mail"]],
            phone=(user.get("businessPhones") or [""])[0],
            mobile=user.get("mobilePhone") or "",
            job_title=user["jobTitle"],
            department=user["department"],
            object_id=user["id"],
        )

    def add_known(self, state: str) -> None:
        """Add an ordinary user whose contact is in a state."""
        user = self.add(self.ordinary())
        known = self.known_right(user)
        extra = getattr(self, f"_state_{state}")(user, known)
        self.cast.known.append(known)
        if extra is not None:
            self.cast.known.append(extra)

    def _state_right(self, user: Json, known: Known) -> None:
        """As it should be."""

    def _state_right_in_other_notation(self, user: Json, known: Known) -> None:
        known.emails = [user["mail"].upper()]
        known.department = known.department.upper()
        if known.phone:
            known.phone = names.reformat(known.phone, self.rng)
        if known.mobile:
            known.mobile = names.reformat(known.mobile, self.rng)

    def _state_right_kept_phone(self, user: Json, known: Known) -> None:
        user["businessPhones"] = []
        user.pop("mobilePhone", None)
        known.phone, known.mobile = "+49 30 5550100", "+49 151 5550101"

    def _state_right_without_id(self, user: Json, known: Known) -> None:
        known.object_id = ""

    def _state_old_title(self, user: Json, known: Known) -> None:
        known.job_title = f"Former {user['jobTitle']}"

    def _state_old_phone(self, user: Json, known: Known) -> None:
        user["businessPhones"] = [names.phone(REGIONS[0], self.rng)]
        known.phone = "+49 30 5550199"
        known.object_id = user["id"] if self.rng.random() < 0.5 else ""

    def _state_old_name(self, user: Json, known: Known) -> None:
        """Married: the old address lives on as an alias."""
        known.last_name = "Maidenname"
        known.emails = [self._old_address(user)]

    def _state_old_mail(self, user: Json, known: Known) -> None:
        known.emails = [self._old_address(user)]

    def _old_address(self, user: Json) -> str:
        old = self.address(f"old.{names.latin(user['surname'])}")
        user["proxyAddresses"].append(f"smtp:{old}")
        return old

    def _state_inactive(self, user: Json, known: Known) -> None:
        known.active, known.object_id = False, ""

    def _state_inactive_linked(self, user: Json, known: Known) -> None:
        known.active = False

    def _state_alias(self, user: Json, known: Known) -> None:
        known.emails, known.object_id = [self._old_address(user).title()], ""

    def _state_mail_is_second(self, user: Json, known: Known) -> None:
        known.emails, known.object_id = [self._old_address(user), user["mail"]], ""

    def _state_two_active(self, user: Json, known: Known) -> Known:
        known.object_id = ""
        return Known(self.company_id, user["givenName"], "Duplicate", emails=[user["mail"].upper()])

    def _state_active_and_inactive(self, user: Json, known: Known) -> Known:
        known.object_id = ""
        return Known(self.company_id, user["givenName"], user["surname"], emails=[user["mail"]], active=False)

    def _state_foreign_id(self, user: Json, known: Known) -> None:
        known.object_id = f"EXT-{self.rng.randrange(10_000):05d}"

    def _state_foreign_id_old_title(self, user: Json, known: Known) -> None:
        self._state_foreign_id(user, known)
        self._state_old_title(user, known)

    def _state_gone_id(self, user: Json, known: Known) -> None:
        """The same person, made anew in the directory with a new id."""
        known.object_id = self.new_id()

    def _state_others_id(self, user: Json, known: Known) -> None:
        """The id of a user that exists, and is out of scope so that it never takes the contact itself."""
        if self._disabled:
            known.object_id = self.rng.choice(self._disabled)

    def _state_name_only(self, user: Json, known: Known) -> None:
        user["surname"] = known.last_name = f"Nameonly{len(self.cast.users)}"  # nobody else is to hit this contact
        known.emails, known.object_id, known.phone, known.mobile = [], "", "", ""

    def _state_alias_of_another(self, user: Json, known: Known) -> None:
        known.first_name, known.last_name, known.object_id = "Somebody", "Else", ""
        known.emails = [self._old_address(user)]

    def _state_old_phone_with_extras(self, user: Json, known: Known) -> None:
        self._state_old_phone(user, known)
        known.extras = [
            ("fax", "+49 30 5550177"),
            ("home", "+49 30 5550188"),
            ("personal", f"private.{names.latin(user['surname'])}@mail.example"),
        ]
        known.custom_value = "kept by hand"

    def _state_missing_department(self, user: Json, known: Known) -> None:
        known.department = ""

    def _state_company_default(self, user: Json, known: Known) -> None:
        known.company_default = True
        self._state_old_title(user, known)

    def _state_billing(self, user: Json, known: Known) -> None:
        known.billing = True

    def add_strangers(self, size: int) -> None:
        """Contacts of the company that no user belongs to, and namesakes in other companies that nobody may touch."""
        for number in range(quota(60, size)):
            region = self.rng.choice(REGIONS)
            known = Known(self.company_id, self.rng.choice(region.given), f"Stranger{number}")
            if number % 3:
                known.emails = [f"stranger{number}@elsewhere.example"]
            known.phone = names.phone(region, self.rng) if number % 4 else ""
            known.active = number % 5 != 4
            known.billing = number == 1
            self.cast.known.append(known)
        employees = [user for user in self.cast.users if _fits_a_contact(user)]
        for user in self.rng.sample(employees, min(quota(20, size), len(employees))):
            known = Known(251, user["givenName"], user["surname"], emails=[user["mail"]], job_title="Elsewhere")
            self.cast.known.append(known)


def _fits_a_contact(user: Json) -> bool:
    """Whether a PSA could hold this user's name and address as they are."""
    names_fit = all(0 < len(user.get(name) or "") <= 30 for name in ("givenName", "surname"))
    mail = user.get("mail") or ""
    return names_fit and "@" in mail and len(mail) <= 250
