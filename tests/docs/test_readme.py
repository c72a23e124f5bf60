"""What the README tells people to type works as it stands there; the sandbox stands in for the vendors."""

import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.blocks import Block, find_blocks, run_block
from tests.docs.installation import ROOT, Installation, clean_environment, running_installation, wait_for
from worker.cli import main
from worker.configuration import load, psa_kinds
from worker.settings import BUILT_IN

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "ops").rglob("*.md"))]
BLOCKS = {block.name: block for block in find_blocks(README)}
SECRETS = {
    "CONTACT_SYNC_FLOWER_AUTH": "operator:open-sesame-please",
    "GRAPH_SECRET": "secret",
    "CW_PUBLIC": "public",
    "CW_PRIVATE": "private",
    "CW_CLIENT_ID": "client",
}


def blocks_named(name: str) -> list[Block]:
    return [block for block in find_blocks(README) if block.name == name]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("page")
    with running_installation(folder, configuration=BLOCKS["configuration"].text) as running:
        yield running


@pytest.mark.parametrize("block", blocks_named("running"), ids=str)
def test_commands_work_on_a_running_installation(installation: Installation, block: Block) -> None:
    run_block(block, folder=installation.folder, environment=installation.environment)


def test_explanation_is_what_its_page_shows_and_writes_nothing(installation: Installation) -> None:
    jane = "jane.smith@contoso.example"
    user = {"op": "graph.update_user", "user": jane}
    _mutate(installation, user | {"set": {"businessPhones": ["+49 30 5550100"]}})
    run = Block("arrange", "sh", f"contact-sync run contoso --upn {jane} --json >jane.json", 0)
    run_block(run, folder=installation.folder, environment=installation.environment)
    report = json.loads((installation.folder / "jane.json").read_text())
    (row,) = report["updated_contacts"]
    phone = {"type": {"id": 22}, "value": "+49 30 5550199", "defaultFlag": True}
    mail = {"type": {"id": 13}, "value": jane, "defaultFlag": True}
    edit = {"op": "psa.update_contact", "contact": row["psa_contact_id"], "set": {"communicationItems": [mail, phone]}}
    _mutate(installation, edit, user | {"set": {"jobTitle": "Head of Purchasing"}})
    before = _control(installation, "GET", "audit").json()
    (block,) = find_blocks((ROOT / "ops" / "docs" / "explain.md").read_text(encoding="utf-8"))
    run_block(block, folder=installation.folder, environment=installation.environment)
    assert _control(installation, "GET", "audit").json() == before
    assert before["last"] > 0


def test_what_waits_is_decided_as_its_page_shows(installation: Installation) -> None:
    john = "john.doe@contoso.example"
    user = {"userPrincipalName": john, "mail": john, "displayName": "John Doe", "givenName": "John", "surname": "Doe"}
    mail = {"type": {"id": 13}, "value": john, "defaultFlag": True}
    contact = {"firstName": "John", "lastName": "Doe", "communicationItems": [mail]}
    _mutate(
        installation,
        {"op": "graph.create_user", "set": user | {"employeeType": "page"}},
        *[{"op": "psa.create_contact", "company": "250", "set": contact}] * 2,
    )
    run = Block("arrange", "sh", f"! contact-sync run contoso --upn {john} --json >john.json", 0)
    run_block(run, folder=installation.folder, environment=installation.environment)
    (error,) = json.loads((installation.folder / "john.json").read_text())["errors"]
    first, second = re.findall(r"\b\d{4}\b", error["message"])
    for block in find_blocks((ROOT / "ops" / "docs" / "decisions.md").read_text(encoding="utf-8")):
        ours = replace(block, text=block.text.replace("4711", first).replace("4712", second))
        run_block(ours, folder=installation.folder, environment=installation.environment)


def _mutate(installation: Installation, *operations: dict[str, Any]) -> None:
    _control(installation, "POST", "mutate", {"operations": list(operations)})


def _control(installation: Installation, method: str, path: str, body: object = None) -> httpx.Response:
    trust = ssl.create_default_context(cafile=installation.facts["ca_file"])
    answer = httpx.request(method, f"{installation.facts['control_url']}/{path}", json=body, verify=trust)
    assert answer.is_success, answer.text
    return answer


