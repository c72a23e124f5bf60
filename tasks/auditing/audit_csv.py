"""Audits as CSV for spreadsheets: a line for each contact of a cluster, and for each number. Pure."""

import csv
from collections.abc import Iterable, Iterator
from typing import IO

from tasks.auditing.audit import Audit
from tasks.auditing.audit_json import measure_row
from tasks.auditing.cluster_rows import Json, evidence_words
from tasks.auditing.trend import AGO_DAYS
from tasks.report_csv import harmless_cell

__all__ = ["COLUMNS", "write_csv"]

COLUMNS = (
    "connector",
    "list",  # duplicates, quality
    "cluster",
    "psa_company_id",
    "psa_contact_id",
    "proposal",  # keep, merge, look
    "advice",
    "name",
    "emails",  # separated by blanks, the default one first
    "phones",
    "active",
    "protected",
    "entra_id",
    "users",  # to whom the contact belongs, by user principal name
    "evidence",  # a line for each contact that it pairs with
    "measure",
    "number",
    "of",
    "share",
    *(f"share_{ago}_days_ago" for ago in AGO_DAYS),
)


def write_csv(audits: Iterable[Audit], out: IO[str]) -> None:
    """Write a line of column names, then of each audit its numbers and its clusters; every cell is quoted.

    A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for audit in audits:
        for row in _rows(audit):
            writer.writerow(harmless_cell(row.get(column)) for column in COLUMNS)


def _rows(audit: Audit) -> Iterator[Json]:
    connector: Json = {"connector": audit.connector_id}
    for measure in audit.measures:
        yield {**connector, "list": "quality", **measure_row(measure)}
    for cluster in audit.clusters:
        for row in _contacts(cluster):
            yield {**connector, "list": "duplicates", **row}


def _contacts(cluster: Json) -> Iterator[Json]:
    for contact in cluster["contacts"]:
        contact_id = contact["psa_contact_id"]
        others = [
            (other, pair["evidence"])
            for pair in cluster["pairs"]
            if contact_id in pair["psa_contact_ids"]
            for other in pair["psa_contact_ids"]
            if other != contact_id
        ]
        yield {
            **cluster,
            **contact,
            "emails": " ".join(contact["emails"]),
            "phones": " ".join(contact["phones"]),
            "active": "true" if contact["active"] else "false",
            "users": " ".join(dict.fromkeys(each["user"] for each in contact["belongs_to"])),
            "evidence": "\n".join(f"{other}: {evidence_words(evidence)}" for other, evidence in others),
        }
