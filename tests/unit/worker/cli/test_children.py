import io
import json
import re
import sys

import pytest

from worker.cli.children import ChildrenView

LINE = json.dumps({"event": "step.failed", "level": "error", "run_id": "r1", "exception": "Traceback\n  ValueError"})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_view(monkeypatch: pytest.MonkeyPatch) -> tuple[ChildrenView, Terminal]:
    """Return a view whose stderr is a terminal; pytest puts its own back after fixtures, so not as one."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return ChildrenView(), terminal


def _plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_machines_get_each_line_as_json_with_its_service(capsys: pytest.CaptureFixture[str]) -> None:
    view = ChildrenView()
    view.line("worker-1", LINE)
    view.line("valkey", "not json \x1b[31m")
    view.line("beat", "[1, 2]")
    view.change("beat", "ended; starts again in 1 s")
    shown = capsys.readouterr()
    assert shown.out == ""
    rows = [json.loads(line) for line in shown.err.splitlines()]
    assert rows[0] == {"service": "worker-1", **json.loads(LINE)}
    assert rows[1] == {"service": "valkey", "event": "not json [31m"}
    assert rows[2] == {"service": "beat", "event": "[1, 2]"}
    assert rows[3]["event"] == "child.ended"
    assert rows[3]["what"] == "ended; starts again in 1 s"


def test_people_get_a_prefix_words_and_the_traceback_below(monkeypatch: pytest.MonkeyPatch) -> None:
    view, terminal = a_view(monkeypatch)
    view.line("worker-1", LINE)
    view.change("worker-1", "was ended by SIGKILL; starts again in 1 s")
    lines = terminal.getvalue().splitlines()
    assert _plain(lines[0]) == "worker-1  step.failed run_id=r1"
    assert [_plain(line).strip() for line in lines[1:3]] == ["Traceback", "ValueError"]
    assert _plain(lines[3]) == "worker-1  was ended by SIGKILL; starts again in 1 s"


def test_what_a_tenant_named_does_not_reach_the_terminal_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    view, terminal = a_view(monkeypatch)
    view.line("worker-1", json.dumps({"event": "user \x1b[2J[bold]x[/bold]", "name": "\x1b]0;title\x07"}))
    shown = terminal.getvalue()
    assert "\x1b[2J" not in shown
    assert "\x1b]0" not in shown
    assert "[bold]x[/bold]" in _plain(shown)