def test_a_targeted_sync_starts_through_flower(installation: Installation) -> None:
    call = re.search(r"127\.0\.0\.1:5555(/api/\S+) .*?--json '(.*?)'", README, flags=re.DOTALL)
    assert call
    with installation.flower_with_operations() as url:
        answer = httpx.post(f"{url}{call[1]}", json=json.loads(call[2]), auth=installation.flower_login)
        assert answer.is_success, answer.text
        task = f"{url}/api/task/result/{answer.json()['task-id']}?timeout=20"
        run_id = httpx.get(task, auth=installation.flower_login, timeout=30).json()["result"]
        assert httpx.post(f"{url}{call[1]}", json=json.loads(call[2])).status_code == 401
        malformed = {"kwargs": {"connector": "contoso", "request": {"sync_mode": "everything"}}}
        refused = httpx.post(f"{url}{call[1]}", json=malformed, auth=installation.flower_login)
        task = f"{url}/api/task/result/{refused.json()['task-id']}?timeout=20"
        result = httpx.get(task, auth=installation.flower_login, timeout=30).json()
        assert result["state"] == "FAILURE"
        assert "sync_mode: Input should be 'full' or 'incremental'" in str(result["result"])
    command = Block("report", "sh", f"contact-sync report {run_id.strip(chr(39))} --json >flower.json", 0)
    wait_for(lambda: _succeeds(command, installation), lambda: f"no report of {run_id}")
    report = json.loads((installation.folder / "flower.json").read_text())
    assert report["statistics"]["users_processed"] == 1
    assert report["success"] is True


def _succeeds(block: Block, installation: Installation) -> bool:
    try:
        run_block(block, folder=installation.folder, environment=installation.environment)
    except AssertionError:
        return False
    return True


def test_the_configuration_is_accepted_in_production(tmp_path: Path) -> None:
    path = tmp_path / "contact-sync.toml"
    path.write_text(BLOCKS["configuration"].text)
    settings = load(path, environment=SECRETS, built_in=BUILT_IN)
    assert settings.service.development is False
    assert settings.connectors["contoso"].exclude[0].name == "service accounts"


@pytest.mark.parametrize("kind", ["autotask", "halo"])
def test_another_psa_is_another_table_and_each_of_its_keys_is_explained(tmp_path: Path, kind: str) -> None:
    whole, names = BLOCKS["configuration"].text, re.findall(r'env = "(\w+)"', BLOCKS[kind].text)
    path = tmp_path / "contact-sync.toml"
    path.write_text(re.sub(r"\[psa\.main\]\n.*?\n\n", lambda _: BLOCKS[kind].text + "\n", whole, flags=re.DOTALL))
    settings = load(path, environment=SECRETS | dict.fromkeys(names, "something"), built_in=BUILT_IN)
    assert settings.psas["main"].kind == kind
    chapter = README.split(BLOCKS[kind].text)[1].split("\n## ")[0].split("\n### ")[0]
    explained = {
        key for row in re.findall(r"^\| (`.*?) \|", chapter, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    }
    assert explained == set(psa_kinds()[kind].settings.model_fields) - {"kind"}


def test_the_deployment_is_accepted_in_production(tmp_path: Path) -> None:
    run_block(BLOCKS["compose"], folder=tmp_path, environment=clean_environment(tmp_path))
    for name in ("graph_client_secret", "connectwise_public_key", "connectwise_private_key", "connectwise_client_id"):
        (tmp_path / "secrets" / name).write_text("something")
    path = tmp_path / "contact-sync.toml"
    path.write_text(BLOCKS["compose configuration"].text.replace("/run/secrets", str(tmp_path / "secrets")))
    settings = load(path, environment={}, built_in=BUILT_IN)
    assert settings.service.development is False
    assert settings.service.flower_listen == "0.0.0.0:5555"


def test_it_opens_with_the_two_commands() -> None:
    first = re.search(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    assert first
    assert [line.split()[0] for line in first[1].splitlines()] == ["ops/bin/demo", "ops/bin/check"]


def test_each_command_that_it_names_exists() -> None:
    code = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL))
    code += "\n".join(["", *re.findall(r"`([^`\n]+)`", README)])
    verbs = set(re.findall(r"^contact-sync ((?:config )?[a-z]+)\b", code, flags=re.MULTILINE))
    assert {"check", "up", "run"} <= verbs
    for verb in sorted(verbs):
        with pytest.raises(SystemExit) as end:
            main([*verb.split(), "--help"])
        assert end.value.code == 0, f"contact-sync {verb}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]
