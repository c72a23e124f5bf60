"""Two connectors that claim the same tenant, and so the same users, or the same contact: an alarm, never a guess."""

from tasks import codes
from tasks.judgement import Judgement
from tasks.ports import Json

MOST_NAMED = 10  # contacts in one message


def find_claims(judgement: Judgement) -> list[Json]:
    """Return warnings of the whole run: whose tenant and which contacts another connector claims, too."""
    return [*_tenant_claims(judgement), *_contact_claims(judgement)]


def _tenant_claims(judgement: Judgement) -> list[Json]:
    """Say which other connectors of the configuration have read this tenant."""
    ports, connector = judgement.ports, judgement.connector
    is_real = not judgement.run.dry_run
    readers = ports.memory.claim_tenant(connector.tenant_id, connector.connector_id, remember=is_real)
    others = readers - {connector.connector_id}
    known = set(ports.configuration.connectors(version=judgement.run.config_version))
    return [
        _warning(
            f"connectors {connector.connector_id} and {other} read the same tenant {connector.tenant_id}, so each of"
            " its users has two contacts; remove one of them, or let their filters share the users out"
        )
        for other in sorted(others & known)
    ]


def _contact_claims(judgement: Judgement) -> list[Json]:
    claims = sorted(judgement.claims)
    if not claims:
        return []
    named = ", ".join(claims[:MOST_NAMED]) + (", …" if len(claims) > MOST_NAMED else "")
    message = (
        f"{len(claims)} contacts that users of this tenant could be are linked to users of another connector's tenant:"
        f" {named}; are the companies of the two connectors right?"
    )
    return [_warning(message)]


def _warning(message: str) -> Json:
    return {"user_principal_name": None, "code": codes.CLAIMED_TWICE, "message": message}
