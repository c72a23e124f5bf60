import copy
import io
import json
from contextlib import closing
from typing import Any

import pytest

from tasks import codes
from tasks.report import write_report
from tests.unit.worker.conftest import Installation
from worker.cli import main
from worker.cli.exits import Exit
from worker.cli.run import OneLine, exit_of
from worker.compose import open_store
from worker.configuration import to_documents


def a_head(*, success: bool = False, stopped: str | None = None, processed: int = 0) -> dict[str, Any]:
    return {"success": success, "stopped": stopped, "statistics": {"users_processed": processed}}


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (a_head(success=True, processed=3), Exit.SUCCESS),
        (a_head(processed=3), Exit.ERRORS),
        (a_head(stopped=codes.PSA_CONNECTION_ERROR), Exit.ERRORS),
        (a_head(stopped=codes.PERMISSION_DENIED), Exit.NOT_RUN),
        (a_head(stopped=codes.PERMISSION_DENIED, processed=3), Exit.ERRORS),
        (a_head(stopped=codes.CONNECTOR_BUSY), Exit.NOT_RUN),
        (a_head(stopped=codes.UNKNOWN_CONNECTOR), Exit.USAGE),
        (a_head(stopped=codes.UNEXPECTED_ANSWER), Exit.HELD),
        (a_head(stopped="cancelled", processed=3), Exit.HELD),
        ({**a_head(processed=3), "held": [{"kind": "creations"}]}, Exit.HELD),
        ({**a_head(success=True, processed=3), "held": []}, Exit.SUCCESS),
        (None, Exit.NOT_RUN),
    ],
)
def test_exit_code_says_how_the_run_ended(head: dict[str, Any] | None, code: Exit) -> None:
    assert exit_of(head) is code


def test_report_of_one_line_is_the_same_report() -> None:
    head = {"success": True, "sync_mode": "full", "errors": [{"message": "two\nlines", "code": "x"}]}
    whole, line = io.StringIO(), io.StringIO()
    for out in (whole, OneLine(line)):
        write_report(head, lambda _: iter([{"name": "a\r\nb"}]), out)  # type: ignore[arg-type]  # it writes
    assert "\n" not in line.getvalue()
    assert json.loads(line.getvalue()) == json.loads(whole.getvalue())


def test_customer_whose_published_settings_are_of_no_use_keeps_nobody_else_from_running(
    stored: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.add(
        '[connectors.fabrikam]\ntenant_id = "0e6b1c7a-92d4-4f0b-b1a5-7c3d2e1f0a9b"\npsa_default_company_id = "7"'
    )
    settings = stored.load()
    documents = copy.deepcopy(to_documents(settings))
    documents["connectors"]["contoso"]["of_a_later_release"] = True
    with closing(open_store(settings)) as store:
        store.snapshots.publish(documents)
        store.presence.beat()
        with pytest.raises(SystemExit) as end:
            main(["run", "--all", "--no-wait", "--json"])
        said = capsys.readouterr()
        assert not end.value.code, said.err
        (line,) = said.out.splitlines()
        run = store.runs.load_run(json.loads(line)["run_id"])
    assert run is not None
    assert run.connector_id == "fabrikam"
    assert "contoso is left out" in said.err
