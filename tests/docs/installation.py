"""The installation that a page describes, with the sandbox in the place of Microsoft 365 and the PSA."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
PATIENCE_S = 60
FLOWER_AUTH = "operator:open-sesame-please"
PEOPLE = (("Jane", "Smith", "Sales"), ("Omar", "Haddad", "Sales"), ("Åsa", "Öberg", "IT"))
"""Who is there: people without trouble, so that the page's commands end as the page says."""


def clean_environment(home: Path) -> dict[str, str]:
    """Return the environment of somebody who has nothing but the command on the path."""
    return {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}


class Installation:
    """A folder with the page's configuration, and the environment that holds its secrets."""

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self.facts = facts
        psa = facts["connectwise"]
        self.environment = clean_environment(folder) | {
            "CONTACT_SYNC_FLOWER_AUTH": FLOWER_AUTH,
            "GRAPH_SECRET": facts["tenants"][0]["client_secret"],
            "CW_PUBLIC": psa["public_key"],
            "CW_PRIVATE": psa["private_key"],
            "CW_CLIENT_ID": psa["client_id"],
        }
        self.flower_port = free_port()

    def write_configuration(self, page: str) -> None:
        """Write the page's configuration, with the sandbox's addresses and names in the place of the vendors'."""
        (self.folder / "contact-sync.toml").write_text(self._pointed_at_sandbox(page))

    @property
    def flower_login(self) -> tuple[str, str]:
        """The user and password of Flower."""
        user, _, password = FLOWER_AUTH.partition(":")
        return user, password

    @contextmanager
    def flower_with_operations(self) -> Iterator[str]:
        """Run a second Flower whose configuration lets it start tasks; give its address."""
        port = free_port()
        text = (self.folder / "contact-sync.toml").read_text()
        config = self.folder / "operations.toml"
        text = text.replace(f"127.0.0.1:{self.flower_port}", f"127.0.0.1:{port}")
        config.write_text(text.replace("[service]\n", "[service]\nflower_operations = true\n", 1))
        command = [str(PROGRAMS / "contact-sync"), "--config", str(config), "flower"]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment)
        try:
            wait_for(lambda: _answers(port) or process.poll() is not None, lambda: "Flower did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def _pointed_at_sandbox(self, text: str) -> str:
        tenant, psa, url = self.facts["tenants"][0], self.facts["connectwise"], self.facts["url"]
        ca_file = f'ca_file = "{self.facts["ca_file"]}"'
        said = {
            r'client_id = "[^"]+"': f'client_id = "{tenant["client_id"]}"',
            r'site_url = "[^"]+"': f'site_url = "{url}"',
            r'company = "[^"]+"': f'company = "{psa["company"]}"',
            r'tenant_id = "[^"]+"': f'tenant_id = "{tenant["tenant_id"]}"',
            r"\[service\]": f'[service]\ndevelopment = true\nflower_listen = "127.0.0.1:{self.flower_port}"',
            r"\[graph_app\.main\]": f'[graph_app.main]\nlogin_url = "{url}"\ngraph_url = "{url}/v1.0"\n{ca_file}',
            r"\[psa\.main\]": f"[psa.main]\n{ca_file}",
            r"\[connectors\.contoso\]": "[connectors.contoso]\noffice365_sync_filter = \"user.employeeType == 'page'\"",
        }
        for pattern, value in said.items():
            text, count = re.subn(rf"^{pattern}", value.replace("\\", r"\\"), text, flags=re.MULTILINE)
            assert count == 1, f"the page's configuration has {count} lines like {pattern}"
        return text


@contextmanager
def running_installation(folder: Path, *, configuration: str) -> Iterator[Installation]:
    """Run sandbox and `contact-sync up` for as long as the block lasts."""
    with running_sandbox(folder / "sandbox") as facts:
        installation = Installation(folder, facts)
        installation.write_configuration(configuration)
        with (folder / "up.log").open("wb") as log:
            up = subprocess.Popen(
                [PROGRAMS / "contact-sync", "up"],
                cwd=folder,
                env=installation.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(
                lambda: _answers(installation.flower_port) or up.poll() is not None,
                (folder / "up.log").read_text,
            )
            assert up.poll() is None, (folder / "up.log").read_text()
            yield installation
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(PATIENCE_S)


@contextmanager
def running_sandbox(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Run a sandbox whose first tenant holds our people too; give what it says of itself."""
    command = [sys.executable, "-m", "ops.sandbox", "--dir", str(folder), "--users", "20", "--tenants", "1"]
    process = subprocess.Popen([*command, "--parent-pid", str(os.getpid())], cwd=ROOT)
    try:
        ready = folder / "sandbox.json"
        wait_for(ready.exists, lambda: "the sandbox did not start")
        facts = json.loads(ready.read_text())
        _add_people(facts)
        yield facts
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _add_people(facts: Mapping[str, Any]) -> None:
    domain = facts["tenants"][0]["domain"]
    operations = []
    for number, (given_name, surname, department) in enumerate(PEOPLE):
        name = "jane.smith" if number == 0 else f"person{number}"
        values = {
            "userPrincipalName": f"{name}@{domain}",
            "mail": f"{name}@{domain}",
            "displayName": f"{given_name} {surname}",
            "givenName": given_name,
            "surname": surname,
            "department": department,
            "employeeType": "page",
        }
        operations.append({"op": "graph.create_user", "set": values})
    trust = ssl.create_default_context(cafile=facts["ca_file"])
    answer = httpx.post(f"{facts['control_url']}/mutate", json={"operations": operations}, verify=trust)
    assert answer.is_success, answer.text


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthcheck").is_success
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait until the condition holds. Raises AssertionError with a word on what was waited for."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, what()
        time.sleep(0.1)


def free_port() -> int:
    """Let the kernel choose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
