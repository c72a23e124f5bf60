"""The connection: no redis exception leaves, the server is checked, its restarts are noticed."""

import inspect
import socket

import pytest
import redis

from adapters.errors import InstanceError, TransientError
from adapters.store import Store, open_store
from adapters.store.connection import Connection, translate
from tests.fakes.valkey import RealValkey, running_valkey
from tests.unit.adapters.store.making import a_run


def redis_errors() -> list[type[redis.RedisError]]:
    found = [kind for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass)]
    return [kind for kind in found if issubclass(kind, redis.RedisError)]


@pytest.mark.parametrize("kind", redis_errors())
def test_every_redis_exception_has_a_name_of_ours(kind: type[redis.RedisError]) -> None:
    error = translate(kind.__new__(kind))
    assert (error.vendor, bool(error.reason)) == ("store", True)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (redis.exceptions.TimeoutError, "timeout"),
        (redis.exceptions.ConnectionError, "unreachable"),
        (redis.exceptions.BusyLoadingError, "loading"),
        (redis.exceptions.AuthenticationError, "login_refused"),
        (redis.exceptions.OutOfMemoryError, "out_of_memory"),
        (redis.exceptions.ResponseError, "refused"),
    ],
)
def test_exceptions_are_named_by_what_happened(kind: type[redis.RedisError], reason: str) -> None:
    assert translate(kind("x")).reason == reason


def test_store_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
        store = open_store(url)
        for call in (store.runs.now_ms, lambda: store.runs.load_run("r1"), lambda: store.plan.is_complete("r1")):
            with pytest.raises(TransientError, match="store: unreachable"):
                call()


def test_wrong_type_of_key_is_refused_in_our_words(store: Store) -> None:
    store.connection.client.set(store.connection.keys.run_parts("r1")["run"], "no hash")
    with pytest.raises(TransientError, match="store: refused"):
        store.runs.load_run("r1")
    with pytest.raises(TransientError, match="store: refused"):
        store.runs.note("r1", a=1)
    with pytest.raises(TransientError, match="store: refused"):
        store.plan.is_complete("r1")


def test_scripts_come_back_after_the_server_forgot_them(store: Store) -> None:
    store.runs.request_run(a_run("r1"))
    store.connection.client.script_flush()
    assert store.runs.request_run(a_run("r2"))


def test_server_that_keeps_everything_passes(store: Store) -> None:
    store.connection.check_server()


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [("maxmemory-policy", "allkeys-lru", "evicts_keys"), ("appendonly", "no", "append_only_file_off")],
)
def test_server_that_may_lose_keys_is_refused(setting: str, value: str, reason: str) -> None:
    with running_valkey() as server, Connection(server.url) as connection:
        connection.client.config_set(setting, value)
        with pytest.raises(InstanceError, match=reason):
            connection.check_server()


def test_store_is_reached_by_its_unix_socket_too(valkey: RealValkey) -> None:
    store = open_store(valkey.socket_url, prefix="unix:")
    assert store.runs.request_run(a_run())
    store.close()


def test_restart_changes_the_servers_identity_and_closed_sockets_are_opened_again() -> None:
    with running_valkey() as server:
        store = open_store(server.url)
        first = store.runs.server_run_id()
        assert first == store.runs.server_run_id()
        server.restart()
        store.runs.now_ms()
        assert store.runs.server_run_id() not in ("", first)
        store.close()


def since_ms(store: Store) -> int:
    return int(store.connection.client.hget(store.connection.keys.server, "since_ms"))


def test_restart_is_suspicious_only_while_runs_are_open() -> None:
    with running_valkey() as server:
        store = open_store(server.url)
        assert since_ms(store) == 0
        server.restart()
        assert since_ms(store) == 0
        store.runs.request_run(a_run())
        server.restart()
        assert abs(since_ms(store) - store.runs.now_ms()) < 10_000
        store.close()


def test_call_refuses_a_misspelt_argument(store: Store) -> None:
    with pytest.raises(ValueError, match="takes no"):
        store.connection.call("beat", keys={"beats": "x"}, args={"incarnation": "a", "dead_ms": 1, "deadms": 1})
    with pytest.raises(KeyError):
        store.connection.call("beat", keys={"beats": "x"}, args={"incarnation": "a"})
