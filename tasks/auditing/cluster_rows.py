"""Clusters as plain rows, kept small: what remains of an audit once contacts and users are forgotten. Pure."""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from tasks.auditing.clusters import Cluster, Evidence
from tasks.auditing.survivors import Candidate

__all__ = ["ClusterRows", "Json", "cluster_row", "evidence_words"]

Json = dict[str, Any]


class ClusterRows:
    """Rows of clusters, compressed; they can be walked any number of times, a row in memory at a time."""

    def __init__(self, clusters: Iterable[Cluster]) -> None:
        """Keep the row of each cluster."""
        self._packed = [zlib.compress(json.dumps(cluster_row(each)).encode()) for each in clusters]

    def __len__(self) -> int:
        """Count the clusters."""
        return len(self._packed)

    def __iter__(self) -> Iterator[Json]:
        """Yield the rows in the order of the clusters."""
        return (json.loads(zlib.decompress(packed)) for packed in self._packed)


def cluster_row(cluster: Cluster) -> Json:
    """Return one cluster: what should stay and why, its contacts, and what speaks for each pair."""
    survivor = cluster.survivor
    return {
        "cluster": cluster.name,
        "psa_company_id": cluster.company_id,
        "survivor": survivor.listed.id if survivor else None,
        "reason": cluster.reason if survivor else None,
        "advice": _advice(cluster),
        "users": list(cluster.users),
        "contacts": [
            {"proposal": _proposal(cluster, at), **_contact(each)} for at, each in enumerate(cluster.candidates)
        ],
        "pairs": [
            {"psa_contact_ids": list(pair.contact_ids), "evidence": [_evidence(each) for each in pair.evidence]}
            for pair in cluster.pairs
        ],
        "pairs_complete": cluster.has_all_pairs,
    }


def evidence_words(evidence: Iterable[Json]) -> str:
    """Say what speaks for two contacts' being one person, from a row's pair."""
    return "; ".join(_words(each) for each in evidence)


def _words(evidence: Json) -> str:
    by = f" (by {' and '.join(evidence['by'])})".replace("_", " ") if "by" in evidence else ""
    return f"{evidence['kind'].replace('_', ' ')} {evidence['value']}{by}"


def _proposal(cluster: Cluster, at: int) -> str:
    """Say in a word what to do with a contact by its place: keep, merge (into that one), or look first."""
    return "look" if cluster.survivor is None else "merge" if at else "keep"


def _advice(cluster: Cluster) -> str:
    others = ", ".join(each.listed.id for each in cluster.candidates[1:])
    if cluster.survivor is None:
        return f"belongs to {' and '.join(cluster.users)}: correct object ids, links and addresses before merging any"
    kept = cluster.survivor.listed
    is_needed = any(each.listed.active for each in cluster.candidates) and not kept.active
    awake = ", then switch it on" if is_needed else ""
    return f"keep {kept.id} ({cluster.reason}); merge {others} into it in the PSA{awake}"


def _contact(candidate: Candidate) -> Json:
    listed = candidate.listed
    return {
        "psa_contact_id": listed.id,
        "name": listed.name,
        "emails": list(listed.emails),
        "phones": list(listed.phones),
        "active": listed.active,
        "protected": listed.protected,
        "entra_id": listed.object_id,
        "fields_filled": listed.filled,
        "belongs_to": [{"user": each.name, "by": each.basis, "exists": each.lives} for each in candidate.belongings],
    }


def _evidence(evidence: Evidence) -> Json:
    return {"kind": evidence.kind, "value": evidence.value} | ({"by": list(evidence.by)} if evidence.by else {})
