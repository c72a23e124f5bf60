"""A store behind Sentinels: where it is, who is told, and what a failover means to users in flight."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from flower.utils.broker import Broker, RedisSentinel

from adapters.errors import TransientError
from adapters.store import Store, StoreTiming, open_store
from adapters.store.address import read_sentinels
from tests.fakes.sentinels import RealSentinel, running_sentinel
from tests.fakes.valkey import running_valkey
from tests.unit.adapters.store.making import begun, frozen
from worker.celery_app import SyncApp, create_app

HOSTS = "one.msp.com:26380,two.msp.com,[fd00::3]:26379"
ADDRESS = (
    f"sentinels://user:pass%40word1@{HOSTS}/2?primary=sync&sentinel_password=other%2Fword&ssl_ca_certs=/etc/ca.pem"
)


def make_app(url: str) -> SyncApp:
    return create_app(url, visibility_timeout_s=900, user_events=True)


@contextmanager
def clients_of(store: Store, app: SyncApp) -> Iterator[list[Any]]:
    """Open the clients of the store, of the results and of the broker."""
    backend: Any = app.backend
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        clients = [store.connection.client, backend.client, channel.client]
        yield clients
        for client in clients:
            client.connection_pool.disconnect()
            client.connection_pool.sentinel_manager.close()


@pytest.fixture(scope="module")
def sentinel() -> Iterator[RealSentinel]:
    with running_valkey() as primary, running_sentinel(primary) as watching:
        yield watching


def test_after_a_failover_everybody_asks_the_new_primary_and_users_in_flight_are_suspect(
    sentinel: RealSentinel,
) -> None:
    store = open_store(sentinel.url, timing=StoreTiming(settle_s=60))
    store.presence.beat()
    frozen(store, count=1)
    begun(store, "id-000000")
    first = store.runs.server_run_id()
    with clients_of(store, make_app(sentinel.url)) as clients:
        assert {client.info("server")["run_id"] for client in clients} == {first}
        sentinel.fail_over()
        for client in clients:
            client.connection_pool.disconnect()  # as the demoted one does to all that speak to it
        assert {client.info("server")["run_id"] for client in clients} == {store.runs.server_run_id()} != {first}
    store.presence.beat()
    answer = store.users.begin("r1", "id-000000", holder=store.presence.new_holder())
    assert isinstance(answer, float), "what was sent before the failover may still be under way"
    store.close()


def test_a_store_that_no_sentinel_knows_is_away_for_the_moment(sentinel: RealSentinel) -> None:
    store = open_store(sentinel.url.replace("primary=sync", "primary=other"))
    with pytest.raises(TransientError, match="unreachable"):
        store.runs.now_ms()
    store.close()


def test_address_of_many_sentinels_is_read_whole() -> None:
    sentinels = read_sentinels(ADDRESS)
    assert sentinels is not None
    assert sentinels.hosts == (("one.msp.com", 26380), ("two.msp.com", 26379), ("fd00::3", 26379))
    assert (sentinels.primary, sentinels.db) == ("sync", 2)
    assert sentinels.login == {"username": "user", "password": "pass@word1"}
    assert sentinels.sentinel_login == {"password": "other/word"}
    assert sentinels.tls == {"ssl": True, "ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/etc/ca.pem"}


def test_store_broker_and_results_have_the_same_sentinels_passwords_and_tls() -> None:
    store, app = open_store(ADDRESS), make_app(ADDRESS)
    backend: Any = app.backend
    for client in (store.connection.client, backend.client):
        pool = client.connection_pool
        asked = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
        assert [each["host"] for each in asked] == ["one.msp.com", "two.msp.com", "fd00::3"]
        assert [each["port"] for each in asked] == [26380, 26379, 26379]
        assert {(each["password"], each["ssl_ca_certs"]) for each in asked} == {("other/word", "/etc/ca.pem")}
        assert pool.service_name == "sync"
        wanted = {"username": "user", "password": "pass@word1", "db": 2, "ssl_ca_certs": "/etc/ca.pem"}
        assert {name: pool.connection_kwargs[name] for name in wanted} == wanted
        assert issubclass(pool.connection_class, redis.SSLConnection)
    connection: Any = app.connection_for_write()
    assert connection.transport_cls == "sentinel"
    assert connection.transport_options["master_name"] == "sync"
    assert connection.ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": "/etc/ca.pem"}
    assert len(connection.alt) == 3
    shown = f"{connection!r} {connection.as_uri()} {backend.as_uri()} {store.connection.client!r}"
    assert not [secret for secret in ("word1", "other") if secret in shown]


def test_flower_finds_the_broker_through_a_sentinel(sentinel: RealSentinel) -> None:
    app = make_app(sentinel.url)
    uri = app.connection_for_read().as_uri(include_password=True)
    assert isinstance(Broker(uri, broker_options=app.conf.broker_transport_options), RedisSentinel)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("sentinel://one:26379/0", "must name the primary"),
        ("sentinel://one:26379/0?primary=sync&db=2", "no option db"),
        ("sentinel://one:26379/first?primary=sync", "database by its number"),
        ("sentinel:///0?primary=sync", "must name Sentinels like"),
        ("sentinel://one:port/0?primary=sync", "must name Sentinels like"),
        ("sentinel://one:26379,/0?primary=sync", "must name Sentinels like"),
    ],
)
def test_address_that_names_no_sentinel_or_primary_is_refused(address: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_sentinels(address)
