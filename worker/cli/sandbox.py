"""The bundled sandbox as `demo` uses it: started beside us, described by a configuration, asked for the truth."""

import json
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import httpx

from worker.cli.console import plain
from worker.cli.exits import Exit, Refusal
from worker.supervision import Child, Supervisor, Tell

__all__ = ["Sandbox", "write_configuration"]

Json = dict[str, Any]

START_S = 60.0
NO_LIMITS = {"connectwise": {"per_minute": 0}, "graph": {"units_per_10s": 0, "writes_per_150s": 0}}
MANY_PER_MINUTE = 60_000  # the demo shows the work, not the waiting for a vendor's limit

HEAD = """\
# Written by `contact-sync demo`; the vendors are the sandbox of that demo, and gone with it.
[service]
development = true
state_dir = "var"
flower_listen = {flower_listen}
flower_basic_auth = {flower_basic_auth}

[psa.sandbox]
kind = "connectwise"
site_url = {site_url}
company = {company}
public_key = {public_key}
private_key = {private_key}
client_id = {client_id}
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

    def __init__(self, folder: Path, *, users: int, seed: int, on_line: Tell) -> None:
        """Take where it may write, who shall be in it, and where its output goes."""
        self._ready = folder / "sandbox.json"
        options = {"--dir": str(folder), "--users": str(users), "--seed": str(seed)}
        command = [sys.executable, "-m", "ops.sandbox", *(part for option in options.items() for part in option)]
        self._child = Child(name="sandbox", command=command)
        self._tell = on_line
        self._last_line = ""
        self._has_ended = threading.Event()
        self._supervisor = Supervisor(on_line=self._said, on_change=self._ended)
        self.facts: Json = {}

    def __enter__(self) -> Self:
        """Start it, wait until it listens, and lift its limits."""
        self._supervisor.start(self._child)
        deadline_s = time.monotonic() + START_S
        while not self._ready.exists():
            if time.monotonic() > deadline_s or self._has_ended.wait(0.05):
                self._supervisor.stop()
                raise Refusal("the sandbox did not start", hint=plain(self._last_line), code=Exit.NOT_RUN)
        self.facts = json.loads(self._ready.read_text(encoding="utf-8"))
        self.control = httpx.Client(
            base_url=f"{self.facts['control_url']}/",
            verify=ssl.create_default_context(cafile=self.facts["ca_file"]),
            timeout=60,
            trust_env=False,
        )
        self.control.post("limits", json=NO_LIMITS).raise_for_status()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop it."""
        self.control.close()
        self._supervisor.stop()

    def verdict(self) -> Json:
        """Compare the first tenant's company, as it is now, with what it should be."""
        answer = self.control.get("verdict").raise_for_status()
        verdict: Json = answer.json()
        return verdict

    def count_writes(self) -> int:
        """Count what our side has ever written to the PSA."""
        writes = self.control.get("audit").raise_for_status().json()["writes"]
        return sum(1 for write in writes if write["by"] == "api")

    def _said(self, name: str, line: str) -> None:
        self._last_line = line
        self._tell(name, line)

    def _ended(self, name: str, what: str) -> None:
        self._has_ended.set()
        self._tell(name, what)


def write_configuration(path: Path, facts: Json, *, flower_listen: str, flower_basic_auth: str) -> None:
    """Write a configuration for the sandbox: connector "demo" of its first tenant, one more for each other tenant."""
    psa: Json = facts["connectwise"]
    tenants: list[Json] = facts["tenants"]
    parts = [
        HEAD.format(
            **_quoted(psa, "site_url", "company", "public_key", "private_key", "client_id"),
            ca_file=_quote(facts["ca_file"]),
            per_minute=MANY_PER_MINUTE,
            flower_listen=_quote(flower_listen),
            flower_basic_auth=_quote(flower_basic_auth),
        ),
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
