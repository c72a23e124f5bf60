"""Two connectors that claim the same tenant, and so the same users, or the same contact: an alarm, never a guess."""

from dataclasses import dataclass

from tasks import codes
from tasks.judgement import Judgement
from tasks.ports import Json

MOST_NAMED = 10  # contacts in one message


@dataclass(frozen=True)
class Claim:
    """What another connector claims, too; both connectors' runs name its place and reason alike."""

    place: str
    reason: str
    message: str

    def row(self) -> Json:
        """Return the warning of the whole run."""
        return {"user_principal_name": None, "code": codes.CLAIMED_TWICE, "message": self.message}


def find_claims(judgement: Judgement) -> list[Claim]:
    """Return by whom else the tenant is read, and by whom else contacts are claimed that its users could be."""
    known = set(judgement.ports.configuration.connectors(version=judgement.run.config_version))
    return [*_tenant_claims(judgement, known), *_contact_claims(judgement, known)]


def _tenant_claims(judgement: Judgement, known: set[str]) -> list[Claim]:
    """Say which other connectors of the configuration have read this tenant."""
    ports, connector = judgement.ports, judgement.connector
    own, tenant_id = connector.connector_id, connector.tenant_id
    if not judgement.run.dry_run:
        ports.memory.note_reader(tenant_id, own)
    return [
        Claim(
            f"tenant {tenant_id.lower()}",
            _pair(own, other),
            f"connectors {own} and {other} read the same tenant {tenant_id}, so each of its users has two contacts;"
            " remove one of them, or let their filters share the users out",
        )
        for other in sorted(ports.memory.readers(tenant_id) & known - {own})
    ]


def _contact_claims(judgement: Judgement, known: set[str]) -> list[Claim]:
    """Say whose the contacts are that users of this tenant could be, tenant by tenant."""
    ports, connector = judgement.ports, judgement.connector
    by_tenant: dict[str, list[str]] = {}
    for contact_id, tenant_id in sorted(judgement.claims.items()):
        by_tenant.setdefault(tenant_id, []).append(contact_id)
    found = []
    for tenant_id, contact_ids in by_tenant.items():
        readers = sorted(ports.memory.readers(tenant_id) & known)
        other = ", ".join(readers) or f"tenant {tenant_id}"
        whose = f"connector {other}" if readers else f"{other}, which no connector reads any more"
        named = ", ".join(contact_ids[:MOST_NAMED]) + (", …" if len(contact_ids) > MOST_NAMED else "")
        message = (
            f"{len(contact_ids)} contacts that users of this tenant could be are linked to users of {whose}: {named};"
            " are the companies of the two connectors right?"
        )
        found.append(Claim(f"PSA {judgement.run.instance}", _pair(connector.connector_id, other), message))
    return found


def _pair(one: str, other: str) -> str:
    return " and ".join(sorted((one, other)))
