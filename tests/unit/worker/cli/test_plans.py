"""`plan`, `apply` and `approve` over a real store: what is shown, asked and refused; nobody works here."""

import csv
import io
import json
from pathlib import Path

import pytest

from adapters.store import Store, open_store
from tasks.closing import cancel_run
from tasks.plans import applying
from tasks.requesting import request_run
from tests.fakes.engine import Engine
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit

PEOPLE = 12
ESCAPE = "Ann\x1b[2J"


def ended(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def store(stored: Installation, capsys: pytest.CaptureFixture[str]) -> Store:
    """The store of an installation whose configuration is published."""
    assert ended("config", "apply") == Exit.SUCCESS
    capsys.readouterr()
    return open_store(str(stored.load().service.redis_url.get_secret_value()))  # type: ignore[union-attr]


@pytest.fixture
def engine(stored: Installation, store: Store) -> Engine:
    engine = Engine(store, tenant_id=stored.load().connectors["contoso"].tenant_id)
    for number in range(PEOPLE):
        engine.directory.add_user(f"user{number}", business_phones=("1",), given_name=ESCAPE)
    return engine


def make(engine: Engine) -> int:
    run = request_run(engine.ports, "contoso", {}, trigger="cli", keeps_plan=True)
    engine.work()
    return int(engine.report(run.run_id)["plan"])


def hold(engine: Engine) -> str:
    run = request_run(engine.ports, "contoso", {}, trigger="schedule")
    engine.work()
    return run.run_id


def test_plan_is_listed_shown_and_exported(engine: Engine, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    number = make(engine)
    run_id = hold(engine)
    assert ended("plan", "list", "--json") == Exit.SUCCESS
    held, asked = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (held["run_id"], held["first_run"], asked["plan"], asked["lines"]) == (run_id, True, number, PEOPLE)
    assert ended("plan", "list", "contoso") == Exit.SUCCESS
    assert "first run" in capsys.readouterr().out
    assert ended("plan", "show", str(number)) == Exit.SUCCESS
    shown = capsys.readouterr().out
    assert shown.count("create user") == PEOPLE
    assert f"first_name: (nothing) → {ESCAPE.replace(chr(27), '')}" in shown
    assert "\x1b" not in shown
    assert ended("plan", "show", str(number), "--csv") == Exit.SUCCESS
    assert len(list(csv.DictReader(io.StringIO(capsys.readouterr().out)))) == PEOPLE
    page = tmp_path / "plan.html"
    assert ended("plan", "show", str(number), "--html", "--output", str(page)) == Exit.SUCCESS
    assert page.read_text(encoding="utf-8").count("<li") == PEOPLE


def test_plan_that_there_is_not_is_told_with_the_days_that_plans_are_kept(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("plan", "list") == Exit.SUCCESS
    assert "contact-sync plan CONNECTOR" in capsys.readouterr().err
    for command in (("plan", "show", "9"), ("apply", "9")):
        assert ended(*command) == Exit.USAGE
        said = capsys.readouterr().err
        assert "there is no plan 9" in said
        assert "kept for 90 days" in said
    assert store.reports.open_runs() == []


def test_nothing_is_written_before_somebody_says_yes(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    number, run_id = make(engine), hold(engine)
    for command in (("apply", str(number)), ("approve", run_id)):
        assert ended(*command) == Exit.USAGE
        shown = capsys.readouterr()
        assert "say --yes" in shown.err
        assert "2 more" in shown.out
    engine.store.presence.leave()
    assert ended("apply", str(number), "--yes") == Exit.NOT_RUN
    assert ended("apply", str(number), "--yes", "--digest", "0000") == Exit.USAGE
    assert ended("approve", "nobody", "--yes") == Exit.USAGE
    assert engine.store.reports.open_runs() == []


@pytest.mark.parametrize("verb", ["apply", "approve"])
def test_yes_asks_for_one_run_and_names_it_again(engine: Engine, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    target = str(make(engine)) if verb == "apply" else hold(engine)
    engine.store.presence.beat()
    assert ended(verb, target, "--yes", "--no-wait", "--json") == Exit.SUCCESS
    first = json.loads(capsys.readouterr().out)
    assert ended(verb, target, "--no-wait", "--json") == Exit.SUCCESS
    again = capsys.readouterr()
    assert json.loads(again.out) == first
    assert "already" in again.err
    assert engine.psa.writes == []
    engine.ports.publisher.start_run(first["run_id"])
    engine.work()
    assert len(engine.psa.writes) == PEOPLE
    assert ended(verb, target, "--json") == Exit.SUCCESS
    assert json.loads(capsys.readouterr().out)["statistics"]["contacts_created"] == PEOPLE


def test_plan_whose_run_was_cancelled_is_asked_about_again(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    number = make(engine)
    first = applying.apply_plan(engine.ports, applying.find_plan(engine.ports, number), trigger="cli")
    cancel_run(engine.ports, first.run_id)
    engine.work()
    assert ended("apply", str(number), "--no-wait") == Exit.USAGE
    shown = capsys.readouterr()
    assert "say --yes" in shown.err
    assert "asked for; stopped" in shown.out
    assert ended("apply", str(number), "--yes", "--no-wait") == Exit.SUCCESS
    assert capsys.readouterr().out.strip() != first.run_id


def test_connector_is_asked_for_a_plan_without_the_verb(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.store.presence.beat()
    assert ended("plan", "contoso", "--mode", "full", "--no-wait", "--json") == Exit.SUCCESS
    run_id = json.loads(capsys.readouterr().out)["run_id"]
    run = engine.store.runs.load_run(run_id)
    assert run is not None
    assert (run.dry_run, run.request["sync_mode"], run.notes["keeps_plan"]) == (True, "full", True)
    assert ended("plan", "nobody") == Exit.USAGE
    assert "no connector 'nobody'" in capsys.readouterr().err
