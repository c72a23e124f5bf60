"""The sandbox as a process of its own, and its control API. Vendors' contract suites ask it for state and faults."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60.0

Json = dict[str, Any]


class Sandbox:
    """A running sandbox: `facts` is its sandbox.json."""

    def __init__(self, facts: Json, control: httpx.Client) -> None:
        self.facts = facts
        self._control = control

    def reset(self) -> None:
        """Go back to the seed: no faults, documented settings."""
        self.post("reset", {})

    def mutate(self, op: str, **keys: Any) -> Json:
        """Make one change and return its result."""
        results: list[Json] = self.post("mutate", {"operations": [{"op": op, **keys}]})["results"]
        return results[0]

    def fault(self, kind: str, *, match: Json, **keys: Any) -> None:
        """Let the next matching request meet trouble."""
        self.post("faults", {"rules": [{"kind": kind, "match": match, **keys}]})

    def settings(self, **values: Any) -> None:
        """Change settings; `graph__page` stands for graph.page."""
        self.post("settings", {name.replace("__", "."): value for name, value in values.items()})

    def users(self, tenant_id: str) -> list[Json]:
        """Return the users that the tenant really has."""
        answer: Json = self._control.get("users", params={"tenant": tenant_id}).raise_for_status().json()
        users: list[Json] = answer["users"]
        return users

    def post(self, call: str, body: Json) -> Json:
        """Ask the control API."""
        response = self._control.post(call, json=body)
        assert response.is_success, response.text
        answer: Json = response.json()
        return answer


@contextmanager
def running_sandbox(folder: Path, *, users: int, seed: int = 7, tenants: int = 3) -> Iterator[Sandbox]:
    """Run a sandbox in this folder for as long as the block lasts."""
    command = [sys.executable, "-m", "ops.sandbox", "--dir", str(folder), "--parent-pid", str(os.getpid())]
    command += ["--users", str(users), "--seed", str(seed), "--tenants", str(tenants)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        facts = _wait_for_facts(folder / "sandbox.json", process)
        with httpx.Client(base_url=facts["control_url"], verify=_context(facts["ca_file"]), timeout=30) as control:
            yield Sandbox(facts, control)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_facts(ready: Path, process: subprocess.Popen[bytes]) -> Json:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready.exists():
        assert process.poll() is None, f"the sandbox ended with {process.returncode}"
        assert time.monotonic() < deadline, "the sandbox did not start"
        time.sleep(0.05)
    facts: Json = json.loads(ready.read_text())
    return facts


def _context(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
