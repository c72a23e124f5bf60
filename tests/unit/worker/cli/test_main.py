"""The way in and the way out of every command; nothing here has a store or a worker."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.unit.worker.installation import ENVIRONMENT, MAIN
from worker.cli import app, main
from worker.cli.exits import Exit

VERBS = [
    "up",
    "worker",
    "beat",
    "flower",
    "api",
    "demo",
    "run",
    "cancel",
    "undo",
    "review",
    "decide",
    "decisions",
    "release",
    "apply",
    "approve",
    "runs",
    "report",
    "status",
    "check",
    "audit",
    "explain",
    "config",
]
GROUPS = ("config", "notify", "plan")
OF_PLAN = ["make", "list", "show"]
OF_CONFIG = ["schema", "show", "test", "apply", "history", "rollback"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good configuration, and its secrets."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CONTACT_SYNC_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "contact-sync.toml"
    path.write_text(MAIN + 'tags = ["pilot"]\n', encoding="utf-8")
    return path


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def commands() -> dict[str, Any]:
    top: Any = typer.main.get_command(app)
    below = {f"{group} {name}": command for group in GROUPS for name, command in top.commands[group].commands.items()}
    return {name: command for name, command in top.commands.items() if name not in GROUPS} | below


def test_each_command_names_its_exit_codes() -> None:
    for name, command in commands().items():
        assert "Exit codes: 0 " in command.epilog, name


def test_verbs_are_those_that_are_documented() -> None:
    assert set(commands()) == {*VERBS[:-1], *(f"config {name}" for name in OF_CONFIG), "notify test"} | {
        f"plan {name}" for name in OF_PLAN
    }


@pytest.mark.parametrize("name", commands())
def test_each_verb_has_help_with_an_example_of_itself(name: str) -> None:
    command = commands()[name]
    assert command.help
    assert re.search(rf"Example: contact-sync (--config \S+ )?{name}\b", command.epilog)
    assert all(option.help for option in command.params)


@pytest.mark.parametrize("name", sorted(set(commands()) - {"demo", "config schema"}))
def test_configuration_file_may_be_named_after_each_verb(name: str) -> None:
    assert "--config" in {option for param in commands()[name].params for option in param.opts}


@pytest.mark.parametrize(
    "name", ["runs", "report", "status", "check", "run", "config show", "config history", "notify test", "plan show"]
)
def test_what_prints_results_prints_them_for_machines_too(name: str) -> None:
    assert "--json" in {option for param in commands()[name].params for option in param.opts}


def test_help_says_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--help") == Exit.SUCCESS
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 usage or configuration" in shown


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["run", "--nonsense"], ["report"], ["run", "contoso", "--mode", "x"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert ended(*arguments) == Exit.USAGE


def test_each_fault_of_the_configuration_is_a_line_with_file_key_and_reason(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CW_PRIVATE")
    path.write_text(path.read_text().replace("tags =", "tagz =").replace("0 2 * * *", "0 25 * * *"))
    assert ended("status") == Exit.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("contact-sync.toml: ") for line in lines)
    assert any("connectors.contoso.tagz: unknown key (did you mean 'tags'?)" in line for line in lines)
    assert any("psa.main.private_key: " in line and "CW_PRIVATE" in line for line in lines)
    assert any("defaults.schedule: " in line for line in lines)


def test_missing_file_says_how_to_name_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--config", tmp_path / "nowhere.toml", "status") == Exit.USAGE
    assert "no such file" in capsys.readouterr().err


def test_file_after_the_verb_counts_more_than_one_before_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = path.with_name("other.toml")
    other.write_text(path.read_text().replace("connectors.contoso", "connectors.fabrikam"))
    for arguments in (["--config", other, "config", "show"], ["--config", path, "config", "show", "--config", other]):
        assert ended(*arguments) == Exit.SUCCESS
        assert "fabrikam" in capsys.readouterr().out


def test_nothing_runs_here_is_said_with_how_to_start_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["run", "contoso"], ["runs"], ["status"], ["report", "r1"], ["config", "apply"], ["worker"]):
        assert ended(*arguments) == Exit.NOT_RUN
        shown = capsys.readouterr()
        assert shown.out == ""
        assert f"contact-sync --config {path} up" in shown.err


def test_store_that_cannot_be_reached_is_a_line_and_no_traceback(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(path.read_text().replace("[service]", '[service]\nredis_url = "unix:///nowhere/valkey.sock"', 1))
    for arguments in (["status"], ["run", "contoso"], ["up"], ["beat"]):
        assert ended(*arguments) == Exit.NOT_RUN
        shown = capsys.readouterr().err
        assert "the store cannot be used: store: unreachable" in shown
        assert "Traceback" not in shown


@pytest.mark.usefixtures("path")
def test_inputs_of_a_run_are_refused_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("run", "contoso", "--upn", " ") == Exit.USAGE
    assert capsys.readouterr().err.startswith("user_principal_names.0: ")


@pytest.mark.usefixtures("path")
def test_effective_settings_say_where_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("config", "show", "contoso", "--origin", "--json") == Exit.SUCCESS
    shown = json.loads(capsys.readouterr().out)
    assert shown["schedule"] == {"value": "0 2 * * *", "file": "contact-sync.toml", "table": "defaults"}
    assert shown["licensed_only"]["file"] == "built-in"
    assert ended("config", "show", "contoso", "--json") == Exit.SUCCESS
    assert json.loads(capsys.readouterr().out)["schedule"] == "0 2 * * *"


@pytest.mark.usefixtures("path")
def test_settings_of_an_unknown_connector_are_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("config", "show", "contosso") == Exit.USAGE
    assert "did you mean 'contoso'?" in capsys.readouterr().err


def test_schema_is_printed_alone_and_without_a_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended("config", "schema") == Exit.SUCCESS
    assert json.loads(capsys.readouterr().out)["title"] == "contact-sync configuration"


@pytest.mark.usefixtures("path")
def test_unknown_queue_of_a_worker_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("worker", "--queue", "upserts") == Exit.USAGE
    assert "there are: targeted, control, upsert" in capsys.readouterr().err


def test_demo_takes_no_folder_that_holds_something(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("demo", "--keep", path.parent) == Exit.USAGE
    assert "is not empty" in capsys.readouterr().err
