"""People in no vendor's shape: what a PSA is seeded with, and how truth and verdict look at a contact."""

from dataclasses import dataclass, field
from typing import Literal

from ops.sandbox.http import Json


@dataclass
class Known:
    """A contact that a PSA holds before the first synchronisation. The first address is the default one."""

    company_id: int
    first_name: str
    last_name: str = ""
    emails: list[str] = field(default_factory=list)
    phone: str = ""
    extension: str = ""
    mobile: str = ""
    job_title: str = ""
    department: str = ""
    object_id: str = ""
    active: bool = True
    company_default: bool = False
    billing: bool = False
    extras: list[tuple[str, str]] = field(default_factory=list)  # (fax | home | personal, value): made by others
    custom_value: str = ""


@dataclass
class Cast:
    """The people of one tenant and what the PSA knows of them."""

    users: list[Json] = field(default_factory=list)
    purposes: dict[str, str] = field(default_factory=dict)
    managers: dict[str, str] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as truth sees it, whatever PSA it is from."""

    id: int
    company_id: int
    active: bool
    first_name: str
    last_name: str
    emails: tuple[str, ...]  # the default one first
    phone: str
    extension: str
    mobile: str
    job_title: str
    department: str
    object_id: str
    items: tuple[tuple[int, str, str], ...]  # every communication item: kind, value, extension
    others: tuple[tuple[int, str, str], ...]  # those in no mapped place: they must survive
    rest: Json  # every field that a synchronisation has no business with


@dataclass(frozen=True)
class Rules:
    """What a PSA can hold, as far as it decides what becomes of a user. Lengths in characters, None: none is told."""

    name_max: int | None
    title_max: int | None
    mail_max: int | None
    phone_max: int | None
    needs_last_name: bool
    splits_extension: bool  # it has a place of its own
    department: Literal["reference", "text", "none"]
    departments: frozenset[str] = frozenset()  # those that exist, folded: for a reference
