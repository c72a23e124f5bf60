"""What a connector's mapping asks of a PSA installation that has it not; found before anything runs. Pure."""

from collections.abc import Iterator, Mapping

from adapters.records import FieldSpec, PsaSchema
from tasks.connector import Connector
from tasks.drafting import ADDRESS, find_contact_type
from tasks.expressions.compiled import SAMPLE_USER, ExpressionError, Template, compile_template
from tasks.names import closest, collapse, fold

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
    problems.extend(_misfits(connector, specs))
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


def _misfits(connector: Connector, specs: Mapping[str, FieldSpec]) -> Iterator[str]:
    """Yield the templates whose result, for a user who has everything, is nothing that the PSA's field takes."""
    for name, rule in connector.field_mapping.items():
        if name in specs and rule.update != "never":
            try:
                template = compile_template(rule.value)
                reason = _misfit(template, collapse(template(SAMPLE_USER)), specs[name])
            except ExpressionError as exc:
                reason = str(exc)
            if reason:
                yield f"field_mapping.{name}: {reason}"


def _misfit(template: Template, value: str, spec: FieldSpec) -> str | None:
    if spec.kind == "email" and value and not ADDRESS.fullmatch(value):
        return f"makes no e-mail address of a user's properties, but {value!r}"
    if spec.kind == "phone" and value and not any(char.isdigit() for char in value):
        return f"makes no phone number of a user's properties, but {value!r}"
    if template.properties:
        return None  # what users have differs: the report tells of each who does not fit
    if spec.kind == "reference" and value and spec.choices is not None:
        meant = closest(value, spec.choices)
        hint = f"; did you mean {meant!r}?" if meant else ""
        return None if fold(value) in map(fold, spec.choices) else f"the PSA has no {spec.name} {value!r}{hint}"
    if spec.max_length is not None and len(value) > spec.max_length:
        return f"is {len(value)} characters long for everybody, and the PSA takes {spec.max_length}"
    return None
