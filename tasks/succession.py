"""Who could take over the role of a leaver's protected contact: somebody of the same company and department. Pure."""

from collections.abc import Container, Iterable
from typing import ClassVar

from adapters.records import Contact, User
from tasks.contact_keys import object_id_of
from tasks.names import fold


class Succession:
    """Remembers one contact a company and department, however many users there are."""

    FEWEST_A_CALL: ClassVar[float] = 20.0  # contacts; where a call brings fewer, a name is not worth their cost

    def __init__(self) -> None:
        """Know nobody."""
        self._known: dict[tuple[str, str], str] = {}

    def add(self, contact: Contact, user: User) -> None:
        """Take in the contact of an active user; the first one of its company and department stands."""
        if contact.active and not contact.protected:
            for department in ("", fold(user.department or "")):
                self._known.setdefault((contact.company_id, department), _named(contact))

    def find(self, contact: Contact, user: User) -> str | None:
        """Name a contact of the leaver's department, else of its company; None if none is known."""
        department = fold(user.department or contact.fields.get("department", ""))
        known = self._known
        return known.get((contact.company_id, department)) or known.get((contact.company_id, ""))

    @staticmethod
    def choose(contacts: Iterable[Contact], *, leaving: Contact, others: Container[str]) -> str | None:
        """Name the first active contact that is some user's, of the leaver's department if there is one."""
        department = fold(leaving.fields.get("department", ""))
        usable = [
            contact
            for contact in contacts
            if contact.active
            and contact.id != leaving.id
            and not contact.protected
            and (user_id := object_id_of(contact)) is not None
            and user_id not in others
        ]
        alike = [contact for contact in usable if fold(contact.fields.get("department", "")) == department]
        return next(map(_named, alike or usable), None)


def _named(contact: Contact) -> str:
    name = " ".join(filter(None, (contact.fields.get("first_name"), contact.fields.get("last_name"))))
    return f"{contact.id} ({name})" if name else contact.id
