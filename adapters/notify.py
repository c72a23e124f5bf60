"""Alerts to wherever Apprise delivers, and the outgoing heartbeat. Foreign exceptions and foreign log lines stop here.

An address is a secret: it holds tokens and webhooks. Targets are named by a digest, and shown by number and service.
"""

import hashlib
import logging
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import httpx

from adapters.errors import TransientError

VENDOR = "notify"
TIMEOUT_S = 8.0
PING_TIMEOUT_S = 10.0
OK = range(200, 300)


class AppriseNotifier:
    """The targets of one installation. Thread-safe; loads Apprise when something is sent, which takes a second."""

    def __init__(self, urls: Sequence[str], *, heartbeat_url: str | None = None) -> None:
        """Keep the addresses."""
        self._urls = {_digest(url): url for url in urls}
        self._heartbeat_url = heartbeat_url
        self._lock = threading.Lock()

    @property
    def targets(self) -> Sequence[str]:
        """Name the targets by digest, in the order of the configuration."""
        return tuple(self._urls)

    def describe(self, target: str) -> str:
        """Name a target for people: its number and its service, nothing of its address."""
        number = self.targets.index(target) + 1
        return f"notify {number} ({self._urls[target].partition(':')[0]})"

    def is_usable(self, target: str) -> bool:
        """Tell whether Apprise knows the service and finds all parts of the address; sends nothing."""
        with self._lock:
            try:
                return self._sender(target) is not None
            except TransientError:
                return False

    def send(self, target: str, *, title: str, body: str) -> None:
        """Send plain text to one target. Raises TransientError(target_unusable | not_delivered)."""
        with self._lock:
            sender = self._sender(target)
        if sender is None:
            raise TransientError("target_unusable", vendor=VENDOR)
        try:
            arrived = sender.notify(body=body, title=title, notify_type="warning", body_format="text")
        except Exception as exc:  # noqa: BLE001 - plugins raise what they like; its text may quote the address
            raise TransientError("not_delivered", vendor=VENDOR) from _without_text(exc)
        if not arrived:
            raise TransientError("not_delivered", vendor=VENDOR)

    def ping(self) -> None:
        """Ask for the heartbeat address. Raises TransientError(heartbeat_refused | heartbeat_unreachable)."""
        if self._heartbeat_url is None:
            return
        try:
            status = httpx.get(self._heartbeat_url, timeout=PING_TIMEOUT_S, follow_redirects=False).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise TransientError("heartbeat_unreachable", vendor=VENDOR) from _without_text(exc)
        if status not in OK:
            raise TransientError("heartbeat_refused", vendor=VENDOR, status=status)

    def _sender(self, target: str) -> Any:
        """Build a target's sender: nothing is kept on disk, no redirect is followed, its log lines quote no address."""
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings(action="ignore"):  # about its own imports
            from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - a hundred plugins: only who sends pays for them

            asset = AppriseAsset(
                app_id="contact-sync",
                app_desc="contact-sync",
                app_url="",
                async_mode=False,
                storage_mode="memory",
                http_redirects=False,
                service_timeout=TIMEOUT_S,
                allow_templates=False,
            )
            try:
                sender = Apprise(asset=asset)  # it, and not the plugin, puts text into the form that the service wants
                return sender if sender.add(self._urls[target]) else None
            except Exception as exc:  # noqa: BLE001 - as above
                raise TransientError("target_unusable", vendor=VENDOR) from _without_text(exc)


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]


def _without_text(exc: Exception) -> Exception:
    """Return an exception of that name alone: the text may quote the address."""
    return RuntimeError(type(exc).__name__)
