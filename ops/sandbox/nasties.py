"""People who break synchronisations. Each is here for one reason, written beside; none has a contact unless a method gives one."""
# ruff: noqa: E501 - a table is read by its lines

from typing import Any

from ops.sandbox import names
from ops.sandbox.cast import Casting
from ops.sandbox.http import Json
from ops.sandbox.names import REGIONS
from ops.sandbox.people import Known

LONG_TITLE = ("Senior Vice President of Strategic Interdepartmental Coordination, " * 4)[:200]
Nasty = tuple[str, str, Json]

# (local part, why, properties); mail is the principal name unless given, phones are usual unless given.
SINGLE: tuple[Nasty, ...] = (
    ("prince", "no surname", {"displayName": "Prince", "givenName": "Prince", "surname": None}),
    ("reception", "no given name", {"displayName": "Reception Berlin", "givenName": None, "surname": None, "assignedLicenses": []}),
    ("nurul", "no given name but a surname", {"displayName": "Nurul Hidayah", "givenName": None, "surname": "Hidayah"}),
    ("enabled.shared", "shared mailbox left enabled", {"displayName": "Invoices", "givenName": None, "surname": None, "assignedLicenses": []}),
    ("siobhan.o'brien", "apostrophe in name and address", {"displayName": "Siobhán O'Brien", "givenName": "Siobhán", "surname": "O'Brien"}),
    ("d'angelo", "typographic apostrophe", {"displayName": "Rosa D’Angelo", "givenName": "Rosa", "surname": "D’Angelo"}),
    ("zazolc", "letters with marks", {"displayName": "Zażółć Gęślą-Jaźń", "givenName": "Zażółć", "surname": "Gęślą-Jaźń"}),
    ("sakura", "Japanese", {"displayName": "佐倉 美咲", "givenName": "美咲", "surname": "佐倉", "jobTitle": "部長"}),
    ("muhammad", "right to left", {"displayName": "محمد الأندلسي", "givenName": "محمد", "surname": "الأندلسي"}),
    ("yael", "right to left", {"displayName": "יעל בן־דוד", "givenName": "יעל", "surname": "בן־דוד", "jobTitle": "מהנדסת"}),
    ("fyodor", "Cyrillic", {"displayName": "Фёдор Щербаков", "givenName": "Фёдор", "surname": "Щербаков"}),
    ("unicorn", "emoji", {"displayName": "Mia 🦄 Funke", "givenName": "Mia 🦄", "surname": "Funke", "jobTitle": "🚀 Rocket lead"}),
    ("zoe.combining", "combining marks", {"displayName": "Zoe\u0308 A\u030angstro\u0308m", "givenName": "Zoe\u0308", "surname": "A\u030angstro\u0308m"}),
    ("formula", "spreadsheet formula", {"displayName": "=cmd|' /C calc'!A0", "givenName": "Eve", "surname": '=HYPERLINK("x")', "jobTitle": "@SUM(1+1)"}),
    ("markup", "markup", {"displayName": "<script>alert(1)</script>", "givenName": "Bob", "surname": "</td><b>", "jobTitle": "<img src=x onerror=alert(1)>"}),
    ("quotes", "quotes and backslash", {"displayName": 'Tim "Tiny" Back\\slash', "givenName": 'Tim "Tiny"', "surname": "Back\\slash", "jobTitle": '5" display buyer'}),
    ("template", "template syntax", {"displayName": "{{ user.mail }}", "givenName": "{{ 7*7 }}", "surname": "{% raw %}", "jobTitle": "${jndi:ldap://x}"}),
    ("ann+team", "plus address", {"displayName": "Ann Plus", "givenName": "Ann", "surname": "Plus"}),
    ("longtitle", "200 characters of title", {"displayName": "Long Title", "givenName": "Long", "surname": "Title", "jobTitle": LONG_TITLE}),
    ("longnames", "64 characters of name", {"displayName": "X" * 64 + " " + "Y" * 64, "givenName": "X" * 64, "surname": "Y" * 64}),
    ("exactly", "values that just fit", {"displayName": "Exactly Fitting", "givenName": "E" * 30, "surname": "F" * 30, "jobTitle": "T" * 50}),
    ("astral", "a cut beside a surrogate pair", {"displayName": "Astral Cut", "givenName": "Astral", "surname": "Cut", "jobTitle": "N" * 49 + "🚀🚀"}),
    ("control", "control characters", {"displayName": "Bell Ringer", "givenName": "Be\x07ll", "surname": "Rin\x1bger", "jobTitle": "Key\x00\x08holder"}),
    ("blanks", "blanks", {"displayName": "  Wide   Open ", "givenName": "  Wide  Anna \t Maria ", "surname": " van  't Hoff ", "jobTitle": "  Chief   of Space "}),
    ("particle", "lower-case surname", {"displayName": "Ludwig van der Berg", "givenName": "Ludwig", "surname": "van der Berg"}),
    ("x", "one letter", {"displayName": "X Æ", "givenName": "X", "surname": "Æ"}),
    ("extension1", "phone with extension", {"displayName": "Ext One", "givenName": "Ext", "surname": "One", "businessPhones": ["+1 (555) 010-4477 x123"]}),
    ("extension2", "phone with extension", {"displayName": "Ext Two", "givenName": "Ext", "surname": "Two", "businessPhones": ["030 5550144 ext. 45"]}),
    ("nophone", "no phone at all", {"displayName": "No Phone", "givenName": "No", "surname": "Phone", "businessPhones": [], "mobilePhone": None}),
    ("onlymobile", "only a mobile phone", {"displayName": "Only Mobile", "givenName": "Only", "surname": "Mobile", "businessPhones": [], "mobilePhone": "+49 151 5550111"}),
    ("malformed", "an address without @", {"displayName": "Mal Formed", "givenName": "Mal", "surname": "Formed", "mail": "malformed.contoso.example"}),
    ("toolong", "an address of 270 characters", {"displayName": "Too Long", "givenName": "Too", "surname": "Long", "mail": "l" * 250 + "@too-long.example"}),
    ("blankmail", "a blank address", {"displayName": "Blank Mail", "givenName": "Blank", "surname": "Mail", "mail": "  "}),
    ("oldobject", "user type null", {"displayName": "Old Object", "givenName": "Old", "surname": "Object", "userType": None}),
    ("svcutil", "looks like a service account and is none", {"displayName": "Sven Cutil", "givenName": "Sven", "surname": "Cutil"}),
    ("nodepartment", "department unknown in the PSA", {"displayName": "Fay Cility", "givenName": "Fay", "surname": "Cility", "department": names.UNKNOWN_DEPARTMENTS[0]}),
    ("casedepartment", "department in another case", {"displayName": "Sal Es", "givenName": "Sal", "surname": "Es", "department": "sALES"}),
    ("upper.case", "address in capitals", {"displayName": "Upper Case", "givenName": "Upper", "surname": "Case", "mail": "UPPER.CASE@CONTOSO.EXAMPLE"}),
    ("nullish", "words that look like values", {"displayName": "None Null", "givenName": "None", "surname": "Null", "jobTitle": "undefined"}),
)  # fmt: skip


