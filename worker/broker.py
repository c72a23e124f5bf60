"""Where Celery finds broker and results: the store's own address, in Celery's spelling."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from adapters.store.address import SENTINEL, Sentinels, read_sentinels, split_tls

TLS = "rediss"
SOCKET = "unix"
ASK_S = 2.0  # for one Sentinel; redis-py asks it four times before the next one is asked, and remembers that one


def broker_settings(redis_url: str) -> dict[str, Any]:
    """Return the settings of broker and result backend for the address that the store has.

    The options of TLS are taken out of the address (`?ssl_ca_certs=…`), as the store's own client reads them there:
    Celery's result backend refuses an address without them, its broker then checks no certificate, and Flower reads
    them from the settings alone."""
    sentinels = read_sentinels(redis_url)
    if sentinels is not None:
        return _behind_sentinels(sentinels)
    parts = urlsplit(redis_url)
    address = redis_url
    tls: dict[str, Any] = {}
    if parts.scheme == TLS:
        others, tls = split_tls(parts)
        address = parts._replace(query=urlencode(others)).geturl()
    elif parts.scheme == SOCKET:
        address = redis_url.replace("unix://", "redis+socket://", 1)  # kombu's name for it
    return _settings(address, tls=tls) | {"redis_socket_keepalive": parts.scheme != SOCKET}


def _behind_sentinels(sentinels: Sentinels) -> dict[str, Any]:
    """Return the settings of a broker whose address the Sentinels know."""
    asking = {"socket_timeout": ASK_S, "socket_connect_timeout": ASK_S, **sentinels.sentinel_login, **sentinels.tls}
    options = {"master_name": sentinels.primary, "sentinel_kwargs": asking}
    tls = {name: value for name, value in sentinels.tls.items() if name != "ssl"}
    address = ";".join(sentinels.urls(SENTINEL, sentinels.login))
    return _settings(address, tls=tls) | {"redis_socket_keepalive": True, "result_backend_transport_options": options}


def _settings(address: str, *, tls: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {"broker_url": address, "result_backend": address}
    return settings | {name: tls for name in ("broker_use_ssl", "redis_backend_use_ssl") if tls}
