"""Credentials that end by themselves: certificates say when, of secrets the configuration may say it."""

from datetime import UTC, date, datetime
from pathlib import Path

import structlog

from adapters.errors import SyncError
from tasks.ports import Expiry
from worker.configuration import SnapshotConfiguration

UNREADABLE = "expiry.unreadable"

log = structlog.get_logger()


def expiring(configuration: SnapshotConfiguration, *, version: int, now: datetime) -> list[Expiry]:
    """Name each credential whose end is known; one that cannot be read is logged, and fails the runs that need it."""
    graph_apps, psas = configuration.vendors(version=version)
    found = []
    for name in graph_apps:
        try:
            app = configuration.graph_app(name, version=version)
            place = f"graph_app {name}"
            if app.client_secret_expires is not None:
                found.append(_expiry(place, "client_secret", app.client_secret_expires, now))
            if app.certificate_file is not None:
                found.append(_expiry(place, "certificate", _end_of(app.certificate_file), now))
        except (SyncError, ValueError, OSError) as error:
            log.warning(UNREADABLE, graph_app=name, reason=getattr(error, "reason", type(error).__name__))
    for name in psas:
        try:
            ends = configuration.psa(name, version=version).key_expires
        except SyncError as error:
            log.warning(UNREADABLE, psa=name, reason=error.reason)
        else:
            found += [] if ends is None else [_expiry(f"psa {name}", "key", ends, now)]
    return found


def _end_of(certificate_file: Path) -> date:
    from cryptography import x509  # noqa: PLC0415 - of tens of milliseconds, where no certificate is read

    return x509.load_pem_x509_certificate(certificate_file.read_bytes()).not_valid_after_utc.date()


def _expiry(place: str, what: str, ends: date, now: datetime) -> Expiry:
    days_left = (ends - now.astimezone(UTC).date()).days
    says = f"ended on {ends}" if days_left < 0 else f"ends on {ends}, in {days_left} days"
    return Expiry(place=place, what=what, says=says, days_left=days_left)
