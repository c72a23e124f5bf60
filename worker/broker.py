"""Where Celery finds broker and results: the store's own address, in Celery's spelling."""

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

TLS = "rediss"
SOCKET = "unix"
REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def broker_settings(redis_url: str) -> dict[str, Any]:
    """Return the settings of broker and result backend for the address that the store has.

    The options of TLS are taken out of the address (`?ssl_ca_certs=…`), as the store's own client reads them there:
    Celery's result backend refuses an address without them, its broker then checks no certificate, and Flower reads
    them from the settings alone."""
    parts = urlsplit(redis_url)
    address = redis_url
    tls: dict[str, Any] = {}
    if parts.scheme == TLS:
        query = parse_qsl(parts.query, keep_blank_values=True)
        address = parts._replace(query=urlencode([pair for pair in query if not pair[0].startswith("ssl_")])).geturl()
        tls = _tls_options({name: value for name, value in query if name.startswith("ssl_")})
    elif parts.scheme == SOCKET:
        address = redis_url.replace("unix://", "redis+socket://", 1)  # kombu's name for it
    settings: dict[str, Any] = {
        "broker_url": address,
        "result_backend": address,
        "redis_socket_keepalive": parts.scheme != SOCKET,
    }
    return settings | {name: tls for name in ("broker_use_ssl", "redis_backend_use_ssl") if tls}


def _tls_options(stated: dict[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = dict(stated)
    options["ssl_cert_reqs"] = REQUIREMENTS.get(stated.get("ssl_cert_reqs", "required"), ssl.CERT_REQUIRED)
    if "ssl_check_hostname" in stated:
        options["ssl_check_hostname"] = stated["ssl_check_hostname"].lower() in {"1", "true", "yes"}
    return options
