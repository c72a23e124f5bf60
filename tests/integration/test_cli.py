"""Every verb, as its users type it: real commands, real workers, real beat, on a sandbox."""

import json
import os
import pty
import re
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from adapters.store import open_store
from tests.fakes.valkey import running_valkey
from tests.integration.installed import Installed, Up, free_port, listening, running_sandbox, wait_for
from worker.cli.demo import compare
from worker.cli.sandbox import Sandbox

Json = dict[str, Any]

STEP_DUE_S = 45  # of production's times

CUSTOMER = """
[graph_app.{name}]
client_id = "{client_id}"
client_secret = "{client_secret}"
login_url = "{login_url}"
graph_url = "{graph_url}"
ca_file = "{ca_file}"

[connectors.{name}]
tenant_id = "{tenant_id}"
graph_app = "{name}"
psa_default_company_id = "{company_id}"
"""


def a_customer(name: str, sandbox: Sandbox, *, is_expired: bool = False) -> str:
    """Return the second tenant's configuration, with an app registration of its own."""
    tenant = sandbox.facts["tenants"][1]
    values = {**sandbox.facts, **tenant, "name": name}
    if is_expired:
        values["client_secret"] = tenant["expired_client_secret"]
    return CUSTOMER.format(**values)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_faults(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.control.delete("faults").raise_for_status()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), sandbox, port=free_port())


@pytest.fixture(scope="module")
def up(installed: Installed) -> Iterator[Up]:
    with Up(installed) as up:
        yield up


@pytest.fixture(scope="module")
def first(installed: Installed, up: Up) -> Json:
    """The report of the first full run."""
    assert up.process.poll() is None
    return installed.report("run", "demo", "--mode", "full", code=1)


@contextmanager
def reading_is_held_up(sandbox: Sandbox) -> Iterator[None]:
    """Let no run read any users for as long as the block lasts."""
    rule = {"match": {"vendor": "graph", "path": "/users$"}, "kind": "429", "retry_after": 1, "times": None}
    sandbox.control.post("faults", json={"rules": [rule]}).raise_for_status()
    try:
        yield
    finally:
        sandbox.control.delete("faults").raise_for_status()


# --- run ---


def test_run_prints_its_report_alone_and_the_report_is_the_truth(first: Json, sandbox: Sandbox) -> None:
    assert compare(first, sandbox.verdict()) == []
    assert first["connector"] == "demo"
    assert first["trigger"] == "cli"
    assert len(first["created_contacts"]) == first["statistics"]["contacts_created"]


@pytest.mark.usefixtures("first")
def test_second_run_writes_nothing_and_tells_its_progress_on_stderr(installed: Installed, sandbox: Sandbox) -> None:
    before = sandbox.count_writes()
    called = installed.call("run", "demo", "--mode", "full", code=1)
    assert sandbox.count_writes() == before
    assert called.err.startswith("request for demo: sync_mode=full ")
    assert "created 0 updated 0" in called.err
    assert "contacts_skipped" in called.out
    assert "\x1b" not in called.out + called.err


def test_one_user_by_name_is_done_at_once(installed: Installed, first: Json) -> None:
    name = first["created_contacts"][0]["user_principal_name"]
    report = installed.report("run", "demo", "--upn", name)
    assert report["statistics"]["users_processed"] == report["statistics"]["contacts_skipped"] == 1
    assert report["duration_s"] < STEP_DUE_S, "a step had to be sent again"


@pytest.mark.usefixtures("up")
def test_unknown_name_is_its_error_and_the_run_ends_with_1(installed: Installed) -> None:
    report = installed.report("run", "demo", "--upn", "nobody@contoso.example", code=1)
    assert [row["code"] for row in report["errors"]] == ["UserNotFound"]


@pytest.mark.usefixtures("up")
def test_several_connectors_print_a_report_a_line_and_a_dry_run_writes_nothing(
    installed: Installed, sandbox: Sandbox
) -> None:
    before = sandbox.count_writes()
    reports = installed.rows("run", "--tag", "small", "--mode", "full", "--dry-run")
    assert [report["connector"] for report in reports] == ["customer2", "customer3"]
    assert all(report["dry_run"] and report["statistics"]["contacts_created"] for report in reports)
    assert sandbox.count_writes() == before


