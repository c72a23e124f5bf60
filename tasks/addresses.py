"""A user's e-mail addresses, folded, and how strongly each one speaks for the user."""

from collections.abc import Iterable
from enum import IntEnum
from hashlib import blake2b

from adapters.records import ContactDraft, User

GUEST_MARK = "#ext#"  # a guest's userPrincipalName is built from a foreign address and is none itself
SMTP_PREFIX = "smtp:"


class Strength(IntEnum):
    """How an address belongs to a user; the greater wins."""

    ALIAS = 1
    PRINCIPAL_NAME = 2
    MAIL = 3


def fold_address(address: str) -> str:
    """Return the form in which addresses compare."""
    return address.strip().casefold()


def smtp_addresses(proxy_addresses: Iterable[str]) -> list[str]:
    """Return the addresses behind `smtp:` and `SMTP:`, in Graph's order, as written."""
    return [
        value[len(SMTP_PREFIX) :].strip()
        for value in proxy_addresses
        if value[: len(SMTP_PREFIX)].lower() == SMTP_PREFIX
    ]


def addresses_of(user: User) -> dict[str, Strength]:
    """Return the folded addresses, the strongest first; each once, with its greatest strength."""
    found: dict[str, Strength] = {}
    if user.mail:
        found[fold_address(user.mail)] = Strength.MAIL
    principal_name = fold_address(user.user_principal_name or "")
    if "@" in principal_name and GUEST_MARK not in principal_name:
        found.setdefault(principal_name, Strength.PRINCIPAL_NAME)
    for alias in smtp_addresses(user.proxy_addresses):
        found.setdefault(fold_address(alias), Strength.ALIAS)
    found.pop("", None)
    return found


def sought_addresses(user: User, draft: ContactDraft) -> dict[str, Strength]:
    """Return the folded addresses by which the user's contact is sought: the user's own, and the one to be written."""
    found = addresses_of(user)
    found.setdefault(fold_address(draft.fields.get("email", "")), Strength.ALIAS)
    found.pop("", None)
    return found


def address_digests(user: User) -> list[int]:
    """Return a 64-bit number for each folded address, by which a run finds users that share one."""
    return [address_digest(address) for address in addresses_of(user)]


def address_digest(address: str) -> int:
    """Return the 64-bit number of an address, whatever its case."""
    return int.from_bytes(blake2b(fold_address(address).encode("utf-8", "surrogatepass"), digest_size=8).digest())
