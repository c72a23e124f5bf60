"""Audits as one page for people: how complete the profiles are, and which contacts are one person. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import IO

from tasks.auditing.audit import Audit
from tasks.auditing.cluster_rows import Json, evidence_words
from tasks.auditing.trend import AGO_DAYS, Measure
from tasks.pages import Page, Section, write_page
from tasks.report import iso_time

__all__ = ["percent", "words_of", "write_audit_page"]

MEMBER_COLUMNS = ("proposal", "contact", "name", "addresses", "phones", "state", "belongs to")
QUALITY_COLUMNS = ("measure", "number", "of", "share", *(f"{ago} days ago" for ago in AGO_DAYS))


def write_audit_page(audits: Sequence[Audit], out: IO[str]) -> None:
    """Write the audits as one self-contained HTML file; a cluster is in memory at a time."""
    clusters = sum(len(audit.clusters) for audit in audits)
    one = audits[0].connector_id if len(audits) == 1 else f"{len(audits)} connectors"
    sections = [section for number, audit in enumerate(audits) for section in _sections(audit, number, len(audits) > 1)]
    page = Page(
        f"Audit of {one}",
        sections,
        verdict=f"{clusters} possible duplicates" if clusters else "no duplicates",
        tone="held" if clusters else "good",
        facts=[("audited", iso_time(max(audit.audited_at for audit in audits)))],
        numbers=[
            ("users", sum(audit.users for audit in audits)),
            ("contacts", sum(audit.contacts for audit in audits)),
            ("contacts too many", sum(audit.surplus for audit in audits)),
        ],
    )
    write_page(page, out)


def words_of(measure: Measure) -> str:
    """Name a measure."""
    return measure.name.replace("_", " ")


def percent(share: float | None) -> str:
    """Show a share; a dash stands for what is not known."""
    return "–" if share is None else f"{share:.1%}"  # noqa: RUF001 - a dash is meant


def _sections(audit: Audit, number: int, names_connector: bool) -> Iterator[Section]:  # noqa: FBT001 - private
    where = f" of {audit.connector_id}" if names_connector else ""
    note = "" if audit.knows_links else "The store was not reached: links of contact-sync and earlier days are unknown."
    yield Section(
        f"quality-{number}",
        f"Completeness{where}",
        _quality(audit),
        note=note,
        columns=QUALITY_COLUMNS,
    )
    yield Section(
        f"duplicates-{number}",
        f"Possible duplicates{where}",
        lambda: map(_cluster_row, audit.clusters),
        tone="held",
        note="contact-sync merges nothing: do it in the PSA, which moves tickets and agreements along.",
    )


def _quality(audit: Audit) -> Callable[[], Iterator[Json]]:
    def rows() -> Iterator[Json]:
        for each in audit.measures:
            before = (percent(each.before[ago]) for ago in AGO_DAYS)
            yield {"cells": (words_of(each), each.number, each.of, percent(each.share), *before)}

    return rows


def _cluster_row(cluster: Json) -> Json:
    first = cluster["contacts"][0]
    return {
        "user_principal_name": first["name"] or " ".join(first["emails"]) or f"contact {first['psa_contact_id']}",
        "psa_company_id": cluster["psa_company_id"],
        "code": first["proposal"],
        "message": cluster["advice"],
        "members": {"columns": MEMBER_COLUMNS, "rows": [_cells(each) for each in cluster["contacts"]]},
        "remarks": [
            *(
                f"{' and '.join(pair['psa_contact_ids'])}: {evidence_words(pair['evidence'])}"
                for pair in cluster["pairs"]
            ),
            *(() if cluster["pairs_complete"] else ("further pairs are left out",)),
        ],
    }


def _cells(contact: Json) -> Sequence[object]:
    users = [
        f"{each['user']} (by {each['by'].replace('_', ' ')}{'' if each['exists'] else ', gone'})"
        for each in contact["belongs_to"]
    ]
    return (
        contact["proposal"],
        contact["psa_contact_id"],
        contact["name"],
        ", ".join(contact["emails"]),
        ", ".join(contact["phones"]),
        ", ".join(filter(None, ("active" if contact["active"] else "inactive", contact["protected"]))),
        ", ".join(users) or "nobody known",
    )