@pytest.mark.usefixtures("up")
def test_no_wait_prints_the_run_id_which_leads_to_the_report(installed: Installed) -> None:
    (answer,) = installed.rows("run", "customer2", "--mode", "full", "--no-wait")
    assert list(answer) == ["run_id"]
    row = installed.closed(answer["run_id"])
    assert row["connector"] == "customer2"
    assert installed.report("report", answer["run_id"])["run_id"] == answer["run_id"]
    run_id = installed.call("run", "customer3", "--no-wait").out.split()[-1]
    assert run_id == installed.rows("runs", "--connector", "customer3", "--limit", "1")[0]["run_id"]
    installed.closed(run_id)  # the next test counts writes


@pytest.mark.usefixtures("up")
def test_unknown_connector_is_refused_with_the_nearest_name(installed: Installed) -> None:
    called = installed.call("run", "customer22", code=2)
    assert "did you mean 'customer2'?" in called.err
    assert called.out == ""


@pytest.mark.usefixtures("first")
def test_busy_connector_names_the_run_that_goes_on(installed: Installed, sandbox: Sandbox) -> None:
    with reading_is_held_up(sandbox):
        (running,) = installed.rows("run", "demo", "--mode", "full", "--no-wait")
        wait_for(lambda: installed.state(running["run_id"]) == "reading", what=lambda: "the first run to read")
        report = installed.report("run", "demo", "--mode", "full", code=4)
    assert running["run_id"] in report["errors"][0]["message"]
    assert installed.closed(running["run_id"])["stopped"] is None


@pytest.mark.usefixtures("first")
def test_ctrl_c_leaves_the_run_going_and_says_how_to_look(installed: Installed, sandbox: Sandbox) -> None:
    with reading_is_held_up(sandbox):
        with installed.start("run", "demo", "--mode", "full") as process:
            assert process.stderr is not None
            seen = ""
            while "reading" not in seen:
                seen += process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=40)
        assert process.returncode == 130
        assert out == ""
        assert "Traceback" not in err
        found = re.search(r"contact-sync --config \S+ report (\S+)", err)
        assert found is not None
        assert "reading" in installed.call("report", found[1]).out
        assert installed.call("report", found[1], "--json", code=4).out == ""
    assert installed.closed(found[1])["statistics"]["users_processed"] > 0


@pytest.mark.usefixtures("first")
def test_terminal_gets_a_progress_bar(installed: Installed, sandbox: Sandbox) -> None:
    slow = {"match": {"vendor": "graph", "path": "/users$"}, "kind": "slow", "seconds": 1}
    sandbox.control.post("faults", json={"rules": [slow]}).raise_for_status()
    mine, theirs = pty.openpty()
    with installed.start("run", "demo", "--mode", "full", stderr=theirs) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                drawn += os.read(mine, 4096)
            except OSError:
                break
        process.wait(timeout=20)
    os.close(mine)
    text = drawn.decode()
    assert "reading" in text
    assert re.search(r"━.*created 0 updated 0 skipped \d+ errors \d+", text)


# --- reports, status ---


def test_reports_lists_are_printed_one_by_one(installed: Installed, first: Json) -> None:
    errors = installed.call("report", first["run_id"], "--errors").out
    for row in first["errors"]:
        assert row["user_principal_name"] in errors
    excluded = installed.call("report", first["run_id"], "--excluded").out
    assert len(first["excluded"]) == sum(row["user_principal_name"] in excluded for row in first["excluded"]) > 0


@pytest.mark.usefixtures("up")
def test_unknown_run_ends_with_2(installed: Installed) -> None:
    assert "there is no run 'nonsense'" in installed.call("report", "nonsense", code=2).err


@pytest.mark.usefixtures("first")
def test_status_shows_each_customer_worst_first(installed: Installed) -> None:
    installed.call("run", "customer3", "--mode", "full")
    rows = installed.rows("status")
    assert rows[0]["connector_id"] == "demo"
    assert {row["connector_id"]: row["standing"] for row in rows} | {"customer2": ""} == {
        "demo": "errors",
        "customer2": "",
        "customer3": "fine",
    }
    assert "demo" in installed.call("status").out


