import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from worker.cli.demo import _command, compare
from worker.cli.sandbox import write_configuration
from worker.settings import load_settings

Json = dict[str, Any]

HEAD: Json = {
    "statistics": {
        "total_office365_users": 12,
        "users_processed": 10,
        "contacts_created": 4,
        "contacts_updated": 3,
        "contacts_skipped": 2,
        "errors": 1,
    }
}
VERDICT: Json = {
    "agree": True,
    "expected": 10,
    "differences": [],
    "statistics": {
        "total_office365_users": 12,
        "users_processed": 10,
        "created": 4,
        "updated": 3,
        "skipped": 2,
        "errors": {"DuplicateContact": 1},
    },
}
GUID = "00000000-0000-4000-8000-00000000000{}"


def test_report_that_is_the_truth_does_not_differ() -> None:
    assert compare(HEAD, VERDICT) == []


def test_each_wrong_number_is_named() -> None:
    for name in HEAD["statistics"]:
        wrong = copy.deepcopy(HEAD)
        wrong["statistics"][name] += 1
        assert any(difference.startswith(f"{name} is ") for difference in compare(wrong, VERDICT))


def test_report_that_does_not_add_up_differs_even_if_the_truth_does_not_either() -> None:
    head, verdict = copy.deepcopy(HEAD), copy.deepcopy(VERDICT)
    head["statistics"]["users_processed"] = verdict["statistics"]["users_processed"] = 11
    assert compare(head, verdict) == ["created + updated + skipped + errors is 10, not users_processed"]


def test_contacts_that_differ_are_named() -> None:
    verdict = VERDICT | {"differences": [{"user": "ann@x.example", "what": "gone"}, {"user": None, "what": "new"}]}
    assert compare(HEAD, verdict) == ["ann@x.example: gone", "a contact: new"]


def test_written_configuration_loads_and_holds_a_connector_for_each_tenant(tmp_path: Path) -> None:
    path = tmp_path / "contact-sync.toml"
    facts = sandbox_facts(tmp_path)
    write_configuration(path, facts, flower_listen="127.0.0.1:5555", flower_basic_auth="demo:secret")
    settings = load_settings(path)
    assert list(settings.connectors) == ["demo", "customer2"]
    assert settings.connectors["demo"].graph_app == "demo"
    assert settings.connectors["customer2"].psa_default_company_id == "300"
    assert settings.service.redis_url is None
    assert path.stat().st_mode & 0o077 == 0, "it holds secrets"


def test_written_configuration_lets_the_demo_call_the_api(tmp_path: Path) -> None:
    path = tmp_path / "contact-sync.toml"
    write_configuration(
        path,
        sandbox_facts(tmp_path),
        flower_listen="127.0.0.1:5555",
        flower_basic_auth="demo:secret",
        api_listen="127.0.0.1:4321",
        api_token="secret",
    )
    settings = load_settings(path)
    assert settings.service.api_listen == "127.0.0.1:4321"
    assert list(settings.api.tokens) == ["demo"]


def test_suggested_command_is_found_without_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "contact-sync"
    program.parent.mkdir()
    program.touch(mode=0o700)
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", "/nowhere")
    assert _command(Path("/x.toml")) == f"{program} --config /x.toml"
    monkeypatch.setenv("PATH", str(program.parent))
    assert _command(Path("/x.toml")) == "contact-sync --config /x.toml"


def sandbox_facts(folder: Path) -> Json:
    ca_file = folder / 'ca "x".pem'
    ca_file.touch()
    tenants = [
        {"tenant_id": GUID.format(number), "domain": domain, "client_id": GUID.format(5), "client_secret": 's"\\'}
        | {"company_id": company}
        for number, (domain, company) in enumerate([("contoso.example", "250"), ("customer2.example", "300")])
    ]
    url = "https://127.0.0.1:4000"
    return json.loads(  # type: ignore[no-any-return]
        json.dumps(
            {
                "ca_file": str(ca_file),
                "login_url": url,
                "graph_url": f"{url}/v1.0",
                "tenants": tenants,
                "multi_tenant_app": {"client_id": GUID.format(6), "client_secret": "t"},
                "connectwise": {
                    "site_url": url,
                    "company": "sandbox",
                    "public_key": "a",
                    "private_key": "b",
                    "client_id": "c",
                },
            }
        )
    )
