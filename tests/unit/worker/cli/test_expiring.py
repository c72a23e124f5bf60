from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.records import Credential
from worker.cli.expiring import judge_ends, stated_ends, written_end
from worker.configuration import GraphApp

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def secret(days: int, name: str = "a") -> Credential:
    return Credential(kind="secret", name=name, ends_at=NOW + timedelta(days=days))


@pytest.mark.parametrize(("days", "verdict"), [(-1, "failed"), (0, "failed"), (29, "warning"), (31, "ok")])
def test_end_is_judged_by_the_days_that_are_left(days: int, verdict: str) -> None:
    assert [each[1] for each in judge_ends([], [secret(days)], now=NOW)] == [verdict]
    assert [each[1] for each in judge_ends([secret(days)], now=NOW)] == [verdict]


def test_old_secret_beside_a_new_one_is_no_failure() -> None:
    found = list(judge_ends([], [secret(-5, "old"), secret(300, "new")], now=NOW))
    assert [(verdict, detail.partition(":")[0]) for _, verdict, detail in found] == [("ok", "new"), ("warning", "old")]


@pytest.mark.parametrize(("day", "verdict"), [(24, "warning"), (23, "failed")])
def test_day_that_was_written_down_is_good_to_its_end(day: int, verdict: str) -> None:
    noon = NOW + timedelta(hours=12)
    ((what, found, _),) = judge_ends(written_end("key", "key_expires", date(2026, 11, day)), now=noon)
    assert (what, found) == ("key's end", verdict)


def certificate_until(ends_at: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, ends_at)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_certificate_says_its_own_end_and_of_the_secret_the_configuration(tmp_path: Path) -> None:
    ends_at = datetime(2031, 5, 6, tzinfo=UTC)
    (tmp_path / "app.pem").write_bytes(certificate_until(ends_at))
    (tmp_path / "broken.pem").write_text("no certificate")
    assert [(each.kind, each.ends_at) for each in stated_ends(an_app(tmp_path / "app.pem"))] == [
        ("certificate", ends_at)
    ]
    assert stated_ends(an_app(tmp_path / "broken.pem")) == []
    by_secret = GraphApp.model_construct(client_id="a", certificate_file=None, client_secret_expires=date(2027, 1, 31))
    assert [(each.kind, each.ends_at.date()) for each in stated_ends(by_secret)] == [("secret", date(2027, 1, 31))]


def an_app(certificate: Path) -> GraphApp:
    return GraphApp.model_construct(client_id="a", certificate_file=certificate, client_secret_expires=None)
