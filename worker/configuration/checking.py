"""What lies between tables: names that must exist, pairs that must differ, users that must have a company.

Like production.py and rules.py it judges resolved values and not checked models: a table with one fault is judged for
all others in the same pass. What has the wrong type, or could not be looked up, was told already and is passed over.
"""

from collections.abc import Collection, Iterator, Mapping

from worker.configuration.layers import Merged
from worker.configuration.problems import Problem, nearest
from worker.configuration.references import Json, text_of
from worker.configuration.rules import iter_rules


def check_names(
    values: Json, merged: Merged, *, psas: Collection[str], graph_apps: Collection[str]
) -> Iterator[Problem]:
    """Yield the names that a connector gives and nobody bears."""
    for key, known in (("psa", psas), ("graph_app", graph_apps)):
        if key not in values:
            yield Problem(*merged.locate((key,)), "is missing", "set it here or in [defaults]")
        elif (name := text_of(values[key])) and name not in known:
            hint = nearest(name, known) or f"defined are: {', '.join(known) or 'none'}"
            yield Problem(*merged.locate((key,)), f"there is no [{key}.{name}]", hint)


def check_company(values: Json, merged: Merged) -> Iterator[Problem]:
    """Yield a connector that runs by itself although no user of it could have a company."""
    has_rule = any(rule.get("enabled") is not False for _, rule in iter_rules(values, "company_rules"))
    runs_by_itself = values.get("office365_sync_enabled") is not False
    if runs_by_itself and not has_rule and "psa_default_company_id" not in values:
        place = merged.locate(("psa_default_company_id",))
        yield Problem(*place, "is missing, and there are no company_rules: no user would have a company")


def check_pairs(connectors: Mapping[str, tuple[Json, Merged]]) -> Iterator[Problem]:
    """Yield connectors that share a tenant and a PSA: their links would be one another's."""
    first: dict[tuple[str, str], str] = {}
    for connector_id, (values, merged) in connectors.items():
        tenant, psa = text_of(values.get("tenant_id")), text_of(values.get("psa"))
        if tenant is None or psa is None:
            continue
        earlier = first.setdefault((tenant.strip().casefold(), psa), connector_id)
        if earlier != connector_id:
            yield Problem(
                *merged.locate(("tenant_id",)),
                f"connector {earlier} pairs the same tenant with the same PSA already",
                "one connector serves a tenant; company_rules place its users in several companies",
            )
