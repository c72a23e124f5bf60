import io
import json
from typing import Any

import pytest

from tasks import codes
from tasks.report import write_report
from worker.cli.exits import Exit
from worker.cli.run import OneLine, exit_of


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
