"""Which connectors meet: two of one tenant, two of one company, and those whose users may find no company. Pure."""

from collections.abc import Collection, Iterable, Iterator

from tasks.connector import Connector
from worker.cli.findings import Found

__all__ = ["overlaps"]


def overlaps(connector: Connector, others: Iterable[Connector]) -> Iterator[Found]:
    """Yield where this connector meets others, and which of its users have no company."""
    rest = [each for each in others if each.connector_id != connector.connector_id]
    twins = [each.connector_id for each in rest if each.tenant_id == connector.tenant_id]
    if twins:
        detail = f"{_listed(twins)} too serves this tenant: its users get contacts in both PSAs"
        yield "tenant, doubly mapped", "warning", detail
    neighbours = [each for each in rest if each.psa == connector.psa]
    for company_id in connector.company_ids:
        sharing = [each.connector_id for each in neighbours if company_id in each.company_ids]
        if sharing:
            detail = f"{_listed(sharing)} too puts users into company {company_id}: two customers' people would mix"
            yield "company, doubly mapped", "warning", detail
    if connector.psa_default_company_id is None:
        yield _unmapped(connector)


def _unmapped(connector: Connector) -> Found:
    if connector.company_rules:
        detail = "users whom no company rule places have no company (MissingCompanyID); set psa_default_company_id"
        return "unmapped users", "warning", detail
    return "unmapped tenant", "failed", "no psa_default_company_id and no company_rules: no user would have a company"


def _listed(names: Collection[str]) -> str:
    return f"connector {', '.join(sorted(names))}"
