"""The bundled sandbox as `demo` uses it: started beside us, described by a configuration, asked for the truth."""

import json
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from worker.cli.console import plain
from worker.cli.exits import Exit, Refusal
from worker.supervision import Child, Supervisor, Tell

__all__ = ["Sandbox", "write_configuration"]

Json = dict[str, Any]

START_S = 60.0
LOOK_S = 0.05
LAST_LINES = 12  # of its output: a traceback's end
NO_LIMITS = {
    "connectwise": {"per_minute": 0},
    "autotask": {"per_hour": 0, "threads": 0},
    "halo": {"per_5_minutes": 0},
    "graph": {"units_per_10s": 0, "writes_per_150s": 0},
}
PSA_KEYS = {  # what sandbox.json tells of each PSA, under the names of its settings
    "connectwise": ("site_url", "company", "public_key", "private_key", "client_id"),
    "autotask": ("zone_url", "username", "secret", "integration_code"),
    "halo": ("resource_url", "auth_url", "tenant", "client_id", "client_secret"),
}
MANY_PER_MINUTE = 60_000  # the demo shows the work, not the waiting for a vendor's limit
API_LISTEN = "127.0.0.1:8080"

HEAD = """\
# Written by `contact-sync demo`; the vendors are the sandbox of that demo, and gone with it.
[service]
development = true
state_dir = "var"
flower_listen = {flower_listen}
flower_basic_auth = {flower_basic_auth}
api_listen = {api_listen}

[psa.sandbox]
kind = {kind}
{keys}
ca_file = {ca_file}
requests_per_minute = {per_minute}

[defaults]
psa = "sandbox"

[[defaults.exclude]]
name = "service accounts"
when = "user.userPrincipalName is match('^svc[-_.]')"
"""
GRAPH_APP = """
[graph_app.{name}]
client_id = {client_id}
client_secret = {client_secret}
login_url = {login_url}
graph_url = {graph_url}
ca_file = {ca_file}
"""
CONNECTOR = """
[connectors.{name}]
tenant_id = {tenant_id}
graph_app = "{graph_app}"
psa_default_company_id = {company_id}
tags = ["{tag}"]
"""


class Sandbox:
    """The sandbox process, and its control API."""

    def __init__(
        self,
        folder: Path,
        *,
        users: int,
        seed: int,
        on_line: Tell,
        psa: str = "connectwise",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take where it may write, who shall be in it, where its output goes, which PSA counts, and how to wait."""
        self._psa = psa
        self._ready = folder / "sandbox.json"
        options = {"--dir": str(folder), "--users": str(users), "--seed": str(seed)}
        command = [sys.executable, "-m", "ops.sandbox", *(part for option in options.items() for part in option)]
        self._child = Child(name="sandbox", command=command)
        self._tell = on_line
        self._sleep = sleep
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._has_ended = threading.Event()
        self._supervisor = Supervisor(on_line=self._said, on_change=self._ended)
        self.facts: Json = {}

    def __enter__(self) -> Self:
        """Start it, wait until it listens, and lift its limits. Raises Refusal as soon as it has ended."""
        with ExitStack() as stack:
            stack.callback(self._supervisor.stop)
            self._supervisor.start(self._child)
            self._wait_until_ready()
            self.facts = json.loads(self._ready.read_text(encoding="utf-8"))
            self.control = stack.enter_context(
                httpx.Client(
                    base_url=f"{self.facts['control_url']}/",
                    verify=ssl.create_default_context(cafile=self.facts["ca_file"]),
                    timeout=60,
                    trust_env=False,
                )
            )
            self.control.post("limits", json=NO_LIMITS).raise_for_status()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop it."""
        self._stack.close()

    def check(self) -> None:
        """Raise Refusal, with its last words, if it has ended: another life of it would be another world."""
        if self._has_ended.is_set():
            raise Refusal("the sandbox has ended; it said last:", hint="\n".join(self._last_lines), code=Exit.NOT_RUN)

    def verdict(self) -> Json:
        """Compare the first tenant's company, as it is now, with what it should be."""
        return self._ask("verdict", vendor=self._psa)

    def count_writes(self) -> int:
        """Count what our side has ever written to the PSA."""
        writes = self._ask("audit")["writes"]
        return sum(1 for write in writes if write["by"] == "api" and write["vendor"] == self._psa)

    def _ask(self, call: str, **asked: str) -> Json:
        try:
            answer: Json = self.control.get(call, params=asked).raise_for_status().json()
        except httpx.HTTPError as error:
            self.check()
            raise Refusal("the sandbox does not answer", hint=str(error), code=Exit.NOT_RUN) from error
        return answer

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + START_S
        while not self._ready.exists():
            self.check()
            if time.monotonic() > deadline_s:
                raise Refusal(f"the sandbox did not start within {START_S:g} s", code=Exit.NOT_RUN)
            self._sleep(LOOK_S)

    def _said(self, name: str, line: str) -> None:
        self._last_lines.append(plain(line))
        self._tell(name, line)

    def _ended(self, name: str, what: str) -> None:
        self._has_ended.set()
        self._tell(name, what)


def write_configuration(
    path: Path,
    facts: Json,
    *,
    flower_listen: str,
    flower_basic_auth: str,
    psa: str = "connectwise",
    api_listen: str = API_LISTEN,
    api_token: str | None = None,
) -> None:
    """Write a configuration for the sandbox: connector "demo" of its first tenant, one more for each other tenant.

    Without `api_token` nobody may call the HTTP API, and `up` does not run it."""
    tenants: list[Json] = facts["tenants"]
    parts = [
        HEAD.format(
            kind=_quote(psa),
            keys="\n".join(f"{name} = {value}" for name, value in _quoted(facts[psa], *PSA_KEYS[psa]).items()),
            ca_file=_quote(facts["ca_file"]),
            per_minute=MANY_PER_MINUTE,
            flower_listen=_quote(flower_listen),
            flower_basic_auth=_quote(flower_basic_auth),
            api_listen=_quote(api_listen),
        ),
        "" if api_token is None else f"\n[api.tokens.demo]\ntoken = {_quote(api_token)}\n",
        _graph_app("demo", facts, tenants[0]),
        _graph_app("shared", facts, facts["multi_tenant_app"]),
        _connector("demo", tenants[0], graph_app="demo", tag="large"),
    ]
    parts += [
        _connector(other["domain"].split(".")[0], other, graph_app="shared", tag="small") for other in tenants[1:]
    ]
    path.touch(mode=0o600)
    path.write_text("".join(parts), encoding="utf-8")


def _graph_app(name: str, facts: Json, app: Json) -> str:
    addresses = _quoted(facts, "login_url", "graph_url", "ca_file")
    return GRAPH_APP.format(name=name, **_quoted(app, "client_id", "client_secret"), **addresses)


def _connector(name: str, tenant: Json, *, graph_app: str, tag: str) -> str:
    return CONNECTOR.format(name=name, graph_app=graph_app, tag=tag, **_quoted(tenant, "tenant_id", "company_id"))


def _quoted(values: Json, *names: str) -> dict[str, str]:
    return {name: _quote(values[name]) for name in names}


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # what JSON escapes, TOML reads the same
