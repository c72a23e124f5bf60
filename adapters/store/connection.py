"""The connection to one Valkey: time-outs, scripts, the server's clock and identity, and its errors in our words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry
from redis.sentinel import Sentinel

from adapters.errors import InstanceError, TransientError
from adapters.store.address import read_sentinels
from adapters.store.keys import PREFIX, Keys
from adapters.store.scripts import Script, load_scripts

VENDOR = "store"
SOCKET_TIMEOUT_S = 15.0  # the longest script, the close of a run with 100,000 failed users, takes under one second
CONNECT_TIMEOUT_S = 5.0
HEALTH_CHECK_S = 25

REASONS: tuple[tuple[type[redis.RedisError], str], ...] = (
    (redis.exceptions.AuthenticationError, "login_refused"),
    (redis.exceptions.BusyLoadingError, "loading"),
    (redis.exceptions.TimeoutError, "timeout"),
    (redis.exceptions.ConnectionError, "unreachable"),
    (redis.exceptions.OutOfMemoryError, "out_of_memory"),
    (redis.exceptions.ReadOnlyError, "read_only"),
    (redis.exceptions.NoPermissionError, "permission_missing"),
    (redis.RedisError, "refused"),
)
"""What a redis exception is called here; the first that fits."""


def translate(error: redis.RedisError) -> TransientError:
    """Put a redis exception into our words."""
    reason = next(reason for kind, reason in REASONS if isinstance(error, kind))
    return TransientError(reason, vendor=VENDOR)


class _Pipeline(Pipeline):
    """A pipeline whose errors are ours."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's signature
        try:
            return super().execute(raise_on_error)
        except redis.RedisError as exc:
            raise translate(exc) from exc


class _Client(redis.Redis):
    """A client whose errors are ours, but for the one that a script's loader waits for."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py
        except redis.exceptions.NoScriptError:
            raise
        except redis.RedisError as exc:
            raise translate(exc) from exc

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> _Pipeline:  # noqa: FBT001, FBT002
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class Connection:
    """One store: client, keys and scripts. Thread-safe; opens its sockets at first use, so build it after a fork.

    Nothing is sent twice: a lost answer is a TransientError, and the step that asked is repeated as a whole.
    """

    def __init__(self, redis_url: str, *, prefix: str = PREFIX) -> None:
        """Keep address and prefix."""
        self.keys = Keys(prefix)
        self._scripts: dict[str, Script] = load_scripts()
        self._server_run_id = ""
        self.client = _make_client(redis_url, greet=self._greet)

    def __enter__(self) -> Self:
        """Be closed at the end of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the sockets."""
        self.close()

    def close(self) -> None:
        """Close the sockets; the next call opens new ones."""
        self.client.close()
        manager = getattr(self.client.connection_pool, "sentinel_manager", None)
        if manager is not None:
            manager.close()

    def call(self, name: str, *, keys: Mapping[str, str], args: Mapping[str, Any], rest: Sequence[Any] = ()) -> Any:
        """Run a script: `keys` and `args` by the names it declares (more keys than it asks for are fine)."""
        script = self._scripts[name]
        numkeys, values = script.arguments(keys, args, rest)
        try:
            return self.client.evalsha(script.sha, numkeys, *values)
        except redis.exceptions.NoScriptError:
            self.client.script_load(script.text)
            return self.client.evalsha(script.sha, numkeys, *values)

    def pipeline(self) -> _Pipeline:
        """Collect commands that go in one round trip, as one transaction."""
        pipe: _Pipeline = self.client.pipeline()
        return pipe

    def now_ms(self) -> int:
        """Read the server's clock."""
        seconds, micros = self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def server_run_id(self) -> str:
        """Return the identity of the server process that the last opened connection met; costs nothing once known."""
        if not self._server_run_id:
            self.client.ping()
        return self._server_run_id

    def check_server(self) -> None:
        """Raise InstanceError unless the server keeps what it is given: nothing evicted, append-only file on."""
        memory, persistence = self.client.info("memory"), self.client.info("persistence")
        if memory["maxmemory_policy"] != "noeviction":
            raise InstanceError("evicts_keys", vendor=VENDOR)
        if not persistence["aof_enabled"]:
            raise InstanceError("append_only_file_off", vendor=VENDOR)

    def _greet(self, connection: Any) -> None:
        """Note the server's identity on each new connection: none outlives a restart, so the note is never old."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        info = connection.read_response()
        lines = (info if isinstance(info, str) else info.decode()).splitlines()
        run_id = next(line.partition(":")[2].strip() for line in lines if line.startswith("run_id:"))
        script = self._scripts["greet"]
        keys = {"server": self.keys.server, "open": self.keys.open}
        numkeys, values = script.arguments(keys, {"run_id": run_id}, ())
        connection.send_command("EVAL", script.text, numkeys, *values)
        connection.read_response()
        self._server_run_id = run_id


def _make_client(redis_url: str, *, greet: Callable[[Any], None]) -> Any:  # redis-py: text or bytes, ours: bytes
    """Return a client of this address; behind Sentinels each new connection asks them for the primary."""
    times: dict[str, Any] = {"socket_timeout": SOCKET_TIMEOUT_S, "socket_connect_timeout": CONNECT_TIMEOUT_S}
    if not redis_url.startswith("unix:"):  # a unix socket knows none
        times["socket_keepalive"] = True
    once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "protocol": 2}
    options: dict[str, Any] = {"health_check_interval": HEALTH_CHECK_S, "redis_connect_func": greet, **times, **once}
    sentinels = read_sentinels(redis_url)
    if sentinels is None:
        return _Client.from_url(redis_url, **options)
    manager = Sentinel(  # type: ignore[no-untyped-call]  # redis-py
        sentinels.hosts,
        sentinel_kwargs={**times, **once, **sentinels.sentinel_login, **sentinels.tls},
        db=sentinels.db,
        **options,
        **sentinels.login,
        **sentinels.tls,
    )
    return manager.master_for(sentinels.primary, redis_class=_Client)  # type: ignore[no-untyped-call]


def text(value: Any) -> str:
    """Decode what the store answered; an absent value is an empty text."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
