"""What a connector's mapping asks of a PSA installation that has it not; found before anything runs. Pure."""

from adapters.records import PsaSchema
from tasks.connector import Connector
from tasks.drafting import find_contact_type
from tasks.names import closest

__all__ = ["check_mapping"]

DERIVED_FIELDS = frozenset({"first_name"})  # a required field that needs no rule: drafting derives it


def check_mapping(connector: Connector, schema: PsaSchema) -> list[str]:
    """Return what of the mapping and the contact type this PSA installation does not have, one sentence each."""
    specs = {spec.name: spec for spec in schema.fields}
    problems = []
    for name in connector.field_mapping:
        if name not in specs:
            meant = closest(name, specs)
            hint = f"; did you mean {meant}?" if meant else f"; it has {', '.join(sorted(specs))}"
            problems.append(f"field_mapping.{name}: the PSA has no contact field of this name{hint}")
    for spec in schema.fields:
        rule = connector.field_mapping.get(spec.name)
        if spec.required and spec.name not in DERIVED_FIELDS and (rule is None or rule.update == "never"):
            problems.append(f"field_mapping.{spec.name}: the PSA requires this field, but it is never filled in")
    wanted = connector.psa_contact_type
    if wanted and schema.contact_types and find_contact_type(wanted, schema) is None:
        known = ", ".join(name for _, name in schema.contact_types)
        problems.append(f"psa_contact_type: the PSA has no contact type {wanted!r}; it has {known}")
    if wanted and not schema.contact_types and schema.contact_type_hint:
        problems.append(f"psa_contact_type: this PSA's contacts have no type; {schema.contact_type_hint}")
    return problems