# --- configuration ---


@pytest.mark.usefixtures("up")
def test_new_customer_needs_no_restart_but_publishing(installed: Installed, sandbox: Sandbox) -> None:
    with installed.replaced("customer2", a_customer("newcomer", sandbox)):
        assert "config apply" in installed.call("run", "newcomer", code=2).err
        assert "version 2 is published" in installed.call("config", "apply").err
        assert "nothing has changed" in installed.call("config", "apply").err
        assert installed.report("run", "newcomer", "--mode", "full")["success"]
        assert [row["version"] for row in installed.rows("config", "history")] == [2, 1]


@pytest.mark.usefixtures("up")
def test_expired_secret_ends_with_4_and_says_what_to_do(installed: Installed, sandbox: Sandbox) -> None:
    with installed.replaced("customer2", a_customer("expired", sandbox, is_expired=True)):
        installed.call("config", "apply")
        report = installed.report("run", "expired", "--mode", "full", code=4)
        assert [row["code"] for row in report["errors"]] == ["PermissionDenied"]
        assert "secret" in report["errors"][0]["message"]
        findings = installed.rows("check", "expired", code=1)
        assert [finding["what"] for finding in findings if finding["verdict"] == "failed"] == ["Microsoft 365"]
        worst = installed.rows("status")[0]
        assert (worst["connector_id"], worst["standing"]) == ("expired", "failed")


@pytest.mark.usefixtures("up")
def test_check_looks_at_everything_and_writes_nothing(installed: Installed, sandbox: Sandbox) -> None:
    before = sandbox.count_writes()
    findings = installed.rows("check")
    noted = findings.pop()
    assert {finding["verdict"] for finding in findings} == {"ok"}
    assert {finding["connector"] for finding in findings} == {"(installation)", "demo", "customer2", "customer3"}
    assert (noted["what"], noted["verdict"]) == ("companies without a connector", "note")
    served = {
        finding["what"].removeprefix("company ") for finding in findings if finding["what"].startswith("company ")
    }
    assert noted["companies"]
    assert served.isdisjoint(company["id"] for company in noted["companies"])
    assert {"Microsoft 365 login", "users", "PSA login", "company 250", "mapping"} <= {
        finding["what"] for finding in findings if finding["connector"] == "demo"
    }
    assert sandbox.count_writes() == before


# --- up ---


@pytest.mark.usefixtures("up")
def test_second_up_is_told_that_one_runs(installed: Installed) -> None:
    assert "contact-sync runs already in" in installed.call("up", code=4).err


def test_flower_is_shut_to_who_has_no_password(installed: Installed, up: Up) -> None:
    found = re.search(r"http://127\.0\.0\.1:\d+", up.said())
    assert found is not None
    wait_for(lambda: answers(found[0]), what=up.said)
    assert httpx.get(found[0], follow_redirects=True).status_code == 401
    assert httpx.get(found[0], auth=("demo", "secret"), follow_redirects=True).status_code == 200


def test_up_and_sandbox_listen_on_this_machine_alone(up: Up, sandbox: Sandbox) -> None:
    """The embedded store, workers and beat listen nowhere."""
    wait_for(lambda: bool(listening([up.process.pid])), what=up.said)
    assert listening([up.process.pid]) == {"127.0.0.1"}, "Flower"
    folder = str(Path(sandbox.facts["ca_file"]).parent)
    known = {each: set(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])}
    (process,) = [each for each, words in known.items() if {"ops.sandbox", folder} <= words]
    assert listening([process.pid]) == {"127.0.0.1"}
    for name in ("valkey-server", "worker-1@", "beat"):
        assert listening([up.child(name).pid]) == set(), name


