import io
from typing import Any

import pytest
from rich.console import Console

from tests.unit.worker.cli.test_following import a_run
from worker.cli import progress
from worker.cli.following import Glance
from worker.cli.progress import Bars, Lines, Rate, describe, describe_end

WRITING = Glance("writing", "full", done={"created": 4, "updated": 2, "skipped": 1, "error": 1}, total=20)


def a_head(**facts: Any) -> dict[str, Any]:
    statistics = {
        "contacts_created": 4,
        "contacts_updated": 2,
        "contacts_skipped": 1,
        "errors": 1,
        "users_processed": 8,
    }
    return {"success": False, "statistics": statistics, "duration_s": 2.5} | facts


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_line_says_users_done_and_each_count() -> None:
    assert describe(WRITING) == "writing · 8 of 20 users · created 4 updated 2 skipped 1 errors 1"


def test_line_says_what_the_run_waits_for() -> None:
    assert describe(Glance("requested", "full", waits_for="a worker")) == "requested · waiting for a worker"


def test_pages_are_told_while_reading() -> None:
    assert describe(Glance("reading", "full", pages=3)) == "reading · 3 pages"


def test_end_is_told_with_the_counts() -> None:
    assert describe_end(a_head()) == "ended with errors: 8 users · created 4 updated 2 skipped 1 errors 1 · 2.5 s"
    assert describe_end(a_head(success=True, dry_run=True)).endswith("(dry run: nothing was written)")


def test_lines_are_printed_for_a_new_state_and_then_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = Lines(clock)
    for second in range(12):
        clock.now_s = second
        lines.saw(a_run("contoso"), WRITING if second else Glance("judging", "full"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split(" · ")[0] for line in shown.err.splitlines()] == [
        "contoso: comparing",
        "contoso: writing",
        "contoso: writing",
    ]


def test_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert rate.per_s(0) == 0
    clock.now_s = 4.0
    assert rate.per_s(40) == 10
    clock.now_s = 8.0
    assert rate.per_s(60) == 5, "the first look is forgotten after five seconds"


def drawn(bars: Bars) -> str:
    out = io.StringIO()
    Console(file=out, width=160, force_terminal=True).print(bars._progress)
    return out.getvalue()


def test_bar_shows_name_state_users_counts_and_waiting() -> None:
    bars = Bars()
    bars.saw(a_run("contoso"), Glance("writing", "full", done=WRITING.done, total=20, waits_for="its budget"))
    shown = drawn(bars)
    for part in ("contoso", "writing", "8/20", "created 4", "errors 1", "waiting for its budget"):
        assert part in shown


def test_bars_of_closed_runs_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "MOST_BARS", 2)
    bars = Bars()
    for number in range(4):
        bars.saw(a_run(f"customer{number}"), WRITING)
    for number in range(4):
        bars.closed(a_run(f"customer{number}"), a_head())
    assert len(bars._bars) == 2