class Nasties:
    """Adds the nasty ones to a tenant."""

    def __init__(self, casting: Casting) -> None:
        self._casting = casting

    def add(self) -> None:
        """Add all of them."""
        for local, _, properties in SINGLE:
            self._person(local, **properties)
        self._external_member()
        self._shared_other_mails()
        self._differing_proxy_case()
        self._same_mail()
        self._alias_of_a_mail()

    def _person(self, local: str, **properties: Any) -> Json:
        casting = self._casting
        user = casting.ordinary()
        own = casting.address(local)
        user.update(userPrincipalName=own, mailNickname=own.partition("@")[0], mail=own, proxyAddresses=[f"SMTP:{own}"])
        user.update({"businessPhones": [names.phone(REGIONS[0], casting.rng)], **properties})
        if properties.get("mail"):
            user["proxyAddresses"] = [f"SMTP:{user['mail']}", f"smtp:{own}"]
        for name in [key for key, value in user.items() if value is None]:
            if casting.rng.random() < 0.5:
                del user[name]  # never set, where the others were set once and cleared
        return casting.add(user)

    def _external_member(self) -> None:
        """A guest's principal name, and yet a member: in scope."""
        user = self._person(
            "external", displayName="Exter Nal", givenName="Exter", surname="Nal", mail="exter.nal@partner0.example"
        )
        user["userPrincipalName"] = f"exter.nal_partner0.example#EXT#@{self._casting.domain}"
        user["proxyAddresses"] = ["SMTP:exter.nal@partner0.example"]

    def _shared_other_mails(self) -> None:
        for number in (1, 2):
            self._person(
                f"shares{number}",
                displayName=f"Shares {number}",
                givenName="Shares",
                surname=f"Number{number}",
                otherMails=["family@mail.example"],
            )

    def _differing_proxy_case(self) -> None:
        user = self._person("proxycase", displayName="Proxy Case", givenName="Proxy", surname="Case")
        user["proxyAddresses"] = [
            f"SMTP:{user['mail'].upper()}",
            f"smtp:{user['mail'].title()}",
            "X500:/o=Contoso/cn=proxycase",
        ]

    def _same_mail(self) -> None:
        """Two pairs with one mail each: the second pair's has a contact already. All four are refused."""
        for pair in (1, 2):
            shared = self._casting.address(f"office.pair{pair}")
            for number in (1, 2):
                self._person(
                    f"pair{pair}.{number}",
                    displayName=f"Pair{pair} Nr{number}",
                    givenName=f"Pair{pair}",
                    surname=f"Nr{number}",
                    mail=shared,
                )
            if pair == 2:
                self._casting.cast.known.append(Known(self._casting.company_id, "Office", "Pair", emails=[shared]))

    def _alias_of_a_mail(self) -> None:
        """One's mail is the other's alias: the mail wins, so both have their own contact, found by mail."""
        owner = self._person("owner", displayName="Mail Owner", givenName="Mail", surname="Owner")
        other = self._person("borrower", displayName="Alias Borrower", givenName="Alias", surname="Borrower")
        other["proxyAddresses"].append(f"smtp:{owner['mail']}")
        for user in (owner, other):
            known = self._casting.known_right(user)
            known.object_id = ""
            self._casting.cast.known.append(known)
