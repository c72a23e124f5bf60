import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from worker import telemetry


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def out() -> io.StringIO:
    out = io.StringIO()
    telemetry.configure(out=out)
    return out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_event_is_one_line_of_json_with_what_is_bound(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(run_id="r1", connector_id="contoso", task_id="t1"):
        structlog.get_logger().info("user.done", user_principal_name="ann@contoso.example", text="two\nlines ü")
    (line,) = lines(out)
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("logger")
    assert line == {
        "event": "user.done",
        "level": "info",
        "run_id": "r1",
        "connector_id": "contoso",
        "task_id": "t1",
        "user_principal_name": "ann@contoso.example",
        "text": "two\nlines ü",
    }


def test_libraries_speak_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("celery.worker").warning("lost %s", "connection")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("lost connection", "warning", "celery.worker")


def test_libraries_that_name_addresses_or_each_task_are_quiet(out: io.StringIO) -> None:
    logging.getLogger("httpx").info("GET https://graph/users/ann@contoso.example")
    logging.getLogger("celery.app.trace").info("Task succeeded")
    assert lines(out) == []


def test_traceback_stays_in_its_line(out: io.StringIO) -> None:
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("task.failed")
    (line,) = lines(out)
    assert "ValueError: invalid literal" in line["exception"]


def test_terminal_gets_words_instead_of_json() -> None:
    out = Terminal()
    telemetry.configure(out=out)
    structlog.get_logger().info("child.started", service="beat")
    assert "child.started" in out.getvalue()
    assert "{" not in out.getvalue()


def test_second_set_up_replaces_the_first(out: io.StringIO) -> None:
    again = io.StringIO()
    telemetry.configure(out=again)
    structlog.get_logger().info("once")
    assert out.getvalue() == ""
    assert len(lines(again)) == 1
