"""Whether a tenant and a company belong together: what speaks for it, and what a run may do before that is known.

A wrong pairing would put one customer's people into another's company. `check` looks for a verified domain of the
tenant in the company; what it found, or what a person confirmed, is remembered in the store, per pair.
"""

from collections.abc import Iterable
from typing import Any

from adapters.records import Company, Organization, Run
from tasks import closing, codes
from tasks.connector import Connector
from tasks.ports import Ports

__all__ = ["CONFIRMED", "DOUBTFUL", "FITS", "first_notes", "may_write", "objection", "shared_domain"]

FITS, DOUBTFUL, CONFIRMED = "fits", "doubtful", "confirmed"
Json = dict[str, Any]


def shared_domain(organization: Organization, company: Company, emails: Iterable[str]) -> str | None:
    """Return a domain that both own: a verified one of the tenant, and the company's website or a contact's address.

    Nobody can verify a domain of the public (gmail.com), so no list of those is needed."""
    hosts = {host.strip().casefold() for host in company.domains}
    hosts |= {address.rpartition("@")[2].strip().casefold() for address in emails if "@" in address}
    for domain in organization.domains:
        name = domain.strip().casefold()
        if any(host == name or host.endswith(f".{name}") or name.endswith(f".{host}") for host in hosts if host):
            return name
    return None


def first_notes(ports: Ports, run: Run, connector: Connector) -> list[Json]:
    """Return the warnings of a run that starts: the pairing was never checked, or a dry run's is doubtful."""
    known = _known(ports, run, connector)
    doubtful = sorted(company_id for company_id, word in known.items() if word == DOUBTFUL)
    if doubtful and run.dry_run:
        return [_warning(codes.PAIRING_UNCONFIRMED, _reason(connector, doubtful))]
    if not known and connector.company_ids and ports.memory.watermark(connector.connector_id) is None:
        message = (
            f"nobody has checked that the tenant and the company of {connector.connector_id} are the same customer;"
            f" do it before the first run that writes: contact-sync check {connector.connector_id}"
        )
        return [_warning(codes.PAIRING_UNCHECKED, message)]
    return []


def may_write(ports: Ports, run: Run, connector: Connector) -> bool:
    """End a run that would write although a pairing is doubtful and nobody has confirmed it."""
    reason = None if run.dry_run else objection(ports, run, connector)
    if reason is None:
        return True
    closing.fail_run(ports, run, code=codes.PAIRING_UNCONFIRMED, message=reason)
    return False


def objection(ports: Ports, run: Run, connector: Connector) -> str | None:
    """Return why no run may write for this connector: a pairing is doubtful, and nobody has confirmed it."""
    known = _known(ports, run, connector)
    doubtful = sorted(company_id for company_id, word in known.items() if word == DOUBTFUL)
    return _reason(connector, doubtful) if doubtful else None


def _known(ports: Ports, run: Run, connector: Connector) -> dict[str, str]:
    asked = run.request.get("company_id")
    return ports.memory.pairings(connector.home, [str(asked)] if asked else connector.company_ids)


def _reason(connector: Connector, company_ids: list[str]) -> str:
    return (
        f"no verified domain of the tenant of {connector.connector_id} is found in company {', '.join(company_ids)};"
        " correct the company, or, if they are the same customer, say so:"
        f" contact-sync check {connector.connector_id} --confirm"
    )


def _warning(code: str, message: str) -> Json:
    return {"user_principal_name": None, "code": code, "message": message}
