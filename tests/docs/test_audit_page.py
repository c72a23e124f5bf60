"""The page about audits: its example works on a sandbox, and its lists are complete."""

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.autotask import AutotaskContacts
from adapters.connectwise import ConnectWiseContacts
from adapters.halo.contacts import COST as HALO_COST
from tasks.auditing.audit_csv import COLUMNS
from tasks.auditing.survivors import CRITERIA
from tasks.profiles import GAPS
from tests.docs.blocks import Block, find_blocks, run_block
from tests.docs.installation import ROOT, Installation, running_sandbox
from worker.cli.sandbox import PSA_KEYS

PAGE = (ROOT / "ops" / "docs" / "audit.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A sandbox whose company holds Jane Smith twice, and nobody who runs contact-sync."""
    folder = tmp_path_factory.mktemp("audit")
    with running_sandbox(folder / "sandbox") as facts:
        installation = Installation(folder, facts)
        (configuration,) = [block for block in find_blocks(README) if block.name == "configuration"]
        installation.write_configuration(configuration.text)
        others = installation.folder / "connectors.d"
        others.mkdir()
        for psa in ("autotask", "halo"):
            (others / f"{psa}.toml").write_text(a_customer(psa, facts))
        for title in ("", "Buyer"):
            enter_jane(installation, title)
        yield installation


def a_customer(psa: str, facts: Mapping[str, Any]) -> str:
    keys = "".join(f'{name} = "{facts[psa][name]}"\n' for name in PSA_KEYS[psa])
    settings = f'kind = "{psa}"\n{keys}ca_file = "{facts["ca_file"]}"\nrequests_per_minute = 6000\n'
    tenant = facts["tenants"][0]["tenant_id"]
    connector = f'tenant_id = "{tenant}"\npsa = "{psa}"\npsa_default_company_id = "250"\n'
    return f"[psa.{psa}]\n{settings}\n[connectors.on-{psa}]\n{connector}"


def enter_jane(installation: Installation, title: str) -> None:
    mail = {
        "type": {"id": 13},
        "value": f"jane.smith@{installation.facts['tenants'][0]['domain']}",
        "defaultFlag": True,
    }
    values = {"firstName": "Jane", "lastName": "Smith", "title": title, "communicationItems": [mail]}
    control(
        installation, "POST", "mutate", {"operations": [{"op": "psa.create_contact", "company": "250", "set": values}]}
    )


def control(installation: Installation, method: str, path: str, body: object = None) -> httpx.Response:
    trust = ssl.create_default_context(cafile=installation.facts["ca_file"])
    answer = httpx.request(method, f"{installation.facts['control_url']}/{path}", json=body, verify=trust)
    assert answer.is_success, answer.text
    return answer


def _where(installation: Installation) -> dict[str, Any]:
    return {"folder": installation.folder, "environment": installation.environment}


def test_the_example_works_and_writes_to_neither_side(installation: Installation) -> None:
    def writes() -> list[object]:
        entries: list[object] = control(installation, "GET", "audit").json()
        return entries

    before = writes()
    (block,) = find_blocks(PAGE)
    run_block(block, **_where(installation))
    assert writes() == before
    assert before
    assert (installation.folder / "audit.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "keep" in (installation.folder / "audit.csv").read_text(encoding="utf-8")


COSTS = {  # by connector: what its adapter says of itself, and what a process asks once of the installation
    "contoso": ("connectwise", ConnectWiseContacts.cost, 2),  # where its API lives, its kinds of addresses and numbers
    "on-autotask": ("autotask", AutotaskContacts.cost, 4),  # zone, the hour's use, fields
    "on-halo": ("halo", HALO_COST, 1),  # the token
}


@pytest.mark.parametrize("connector", COSTS)
def test_it_costs_what_reading_costs(installation: Installation, connector: str) -> None:
    vendor, cost, once_a_process = COSTS[connector]
    control(installation, "DELETE", "counters")
    run_block(Block("audit", "sh", f"contact-sync audit {connector} --json >audit.json", 0), **_where(installation))
    found = json.loads((installation.folder / "audit.json").read_text(encoding="utf-8"))
    calls = control(installation, "GET", "counters").json()["calls"]
    asked = {who: sum(call["count"] for call in calls if call["vendor"] == who) for who in (vendor, "graph")}
    count = 1
    assert asked[vendor] <= cost.index(found["contacts"]) + count + once_a_process
    assert asked["graph"] == -(-found["users"] // 999)


def test_each_measure_column_and_criterion_is_explained() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(COLUMNS) <= named
    assert set(GAPS) <= named
    numbered = re.findall(r"^\d\. (.*)$", PAGE, flags=re.MULTILINE)
    assert len(numbered) == len(CRITERIA)
    for text, name in zip(numbered, CRITERIA, strict=True):
        assert text.split()[0].rstrip(":") == name.split()[0]


def test_readme_points_to_it_before_automatic_sync() -> None:
    assert "ops/docs/audit.md" in README
    assert Path(ROOT / "ops/docs/audit.md").exists()
