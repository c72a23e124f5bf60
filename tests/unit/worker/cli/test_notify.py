"""`contact-sync notify test`: a message to each target, a line for each, and an exit code."""

import json
from pathlib import Path

import pytest

from tests.fakes.webhook import Webhook, running_webhook
from tests.unit.worker.installation import ENVIRONMENT, MAIN
from worker.cli import check, main
from worker.cli.exits import Exit
from worker.settings import load_settings


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["notify", "test", *arguments])
    return int(end.value.code or 0)


def configure(folder: Path, service: str, patch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    (folder / "contact-sync.toml").write_text(MAIN.replace("[service]", f"[service]\ndevelopment = true\n{service}"))
    patch.setenv("CONTACT_SYNC_CONFIG", str(folder / "contact-sync.toml"))


def urls(webhook: Webhook) -> str:
    return f'notify = ["json://{webhook.address}/one", "json://{webhook.address}/two"]\n'


def test_each_target_gets_a_message_and_the_heartbeat_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_webhook() as webhook:
        configure(tmp_path, f'{urls(webhook)}heartbeat_url = "http://{webhook.address}/alive"', monkeypatch)
        assert ended() == Exit.SUCCESS
        assert webhook.paths("POST") == ["/one", "/two"]
        assert webhook.paths("GET") == ["/alive"]
    shown = capsys.readouterr().out
    for name in ("notify 1 (json)", "notify 2 (json)", "heartbeat_url", "arrived"):
        assert name in shown


def test_target_that_takes_nothing_is_told_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_webhook() as webhook:
        configure(tmp_path, f'notify = ["json://{webhook.address}/t0ken", "bogus://t0ken"]', monkeypatch)
        assert ended("--json") == Exit.ERRORS
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["target"], row["delivered"]) for row in rows] == [
        ("notify 1 (json)", True),
        ("notify 2 (bogus)", False),
    ]
    assert rows[1]["detail"].startswith("target_unusable; no such service")
    assert "t0ken" not in json.dumps(rows)


def test_without_any_address_it_says_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, "", monkeypatch)
    assert ended() == Exit.USAGE
    assert "notify = [" in capsys.readouterr().err


def test_check_judges_the_addresses_and_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_webhook() as webhook:
        configure(tmp_path, f'notify = ["json://{webhook.address}/t0ken", "bogus://t0ken"]', monkeypatch)
        findings = list(check._alerts(load_settings()))
        assert webhook.got == []
    assert [(each.what, each.verdict) for each in findings] == [
        ("notify 1 (json)", "ok"),
        ("notify 2 (bogus)", "failed"),
    ]
    assert "t0ken" not in str(findings)
