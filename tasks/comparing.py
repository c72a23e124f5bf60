"""When two values of a contact field are the same, per kind of field. Every comparable form is idempotent."""

from adapters.records import PsaSchema
from adapters.records.contacts import FieldKind
from tasks.addresses import fold_address
from tasks.names import clean, fold
from tasks.phones import comparable

_COMPARABLE = {"text": clean, "email": fold_address, "phone": comparable, "reference": fold}


def comparable_form(kind: FieldKind, value: str) -> str:
    """Return the form in which values of this kind compare."""
    return _COMPARABLE[kind](value)


def are_same(kind: FieldKind, one: str | None, other: str | None) -> bool:
    """Tell whether two values are the same; an empty value is the same as none."""
    if one == other:
        return True
    return comparable_form(kind, one or "") == comparable_form(kind, other or "")


def kinds_of(schema: PsaSchema) -> dict[str, FieldKind]:
    """Return the kind of every field."""
    return {spec.name: spec.kind for spec in schema.fields}


def guess_kind(name: str) -> FieldKind:
    """Return the kind that a field of this name has in every PSA we know, where no schema is at hand."""
    if name.startswith("email"):
        return "email"
    if name.endswith("phone") or name.startswith(("phone", "fax")):
        return "phone"
    return "reference" if name in ("department", "site", "country") else "text"
