"""`contact-sync audit`: formats, files and exit codes; the vendors are stand-ins in memory."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import TenantError
from adapters.store import open_store
from tests.fakes.contacts import FakeContacts
from tests.fakes.directory import FakeDirectory
from tests.unit.worker.conftest import Installation
from worker.cli import audit, main
from worker.cli.exits import Exit

SECOND = '[connectors.fabrikam]\ntenant_id = "22222222-2222-4222-8222-222222222222"\npsa_default_company_id = "251"\n'


class Vendors:
    """A tenant and a PSA; the second connector's tenant refuses."""

    def __init__(self) -> None:
        self.directory, self.psa, self.refusing = FakeDirectory(), FakeContacts(), FakeDirectory()
        self.refusing.fail("fetch_users", TenantError("consent_missing", vendor="graph"), times=9)
        for company_id in ("250", "251"):
            self.psa.add_company(company_id)
        self.directory.add_user("jane")
        for phone in ("1", "2"):
            self.psa.add_contact(email="jane@contoso.com", first_name="=Jane", last_name="\x1b[31mEx", phone=phone)

    def directory_of(self, connector: Any, **_: Any) -> FakeDirectory:
        return self.refusing if connector.connector_id == "fabrikam" else self.directory

    def contacts_of(self, *_: Any, **__: Any) -> FakeContacts:
        return self.psa

    def close(self) -> None:
        """Have no connections."""


@pytest.fixture
def vendors(stored: Installation, monkeypatch: pytest.MonkeyPatch) -> Vendors:
    stored.add(SECOND)
    vendors = Vendors()
    monkeypatch.setattr(audit, "Vendors", lambda *_: vendors)
    return vendors


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["audit", *arguments])
    return int(end.value.code or 0)


def test_a_person_sees_what_to_do_and_nothing_that_a_terminal_obeys(
    vendors: Vendors, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("contoso") == Exit.SUCCESS
    shown = capsys.readouterr()
    assert "keep 1001 (oldest); merge 1002 into it in the PSA" in shown.out
    assert "lacking department" in shown.out
    assert "\x1b" not in shown.out + shown.err
    assert vendors.psa.writes == []


@pytest.mark.usefixtures("vendors")
def test_json_stands_alone_on_standard_output_and_the_day_is_remembered(
    stored: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("contoso", "--json") == Exit.SUCCESS
    found = json.loads(capsys.readouterr().out)
    assert [row["survivor"] for row in found["clusters"]] == ["1001"]
    store = open_store(str(stored.load().service.redis_url.get_secret_value()))  # type: ignore[union-attr]
    (numbers,) = store.memory.quality("contoso").values()
    store.close()
    assert (numbers["users"], numbers["duplicate_contacts"]) == (1, 1)


@pytest.mark.usefixtures("vendors")
def test_files_are_written_whole_and_for_the_owner_alone(tmp_path: Path) -> None:
    table, page = tmp_path / "audit.csv", tmp_path / "audit.html"
    assert ended("contoso", "--csv", str(table), "--html", str(page)) == Exit.SUCCESS
    lines = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    assert [line["proposal"] for line in lines if line["list"] == "duplicates"] == ["keep", "merge"]
    assert {line["name"][:2] for line in lines if line["list"] == "duplicates"} == {"'="}
    assert page.read_text().startswith("<!doctype html>")
    assert {path.stat().st_mode & 0o777 for path in (table, page)} == {0o600}


@pytest.mark.usefixtures("vendors")
def test_csv_on_standard_output_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("contoso", "--csv", "-") == Exit.SUCCESS
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert {line["connector"] for line in lines} == {"contoso"}


@pytest.mark.usefixtures("vendors")
def test_a_connector_that_cannot_be_read_is_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended("--all", "--json") == Exit.ERRORS
    shown = capsys.readouterr()
    assert [json.loads(line)["connector"] for line in shown.out.splitlines()] == ["contoso"]
    assert "fabrikam could not be audited" in shown.err
    assert "contact-sync check fabrikam" in shown.err
    page = tmp_path / "audit.html"
    page.write_text("of yesterday")
    assert ended("fabrikam", "--html", str(page)) == Exit.ERRORS
    assert page.read_text() == "of yesterday"


@pytest.mark.usefixtures("vendors")
def test_without_a_store_it_says_what_is_not_known(stored: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    text = stored.path.read_text()
    stored.path.write_text("\n".join(line for line in text.splitlines() if not line.startswith("redis_url")))
    assert ended("contoso", "--json") == Exit.SUCCESS
    shown = capsys.readouterr()
    assert json.loads(shown.out)["links_known"] is False
    assert "links and earlier days are unknown" in shown.err


@pytest.mark.usefixtures("vendors")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "which connectors?"),
        (["nobody"], "there is no connector 'nobody'"),
        (["contoso", "--json", "--csv", "-"], "only one format can go to standard output"),
        (["contoso", "--html", "-", "--csv", "-"], "only one format can go to standard output"),
        (["contoso", "--html", "a", "--csv", "a"], "name the same file"),
        (["contoso", "--html", "/nowhere/a.html"], "/nowhere/a.html cannot be written"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_read(
    vendors: Vendors, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*arguments) == Exit.USAGE
    assert complaint in capsys.readouterr().err
    assert not vendors.psa.calls
