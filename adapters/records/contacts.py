"""The PSA side: contacts, what is to be written to them, and what an installation can hold."""

from typing import Literal

from adapters.records.base import Record

FieldKind = Literal["text", "email", "phone", "reference"]


class FieldSpec(Record):
    """One contact field of this installation: how it compares and how much it holds.

    `text` compares exactly after trimming, `email` folded for case, `phone` by its digits and extension,
    `reference` by the folded name of what it points to; `choices` holds the names that exist (a reference only).
    """

    name: str
    kind: FieldKind
    max_length: int | None = None  # code points
    extension_length: int | None = None  # of a phone whose extension has a field of its own, beside max_length
    required: bool = False
    lasting: bool = False  # the PSA fills it by itself where it is empty: it is never cleared
    choices: tuple[str, ...] | None = None


class PsaSchema(Record):
    """The contact fields and contact types of one PSA installation."""

    fields: tuple[FieldSpec, ...]
    contact_types: tuple[tuple[str, str], ...] = ()  # (id, name)
    contact_type_hint: str | None = None  # what to configure where contacts have no type by themselves
    contacts_per_call: float = 1000.0  # how many a call brings while a whole company is read


class Company(Record):
    """A customer inside a PSA."""

    id: str
    name: str
    active: bool
    deleted: bool = False
    domains: tuple[str, ...] = ()


class Contact(Record):
    """One contact as the PSA holds it, in our field names; an empty field is absent from `fields`."""

    id: str
    company_id: str
    active: bool
    entra_id: str | None = None  # the raw value of the object-id field, whoever wrote it
    emails: tuple[str, ...] = ()  # all addresses, the default one first
    fields: dict[str, str] = {}  # first_name, last_name, email, phone, mobile_phone, job_title, department, site, …
    site_id: str | None = None
    protected: str | None = None  # "default", "billing", …: never deactivated


class ContactDraft(Record):
    """The contact that a user should have. `fields` holds non-empty values, already cut and checked."""

    company_id: str
    site_id: str | None = None
    contact_type: str | None = None  # id
    entra_id: str
    fields: dict[str, str]


class ContactChange(Record):
    """What differs between a contact and its draft; an adapter writes these and nothing else."""

    contact_id: str
    company_id: str  # where the contact is, or goes if it moves
    fields: dict[str, str | None] = {}  # None clears
    entra_id: str | None = None  # None leaves it, an empty one takes it off
    active: bool | None = None
    site_id: str | None = None
    moves: bool = False  # from another company to this one; without it an adapter leaves the company alone
