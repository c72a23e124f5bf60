"""`undo`: what is asked for, what is refused, and that nothing is done without a yes."""

import json
from contextlib import closing
from typing import Any

import pytest

from adapters.records import Run, UserDecision
from adapters.store import Store
from tests.unit.adapters.store.making import a_plan, begun, created, frozen
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit
from worker.compose import open_store

ENTRY = {
    "office365_id": "id-000000",
    "user_principal_name": "user0@contoso.example",
    "display_name": "User",
    "psa_contact_id": "7",
    "psa_company_id": "250",
    "operation": "create",
    "changes": {"first_name": [None, "User"]},
}
HEAD = {
    "run_id": "r1",
    "connector": "contoso",
    "dry_run": False,
    "statistics": {"contacts_created": 1, "contacts_updated": 0, "total_office365_users": 3},
}


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


@pytest.fixture
def store(stored: Installation) -> Any:
    """The store of an installation whose run r1 has made one contact."""
    assert ended("config", "apply") == Exit.SUCCESS
    with closing(open_store(stored.load())) as store:
        store.presence.beat()
        frozen(store, "r1", count=1)
        _, grant = begun(store, "id-000000", "r1")
        assert store.users.record(grant, "r1", created(a_plan(0), journal=ENTRY))
        assert store.runs.close("r1", head=HEAD, watermark=None)
        yield store


def requested(store: Store) -> list[Run]:
    """Return the undoing runs that were asked for."""
    return [run for run in store.reports.open_runs() if run.undoes]


def test_undo_that_is_confirmed_is_requested_with_its_inputs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert ended("undo", "r1", "--upn", "user0@contoso.example", "--yes", "--no-wait", "--json") == Exit.SUCCESS
    said = capsys.readouterr()
    (run,) = requested(store)
    assert json.loads(said.out) == {"run_id": run.run_id}
    assert "contacts that run r1 made, and that become inactive: 1" in " ".join(said.err.split())
    assert (run.undoes, run.connector_id, run.dry_run, run.lane) == ("r1", "contoso", False, "targeted")
    assert run.request["user_principal_names"] == ["user0@contoso.example"]


def test_dry_run_needs_no_yes(store: Store) -> None:
    assert ended("undo", "r1", "--dry-run", "--no-wait") == Exit.SUCCESS
    (run,) = requested(store)
    assert run.dry_run


@pytest.mark.parametrize(
    "how",
    [("--dry-run", "job_title: Clerk → Buyer"), ("--yes", "contact-sync release contoso --run r1")],
)
def test_it_says_what_would_be_put_back_and_how_users_come_off_their_hold(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: tuple[str, str]
) -> None:
    option, said = how
    row = {"user_principal_name": "user0@contoso.example", "psa_contact_id": "7"}
    head = {**HEAD, "success": True, "statistics": {"contacts_updated": 1}}

    def end(_: object, store: Store, __: object, *, as_json: bool) -> Exit:
        monkeypatch.setattr(store.reports, "head", lambda _: head)
        rows = [{**row, "changes": {"job_title": ["Clerk", "Buyer"]}}]
        monkeypatch.setattr(store.reports, "rows", lambda _, kind: iter(rows if kind == "updated" else []))
        return Exit.SUCCESS

    monkeypatch.setattr("worker.cli.undo.wait_for_runs", end)
    capsys.readouterr()
    assert ended("undo", "r1", option) == Exit.SUCCESS
    told = capsys.readouterr()
    assert said in told.out + told.err
    assert requested(store)


def test_nothing_is_undone_where_nobody_can_be_asked(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("undo", "r1") == Exit.USAGE
    assert "--yes" in capsys.readouterr().err
    assert requested(store) == []


def test_run_that_there_is_not_is_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("undo", "r2", "--yes") == Exit.USAGE
    assert "there is no run 'r2'" in " ".join(capsys.readouterr().err.split())
    assert requested(store) == []


def test_users_on_hold_are_listed_and_released_by_name(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    held = UserDecision(user_id="id-000000", name="user0@contoso.example", reason="undone: r1", by="cli", at_ms=0)
    store.decisions.save("contoso", [held], rows={})
    capsys.readouterr()
    assert ended("decisions", "contoso", "--json") == Exit.SUCCESS
    assert json.loads(capsys.readouterr().out) == {
        "connector": "contoso",
        "user_principal_name": "user0@contoso.example",
        "office365_id": "id-000000",
        "action": "ignore",
        "psa_contact_id": None,
        "reason": "undone: r1",
        "by": "cli",
        "since": "1970-01-01T00:00:00Z",
        "until": None,
        "counts": True,
    }
    assert ended("release", "contoso") == Exit.USAGE
    assert ended("release", "contoso", "nobody@contoso.example") == Exit.USAGE
    assert ended("release", "fabrikam", "--all") == Exit.USAGE
    assert len(store.decisions.find("contoso", ["id-000000"])) == 1
    capsys.readouterr()
    for number in (1, 0):
        assert ended("release", "contoso", "--run", "r1", "--json") == Exit.SUCCESS
        assert json.loads(capsys.readouterr().out) == {"connector": "contoso", "released": number}
    assert store.memory.unfinished("contoso")["id-000000"]["kind"] == "retry"
