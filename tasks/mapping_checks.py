"""What is wrong with a connector's expressions and mapping, found when the configuration is loaded. Pure."""

from collections.abc import Callable, Iterator

from adapters.records import PsaSchema
from tasks.connector import Connector
from tasks.drafting import find_contact_type
from tasks.expressions import ExpressionError, compile_condition, compile_template
from tasks.names import closest

__all__ = ["check_expressions", "check_mapping"]

DERIVED_FIELDS = frozenset({"first_name"})  # a required field that needs no rule: drafting derives it


def check_expressions(connector: Connector) -> list[tuple[str, ExpressionError]]:
    """Return every expression that cannot be compiled, with its key below the connector, as `exclude[0].when`."""
    found: list[tuple[str, ExpressionError]] = []
    for key, text, compile_text in _expressions(connector):
        try:
            compile_text(text)
        except ExpressionError as exc:
            found.append((key, exc))
    return found


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
    return problems


def _expressions(connector: Connector) -> Iterator[tuple[str, str, Callable[[str], object]]]:
    if connector.office365_sync_filter:
        yield "office365_sync_filter", connector.office365_sync_filter, compile_condition
    for index, rule in enumerate(connector.exclude):
        yield f"exclude[{index}].when", rule.when, compile_condition
    for index, company in enumerate(connector.company_rules):
        yield f"company_rules[{index}].when", company.when, compile_condition
    for name, field in connector.field_mapping.items():
        yield f"field_mapping.{name}", field.value, compile_template
