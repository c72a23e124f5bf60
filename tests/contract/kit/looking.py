"""How the kit looks at a PSA: all its contacts, the fields that can hold any value, samples for them."""

from adapters.records import Contact, FieldSpec
from tasks.ports import Contacts
from tests.contract.kit.psa import COMPANY, Psa

DERIVED = {"site", "display_name"}  # what a PSA makes of other fields by itself


def everything(psa: Psa) -> list[Contact]:
    """Walk all pages."""
    found: list[Contact] = []
    cursor: str | None = None
    while True:
        page, cursor = psa.port.fetch_contacts(COMPANY, cursor)
        found.extend(page)
        if cursor is None:
            return found


def sample(spec: FieldSpec, *, turn: int = 0) -> str:
    """Return a value that fits a field; another one each turn."""
    if spec.choices is not None:
        return spec.choices[turn % len(spec.choices)]
    if spec.kind == "email":
        return f"{spec.name}.{turn}@contoso.example"
    if spec.kind == "phone":
        return f"+49 30 55501{turn}"
    return f"Ünï {spec.name} {turn}"[: spec.max_length]


def mapped(port: Contacts) -> list[FieldSpec]:
    """Return the fields that can hold any value of their kind."""
    specs = port.fetch_schema().fields
    return [spec for spec in specs if spec.name not in DERIVED and (spec.kind != "reference" or spec.choices)]


def own(contact: Contact) -> dict[str, str]:
    return {name: value for name, value in contact.fields.items() if name not in DERIVED}