@pytest.mark.parametrize("name", ["worker-1@", "valkey-server"])
@pytest.mark.usefixtures("first")
def test_killed_child_comes_back_and_the_work_goes_on(installed: Installed, up: Up, name: str) -> None:
    up.child(name).kill()
    wait_for(lambda: "was ended by SIGKILL; starts again" in up.said(), what=up.said)
    wait_for(up.works, what=up.said)
    assert installed.report("run", "demo", "--mode", "full", code=1)["statistics"]["users_processed"] > 0


NEWCOMER: Json = {
    "op": "graph.create_user",
    "set": {
        "userPrincipalName": "nora.newcomer@contoso.example",
        "mail": "nora.newcomer@contoso.example",
        "displayName": "Nora Newcomer",
        "givenName": "Nora",
        "surname": "Newcomer",
    },
}


@pytest.mark.usefixtures("first")
def test_run_is_cancelled_once_and_says_what_it_left(installed: Installed, sandbox: Sandbox) -> None:
    with reading_is_held_up(sandbox):
        run_id = json.loads(installed.call("run", "demo", "--mode", "full", "--no-wait", "--json").out)["run_id"]
        ended = json.loads(installed.call("cancel", run_id, "--json").out)
    assert ended == {"run_id": run_id, "state": "cancelling"}
    report = installed.closed(run_id)
    assert (report["stopped"], report["success"], report["statistics"]["users_processed"]) == ("cancelled", False, 0)
    assert f"run {run_id} is closed" in installed.call("cancel", run_id).err
    assert "there is no run 'nonsense'" in installed.call("cancel", "nonsense", code=2).err


def test_killed_up_takes_everything_with_it_and_a_stop_is_warm(tmp_path: Path, sandbox: Sandbox) -> None:
    installed = Installed(tmp_path, sandbox, port=free_port())
    killed = Up(installed)
    assert len(installed.processes()) >= 5
    killed.process.kill()
    killed.process.communicate()
    wait_for(lambda: not installed.processes(), what=lambda: str(installed.processes()), timeout_s=5)

    up = Up(installed)  # at once, on what the killed one left
    slow = {"match": {"vendor": "connectwise", "method": "POST"}, "kind": "slow", "seconds": 2}
    sandbox.control.post("faults", json={"rules": [slow]}).raise_for_status()
    sandbox.control.post("mutate", json={"operations": [NEWCOMER]}).raise_for_status()
    writes = sandbox.count_writes()
    installed.call("run", "demo", "--upn", NEWCOMER["set"]["userPrincipalName"], "--no-wait")
    wait_for(lambda: fired(sandbox) == 1, what=up.said)
    assert up.stop(signal.SIGTERM) == 0
    assert sandbox.count_writes() == writes + 1, "the user being written was finished"
    assert installed.processes() == []
    assert "contact-sync does not run in" in installed.call("runs", code=4).err


# --- services singly, on a store of their own ---


def test_services_singly_do_what_up_does(tmp_path: Path, sandbox: Sandbox) -> None:
    port = free_port()
    with running_valkey() as valkey:
        installed = Installed(tmp_path, sandbox, port=port, service=f'redis_url = "{valkey.url}"\n')
        refused = installed.call("run", "customer2", "--mode", "full", "--dry-run", code=4)
        assert "no worker is running" in refused.err
        assert f"contact-sync --config {installed.config} worker" in refused.err
        assert installed.rows("runs") == [], "a refused run leaves nothing behind"
        started = [installed.start(verb, stdout=None, stderr=None) for verb in ("worker", "beat", "flower")]
        try:
            wait_for(lambda: "no worker" not in installed.call("status").err, what=lambda: "the worker")
            assert installed.report("run", "customer2", "--mode", "full", "--dry-run")["success"]
            wait_for(lambda: answers(f"http://127.0.0.1:{port}"), what=lambda: "Flower")
            with closing(open_store(valkey.url)) as store:
                wait_for(lambda: store.memory.last_tick("customer2") is not None, what=lambda: "beat's first round")
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(timeout=30) for process in started]
        assert codes == [0, 0, 0]


def fired(sandbox: Sandbox) -> int:
    return sum(int(rule["fired"]) for rule in sandbox.control.get("faults").json()["rules"])


def answers(url: str) -> bool:
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True
