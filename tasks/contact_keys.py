"""The keys under which contacts are indexed and users look for them: object id, folded addresses, bare names."""

import re
from collections.abc import Mapping

from adapters.records import Contact, ContactDraft, User
from tasks.addresses import Strength, fold_address, sought_addresses
from tasks.names import fold

_OBJECT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_object_id(text: str) -> bool:
    """Tell an object id from a name."""
    return _OBJECT_ID.fullmatch(text.strip().lower()) is not None


def object_id_of(contact: Contact) -> str | None:
    """Return the object id on a contact in lower case; None where there is none, or somebody else's kind of value."""
    value = (contact.entra_id or "").strip().strip("{}").lower()
    return value if _OBJECT_ID.fullmatch(value) else None


def index_keys(contact: Contact) -> list[str]:
    """Return the keys under which a contact is found. The name is one only where an active one has nothing better."""
    object_id = object_id_of(contact)
    keys = [f"id:{object_id}"] if object_id else []
    keys += [f"mail:{address}" for address in dict.fromkeys(map(fold_address, contact.emails)) if address]
    if not keys and contact.active:
        keys.append(name_key(contact.fields))
    return keys


def user_keys(user: User, draft: ContactDraft) -> list[str]:
    """Return the keys under which a user's contact may be found."""
    addresses = [f"mail:{address}" for address in sought_addresses(user, draft)]
    return [f"id:{user.id.lower()}", *addresses, name_key(draft.fields)]


def name_key(fields: Mapping[str, str]) -> str:
    """Return the key of a folded first and last name."""
    return f"name:{fold(fields.get('first_name', ''))}|{fold(fields.get('last_name', ''))}"


def strength_of(contact: Contact, addresses: Mapping[str, Strength]) -> Strength | None:
    """Return the greatest strength of a user's address that this contact has; None if it has none of them."""
    found = [addresses[folded] for address in contact.emails if (folded := fold_address(address)) in addresses]
    return max(found, default=None)
