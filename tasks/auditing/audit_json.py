"""Audits as JSON for programs: one object a connector, on a line of its own. Pure."""

from typing import IO

from tasks.auditing.audit import Audit
from tasks.auditing.cluster_rows import Json
from tasks.auditing.trend import Measure
from tasks.report import iso_time
from tasks.visible import to_json

__all__ = ["measure_row", "write_json"]


def write_json(audit: Audit, out: IO[str]) -> None:
    """Write the audit on one line; a cluster is in memory at a time."""
    head = to_json(_head(audit))
    out.write(f'{head[:-1]}, "clusters": [')
    for number, row in enumerate(audit.clusters):
        out.write((", " if number else "") + to_json(row))
    out.write("]}\n")


def measure_row(measure: Measure) -> Json:
    """Return one number, its share, and its share some days ago (null: nothing is kept of then)."""
    before = {f"share_{ago}_days_ago": _rounded(share) for ago, share in measure.before.items()}
    return {
        "measure": measure.name,
        "number": measure.number,
        "of": measure.of,
        "share": _rounded(measure.share),
        **before,
    }


def _head(audit: Audit) -> Json:
    return {
        "connector": audit.connector_id,
        "audited_at": iso_time(audit.audited_at),
        "company_ids": list(audit.company_ids),
        "users": audit.users,
        "contacts": audit.contacts,
        "links_known": audit.knows_links,
        "duplicate_clusters": len(audit.clusters),
        "duplicate_contacts": audit.surplus,
        "quality": [measure_row(each) for each in audit.measures],
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
