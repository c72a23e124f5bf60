"""When the credentials end: what the configuration states, the certificate says, and Graph tells of the app's own."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from cryptography import x509

from adapters.records import Credential
from worker.cli.findings import Found, Verdict
from worker.configuration import GraphApp

__all__ = ["UNKNOWN", "judge_ends", "stated_ends", "written_end"]

SOON = timedelta(days=30)
UNKNOWN: Found = ("secret's end", "ok", "not known: write it down as client_secret_expires, then alerts come before")


def stated_ends(app: GraphApp) -> list[Credential]:
    """Return the ends that stand in the configuration: the certificate's own, and the secret's, if it was written down.

    A file that holds no certificate has none: the login tells."""
    found = []
    if app.certificate_file is not None:
        try:
            ends_at = x509.load_pem_x509_certificate(app.certificate_file.read_bytes()).not_valid_after_utc
            found.append(Credential(kind="certificate", name="certificate_file", ends_at=ends_at))
        except (OSError, ValueError):
            pass
    return found + written_end("secret", "client_secret_expires", app.client_secret_expires)


def written_end(kind: str, name: str, day: date | None) -> list[Credential]:
    """Return the end that somebody wrote down, at the end of that day; none if nobody did."""
    return [] if day is None else [Credential(kind=kind, name=name, ends_at=datetime.combine(day, time.max, UTC))]


def judge_ends(
    stated: Iterable[Credential], listed: Iterable[Credential] | None = None, *, now: datetime
) -> Iterator[Found]:
    """Yield how long credentials last: those that the configuration states, and those that Graph lists of the app.

    An app with several secrets uses one of them, nobody sees which: the last to end counts, others are named."""
    for each in stated:
        yield _judged(each.kind, each.ends_at, str(each.name), now=now)
    latest_first = sorted(listed or (), key=lambda each: each.ends_at, reverse=True)
    for at, each in enumerate(latest_first):
        what, verdict, detail = _judged(each.kind, each.ends_at, each.name or "without a name", now=now)
        yield what, verdict if at == 0 or verdict == "ok" else "warning", detail


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
