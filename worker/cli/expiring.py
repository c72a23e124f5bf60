"""When the credentials end that open the tenant: the certificate in the file, and what Graph tells of the app's own."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from adapters.records import Credential
from worker.cli.findings import Found, Verdict

__all__ = ["certificate_end", "judge_ends"]

SOON = timedelta(days=30)


def certificate_end(path: Path) -> datetime | None:
    """Return when a certificate (PEM) ends; None for a file that holds none, which the login tells."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def judge_ends(
    credentials: Iterable[Credential] | None, certificate_ends_at: datetime | None, *, now: datetime
) -> Iterator[Found]:
    """Yield how long the credentials last. `credentials` None: the app registration's own are not known.

    An app with several secrets uses one of them, nobody sees which: the last to end counts, others are named."""
    if certificate_ends_at is not None:
        yield _judged("certificate", certificate_ends_at, "in certificate_file", now=now)
    known = sorted(credentials or (), key=lambda each: each.ends_at, reverse=True)
    for at, each in enumerate(known):
        what, verdict, detail = _judged(each.kind, each.ends_at, each.name or "without a name", now=now)
        is_last = at == 0
        yield what, verdict if is_last or verdict == "ok" else "warning", detail
    if certificate_ends_at is None and not known:
        detail = "not known: note the secret's end yourself, or consent to Application.Read.All in the app's own tenant"
        yield "secret", "ok", detail


def _judged(kind: str, ends_at: datetime, name: str, *, now: datetime) -> Found:
    ends = ends_at if ends_at.tzinfo is not None else ends_at.replace(tzinfo=UTC)
    left = ends - now
    when = f"{name}: {ends.date().isoformat()}"
    verdict: Verdict = "failed" if left <= timedelta(0) else "warning" if left < SOON else "ok"
    words = {
        "failed": "has ended",
        "warning": f"ends in {left.days} days; make a new one",
        "ok": f"{left.days} days left",
    }
    return f"{kind}'s end", verdict, f"{when}, {words[verdict]}"
