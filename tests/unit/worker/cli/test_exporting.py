"""`report RUN` as JSON, CSV and a page, of a run in a real store."""

import csv
import io
import json
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.store.rows import CHUNK_ROWS
from tasks.report_csv import COLUMNS
from tests.fakes.engine import Engine
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit
from worker.compose import open_store

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def engine(stored: Installation) -> Iterator[Engine]:
    with closing(open_store(stored.load())) as store:
        yield Engine(store)


@pytest.fixture
def report(engine: Engine, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `report` with these words; answer its exit code and what it says on either stream."""
    assert engine.store is not None

    def report(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["report", *words])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return report


def test_each_format_is_exported_to_a_file_or_standard_output(engine: Engine, report: Command, tmp_path: Path) -> None:
    engine.directory.add_users(3)
    run_id = engine.run(sync_mode="full")["run_id"]
    for name, start in (("json", "{"), ("csv", f'"{COLUMNS[0]}"'), ("html", "<!doctype html>")):
        code, out, _ = report(run_id, f"--{name}")
        assert (code, out[: len(start)]) == (Exit.SUCCESS, start)
        target = tmp_path / f"report.{name}"
        code, nothing, _ = report("last", f"--{name}", "--output", str(target))
        assert (code, nothing) == (Exit.SUCCESS, "")
        assert target.read_bytes().decode() == out
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == engine.report(run_id)


def test_every_row_of_several_chunks_is_exported(engine: Engine, report: Command) -> None:
    count = 2 * CHUNK_ROWS + 3
    for number in range(count):
        engine.directory.add_user(f"guest{number}", user_type="Guest")
    run_id = engine.run(sync_mode="full")["run_id"]
    code, out, _ = report(run_id, "--csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert (code, {line["list"] for line in lines}) == (Exit.SUCCESS, {"excluded"})
    assert {line["user_principal_name"] for line in lines} == {f"guest{number}@contoso.com" for number in range(count)}
    assert len(lines) == report(run_id, "--html")[1].count("<li ") == count


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("unknown", "--csv"), "there is no run"),
        (("last", "--csv", "--html"), "exclude each other"),
        (("last", "--json", "--html"), "exclude each other"),
        (("last", "--output", "report.csv"), "lacks the format"),
    ],
)
def test_what_cannot_be_exported_is_refused(engine: Engine, report: Command, words: tuple[str, ...], said: str) -> None:
    engine.run(sync_mode="full")
    code, out, err = report(*words)
    assert (code, out) == (Exit.USAGE, "")
    assert said in err


def test_open_run_is_not_exported_and_the_older_file_stays(engine: Engine, report: Command, tmp_path: Path) -> None:
    run_id = engine.request(sync_mode="full")
    target = tmp_path / "report.csv"
    target.write_text("older", encoding="utf-8")
    assert report(run_id, "--csv", "--output", str(target))[0] == Exit.NOT_RUN
    assert report("unknown", "--csv", "--output", str(target))[0] == Exit.USAGE
    assert (target.read_text(encoding="utf-8"), [*tmp_path.glob(".report*")]) == ("older", [])


def test_file_that_cannot_be_written_is_named(engine: Engine, report: Command, tmp_path: Path) -> None:
    engine.run(sync_mode="full")
    code, _, err = report("last", "--html", "--output", str(tmp_path / "nowhere" / "report.html"))
    assert code == Exit.USAGE
    assert "cannot be written" in err
