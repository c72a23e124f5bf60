from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.records import Credential
from worker.cli.expiring import certificate_end, judge_ends

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def secret(days: int, name: str = "a") -> Credential:
    return Credential(kind="secret", name=name, ends_at=NOW + timedelta(days=days))


@pytest.mark.parametrize(("days", "verdict"), [(-1, "failed"), (0, "failed"), (29, "warning"), (31, "ok")])
def test_end_is_judged_by_the_days_that_are_left(days: int, verdict: str) -> None:
    assert [each[1] for each in judge_ends([secret(days)], None, now=NOW)] == [verdict]
    assert [each[1] for each in judge_ends(None, NOW + timedelta(days=days), now=NOW)] == [verdict]


def test_old_secret_beside_a_new_one_is_no_failure() -> None:
    found = list(judge_ends([secret(-5, "old"), secret(300, "new")], None, now=NOW))
    assert [(verdict, detail.partition(":")[0]) for _, verdict, detail in found] == [("ok", "new"), ("warning", "old")]


def test_unknown_end_is_said_to_be_unknown() -> None:
    ((_, verdict, detail),) = judge_ends(None, None, now=NOW)
    assert (verdict, "not known" in detail) == ("ok", True)


def certificate_until(ends_at: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, ends_at)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_certificate_says_its_own_end(tmp_path: Path) -> None:
    ends_at = datetime(2031, 5, 6, tzinfo=UTC)
    path = tmp_path / "app.pem"
    path.write_bytes(certificate_until(ends_at))
    assert certificate_end(path) == ends_at
    path.write_text("no certificate")
    assert certificate_end(path) is None
