"""Alerts by Apprise to a webhook on this machine; whatever goes wrong says nothing of the address."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.errors import TransientError
from adapters.notify import AppriseNotifier
from ops.sandbox.certificates import write_server_certificate
from tests.fakes.webhook import Webhook, running_webhook

SECRET = "t0ps3cret"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with running_webhook() as webhook:
        yield webhook


def test_message_arrives_as_it_was_written(webhook: Webhook) -> None:
    notifier = AppriseNotifier([f"json://{webhook.address}/{SECRET}"])
    (target,) = notifier.targets
    notifier.send(target, title="contact-sync: main: runs fail (x)", body="Since: now\n- a_b@c.d: %s {app_id} \\n")
    ((_, path, got),) = webhook.got
    assert path == f"/{SECRET}"
    assert got["title"] == "contact-sync: main: runs fail (x)"
    assert got["message"] == "Since: now\n- a_b@c.d: %s {app_id} \\n"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Webhook]:
    """Answer by TLS, with a certificate of an authority that nobody knows."""
    write_server_certificate(tmp_path, ["127.0.0.1"])
    with running_webhook(tmp_path) as webhook:
        yield webhook


def test_message_and_heartbeat_go_to_no_stranger(secure: Webhook) -> None:
    notifier = AppriseNotifier([f"jsons://{secure.address}/{SECRET}"], heartbeat_url=f"https://{secure.address}/alive")
    with pytest.raises(TransientError, match="not_delivered"):
        notifier.send(notifier.targets[0], title="t", body="b")
    with pytest.raises(TransientError, match="heartbeat_unreachable"):
        notifier.ping()
    assert secure.got == []


def test_message_and_heartbeat_go_to_an_authority_of_ones_own(
    secure: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    notifier = AppriseNotifier([f"jsons://{secure.address}/{SECRET}"], heartbeat_url=f"https://{secure.address}/alive")
    notifier.send(notifier.targets[0], title="t", body="b")
    notifier.ping()
    assert [(method, path) for method, path, _ in secure.got] == [("POST", f"/{SECRET}"), ("GET", "/alive")]


def test_lines_stay_lines_where_the_service_wants_html(webhook: Webhook) -> None:
    notifier = AppriseNotifier([f"json://{webhook.address}/x?format=html"])
    notifier.send(notifier.targets[0], title="t", body="one & <b>\ntwo")
    ((_, _, got),) = webhook.got
    assert "<b>" not in got["message"]
    assert "<br" in got["message"]


def test_targets_are_named_without_their_address() -> None:
    notifier = AppriseNotifier([f"json://user:{SECRET}@127.0.0.1/a", f"slack://{SECRET}/b/c"])
    names = [*notifier.targets, *map(notifier.describe, notifier.targets)]
    assert [notifier.describe(target) for target in notifier.targets] == ["notify 1 (json)", "notify 2 (slack)"]
    assert SECRET not in "".join(names)


@pytest.mark.parametrize("status", [302, 400, 401, 500])
def test_refused_message_is_an_error_and_no_redirect_is_followed(webhook: Webhook, status: int) -> None:
    webhook.status, webhook.location = status, f"http://{webhook.address}/elsewhere"
    notifier = AppriseNotifier([f"json://{webhook.address}/{SECRET}"])
    with pytest.raises(TransientError, match="not_delivered"):
        notifier.send(notifier.targets[0], title="t", body="b")
    assert {path for _, path, _ in webhook.got} == {f"/{SECRET}"}


@pytest.mark.parametrize("url", ["json://127.0.0.1:9/{}", "bogus://{}", "slack://{}", "json://", "mailtos://{}@"])
def test_what_goes_wrong_tells_nothing_of_the_address(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    notifier = AppriseNotifier([url.format(SECRET)])
    with pytest.raises(TransientError, match=r"target_unusable|not_delivered") as refused:
        notifier.send(notifier.targets[0], title="t", body="b")
    told: BaseException | None = refused.value
    while told is not None:
        assert SECRET not in f"{told!r}{told}"
        told = told.__cause__
    speakers = {record.name for record in caplog.records if SECRET in record.getMessage()}
    assert speakers <= {"urllib3.connectionpool"}, "which we show from WARNING on"


def test_heartbeat_is_one_get(webhook: Webhook) -> None:
    AppriseNotifier([], heartbeat_url=f"http://{webhook.address}/ping/{SECRET}").ping()
    assert webhook.got == [("GET", f"/ping/{SECRET}", None)]


@pytest.mark.parametrize(("status", "reason"), [(302, "refused"), (404, "refused"), (0, "unreachable")])
def test_heartbeat_that_fails_is_an_error_without_the_address(webhook: Webhook, status: int, reason: str) -> None:
    webhook.status = status
    address = webhook.address if status else "127.0.0.1:9"
    with pytest.raises(TransientError, match=f"heartbeat_{reason}") as refused:
        AppriseNotifier([], heartbeat_url=f"http://{address}/{SECRET}").ping()
    assert SECRET not in f"{refused.value!r}{refused.value.__cause__!r}"


def test_no_heartbeat_where_nobody_watches() -> None:
    AppriseNotifier([]).ping()


def test_address_is_judged_without_sending(webhook: Webhook) -> None:
    notifier = AppriseNotifier([f"json://{webhook.address}/x", "bogus://x", "slack://x"])
    assert [notifier.is_usable(target) for target in notifier.targets] == [True, False, False]
    assert webhook.got == []


SERVICES = [
    f"workflows://prod-1.westeurope.logic.azure.com:443/{'a1' * 16}/{'B2' * 21}/",  # Teams
    f"slack://T1JJ3T3L2/A1BRTD4JD/{'Ti' * 12}/#ops",
    "mailtos://user:password@mail.contoso.com?to=ops@contoso.com",
    "jsons://hooks.contoso.com/x",
    f"discord://4174216298/{'Jh' * 14}",
]


@pytest.mark.parametrize("url", SERVICES, ids=lambda url: url.partition(":")[0])
def test_each_kind_of_service_is_known(url: str) -> None:
    notifier = AppriseNotifier([url, url.partition("://")[0] + "://"])
    assert [notifier.is_usable(target) for target in notifier.targets] == [True, False]
