"""The control API, and the process."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from ops.sandbox.installation import COMMON_OPERATIONS
from tests.sandbox.harness import REPOSITORY, Sandbox, start_process


def test_the_description_is_complete(sandbox: Sandbox) -> None:
    info = sandbox.info
    assert info["url"].startswith("https://127.0.0.1:")
    assert [tenant["company_id"] for tenant in info["tenants"]] == ["250", "300", "301"]
    for tenant in info["tenants"]:
        assert Path(tenant["certificate_file"]).exists()
        assert Path(tenant["private_key_file"]).stat().st_mode & 0o077 == 0
    expected = "site_url company public_key private_key client_id company_id entra_id_field"
    assert set(info["connectwise"]) == set(expected.split())
    expected = "zone_url username secret integration_code company_id entra_id_field"
    assert set(info["autotask"]) == set(expected.split())
    expected = "resource_url auth_url tenant client_id client_secret company_id entra_id_field"
    assert set(info["halo"]) == set(expected.split())


@pytest.mark.parametrize("vendor", ["connectwise", "autotask", "halo"])
def test_every_psa_knows_the_operations_by_hand(sandbox: Sandbox, vendor: str) -> None:
    refused = sandbox.http.post("/sandbox/mutate", json={"operations": [{"op": "psa.nonsense", "vendor": vendor}]})
    known = refused.json()["error"]
    assert set(re.findall(r"psa\.\w+", known)) >= COMMON_OPERATIONS


def test_every_psa_holds_the_same_people(sandbox: Sandbox) -> None:
    def people(vendor: str, first: str, last: str) -> set[tuple[str, str]]:
        contacts = sandbox.control("GET", f"contacts?vendor={vendor}&company=250")["contacts"]
        return {(contact.get(first, ""), contact.get(last, "")) for contact in contacts}

    expected = people("connectwise", "firstName", "lastName")
    assert people("autotask", "firstName", "lastName") == expected
    assert people("halo", "firstname", "surname") - {("", "")} == expected
    assert sandbox.http.get("/sandbox/contacts?vendor=nobody").status_code == 400


def test_the_certificate_is_for_every_name_of_this_machine_and_for_nobody_without_the_authority(
    sandbox: Sandbox,
) -> None:
    port = sandbox.http.base_url.port
    for host in ("127.0.0.1", "localhost"):
        assert sandbox.http.get(f"https://{host}:{port}/sandbox/health").json()["ok"]
    with pytest.raises(httpx.ConnectError), httpx.Client(trust_env=False) as stranger:
        stranger.get(f"{sandbox.info['url']}/sandbox/health")


def test_every_write_stands_in_the_audit_with_before_and_after(sandbox: Sandbox) -> None:
    number = sandbox.create_contact(firstName="Ann")["id"]
    sandbox.patch(number, ("replace", "/title", "Buyer"))
    sandbox.mutate({"op": "psa.deactivate_contact", "contact": number}, {"op": "psa.delete_contact", "contact": number})
    rows = [(w["seq"], w["method"], w["contact_id"], w["company_id"], w["by"], w["vendor"]) for w in sandbox.writes()]
    assert rows == [
        (1, "create", number, 250, "api", "connectwise"),
        (2, "update", number, 250, "api", "connectwise"),
        (3, "update", number, 250, "hand", "connectwise"),
        (4, "delete", number, 250, "hand", "connectwise"),
    ]
    second = sandbox.writes(since=1)[0]
    assert ("title" in second["before"], second["after"]["title"]) == (False, "Buyer")
    assert sandbox.control("GET", "audit?since=1&limit=1")["last"] == 4


def test_counters_name_endpoints_by_template(sandbox: Sandbox) -> None:
    sandbox.graph("/users?$top=1")
    sandbox.psa("/company/contacts/1001")
    sandbox.psa("/company/contacts/1002")
    sandbox.psa("/company/contacts/999999")
    assert sandbox.calls("connectwise") == {
        ("GET", "/company/contacts/{id}", 200): 2,
        ("GET", "/company/contacts/{id}", 404): 1,
    }
    assert sandbox.calls("graph") == {("GET", "/users", 200): 1}
    assert sandbox.control("GET", "counters")["vendors"]["connectwise"]["max_in_flight"] == 1
    sandbox.control("DELETE", "counters")
    assert sandbox.calls("graph") == {}


def test_reset_brings_everything_back(sandbox: Sandbox) -> None:
    before = sandbox.control("GET", "contacts")
    sandbox.create_contact(firstName="Ann")
    sandbox.mutate({"op": "psa.set_credentials", "private_key": "other"}, {"op": "psa.delete_company", "company": 250})
    sandbox.control("POST", "advance-clock", {"seconds": 10_000})
    sandbox.control("POST", "settings", {"graph.delta_page_size": 7})
    sandbox.add_fault("429", match={})
    sandbox.reset()
    after = sandbox.control("GET", "contacts")
    for contact in [*before["contacts"], *after["contacts"]]:
        contact.pop("_info")
    assert after == before
    assert sandbox.psa("/company/contacts/count").status_code == 200
    assert sandbox.control("GET", "settings")["graph.delta_page_size"] == 200
    assert sandbox.writes() == []


def test_what_somebody_does_by_hand_in_the_psa(sandbox: Sandbox) -> None:
    created, patched, moved, company = sandbox.mutate(
        {"op": "psa.create_contact", "company": 250, "set": {"firstName": "Ann"}},
        {"op": "psa.update_contact", "contact": 1001, "patch": [{"op": "replace", "path": "/title", "value": "X"}]},
        {"op": "psa.move_contact", "contact": 1002, "company": 251},
        {"op": "psa.create_company", "set": {"identifier": "NEW", "name": "Neu & Söhne"}},
    )
    assert (created["company"]["id"], patched["title"], moved["company"]["id"], moved["site"]["id"]) == (
        250,
        "X",
        251,
        2511,
    )
    sandbox.mutate(
        {"op": "psa.update_company", "company": 250, "set": {"name": "Renamed"}},
        {"op": "psa.deactivate_company", "company": company["id"]},
    )
    assert sandbox.contact(1001)["company"]["name"] == "Renamed"
    assert sandbox.psa(f"/company/companies/{company['id']}").json()["status"]["name"] == "Inactive"


def test_a_rename_keeps_the_old_address_as_an_alias(sandbox: Sandbox) -> None:
    user = next(u for u in sandbox.control("GET", "users")["users"] if u.get("proxyAddresses"))
    values = {"surname": "Newname", "mail": "new.name@contoso.example", "userPrincipalName": "new.name@contoso.example"}
    sandbox.mutate({"op": "graph.rename_user", "user": user["id"], "set": values})
    renamed = sandbox.graph("/users/new.name@contoso.example?$select=id,mail,proxyAddresses").json()
    assert renamed["id"] == user["id"]
    assert renamed["proxyAddresses"][:2] == ["SMTP:new.name@contoso.example", f"smtp:{user['mail']}"]
    assert sandbox.graph(f"/users/{user['userPrincipalName'].replace('#', '%23')}").status_code == 404


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("mutate", {"operations": [{"op": "nonsense"}]}),
        ("mutate", {"operations": [{"op": "graph.disable_user", "user": "nobody"}]}),
        ("mutate", {"operations": [{"op": "graph.disable_user"}]}),
        ("mutate", {"operations": [{"op": "psa.update_contact", "contact": 1001, "set": {"firstName": ""}}]}),
        ("settings", {"nonsense": 1}),
        ("settings", {"graph.delta_page_size": "many"}),
        ("limits", {"nonsense": {}}),
        ("seed", {"users": -1}),
        ("advance-clock", {"seconds": 1, "tenant": "nobody"}),
    ],
)
def test_a_wrong_order_is_refused_with_the_reason(sandbox: Sandbox, name: str, body: dict[str, object]) -> None:
    answer = sandbox.http.post(f"/sandbox/{name}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_it_ends_on_a_signal_with_status_0(tmp_path: Path) -> None:
    process = start_process(tmp_path, "--users", "5", "--tenants", "1")
    sandbox = Sandbox(tmp_path)
    assert sandbox.control("GET", "health") == {"ok": True, "seed": {"users": 5, "seed": 7, "tenants": 1}}
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0
    sandbox.http.close()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, os, time, pathlib\n"
        "command = [sys.executable, '-m', 'ops.sandbox', '--dir', sys.argv[1], '--users', '5']\n"
        "subprocess.Popen([*command, '--parent-pid', str(os.getpid())])\n"
        "while not pathlib.Path(sys.argv[1], 'sandbox.json').exists(): time.sleep(0.02)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, check=True, timeout=60)
    pid = Sandbox(tmp_path).info["pid"]
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text(encoding="ascii").split()[2] != "Z"
