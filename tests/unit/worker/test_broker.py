"""The store's address as Celery, its result backend and Flower need it."""

import ssl
from typing import Any

import pytest

from worker.broker import broker_settings
from worker.celery_app import create_app

TLS = "rediss://:secret@valkey.msp.com:6380/2"


@pytest.mark.parametrize(
    ("redis_url", "address"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:secret@valkey:6379/0?protocol=2", "redis://:secret@valkey:6379/0?protocol=2"),
        ("unix:///run/valkey/valkey.sock", "redis+socket:///run/valkey/valkey.sock"),
        ("unix://:secret@/run/valkey.sock?db=1", "redis+socket://:secret@/run/valkey.sock?db=1"),
        (TLS, TLS),
        (f"{TLS}?ssl_ca_certs=/etc/ca.pem&protocol=2", f"{TLS}?protocol=2"),
    ],
)
def test_broker_and_results_are_where_the_store_is(redis_url: str, address: str) -> None:
    settings = broker_settings(redis_url)
    assert (settings["broker_url"], settings["result_backend"]) == (address, address)
    assert settings["redis_socket_keepalive"] is not redis_url.startswith("unix")
    assert ("broker_use_ssl" in settings) is redis_url.startswith("rediss")


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {"ssl_cert_reqs": ssl.CERT_REQUIRED}),
        ("?ssl_ca_certs=%2Fetc%2Fca.pem", {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/etc/ca.pem"}),
        ("?ssl_cert_reqs=none", {"ssl_cert_reqs": ssl.CERT_NONE}),
        ("?ssl_cert_reqs=nonsense", {"ssl_cert_reqs": ssl.CERT_REQUIRED}),
        (
            "?ssl_check_hostname=false&ssl_certfile=/a&ssl_keyfile=/b",
            {
                "ssl_cert_reqs": ssl.CERT_REQUIRED,
                "ssl_check_hostname": False,
                "ssl_certfile": "/a",
                "ssl_keyfile": "/b",
            },
        ),
    ],
)
def test_certificate_is_checked_unless_the_address_says_otherwise(query: str, options: dict[str, object]) -> None:
    settings = broker_settings(TLS + query)
    assert settings["broker_use_ssl"] == settings["redis_backend_use_ssl"] == options


def test_celery_takes_an_address_with_tls_for_broker_and_results() -> None:
    app = create_app(f"{TLS}?ssl_ca_certs=/etc/ca.pem", visibility_timeout_s=900, user_events=True)
    backend: Any = app.backend
    connection = app.connection_for_write()
    assert connection.ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/etc/ca.pem"}
    assert backend.connparams["ssl_cert_reqs"] == ssl.CERT_REQUIRED
    assert backend.connparams["ssl_ca_certs"] == "/etc/ca.pem"
    assert backend.connparams["db"] == 2
