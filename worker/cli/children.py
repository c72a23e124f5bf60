"""Shows what child processes say: short lines with a prefix on a terminal, one JSON object a line for machines."""

import json
import sys
import threading
from typing import Any

from rich.text import Text

from tasks.visible import to_json
from worker.cli.console import err, plain
from worker.telemetry import CHILD_ENDED

__all__ = ["ChildrenView"]

STYLES = {"warning": "yellow", "error": "red", "critical": "bold red"}
LEFT_OUT = frozenset({"event", "level", "timestamp", "logger", "exception"})
NAME_WIDTH = 9


class ChildrenView:
    """Prints the output of children, line by line, from any thread."""

    def __init__(self) -> None:
        """Look once whether there is a terminal."""
        self._console = err()
        self._is_terminal = sys.stderr.isatty()
        self._lock = threading.Lock()

    def line(self, name: str, line: str) -> None:
        """Show one line that a child printed."""
        facts = _facts(line)
        if self._is_terminal:
            self._print(name, _styled(facts))
        else:
            self._print_json({"service": name, **facts})

    def level(self, line: str) -> str:
        """Return the level of a line; empty for one that has none."""
        return str(_facts(line).get("level", ""))

    def change(self, name: str, what: str) -> None:
        """Show what became of a child."""
        if self._is_terminal:
            self._print(name, Text(plain(what), style=STYLES["warning"]))
        else:
            self._print_json({"service": name, "event": CHILD_ENDED, "level": "warning", "what": what})

    def _print(self, name: str, text: Text) -> None:
        with self._lock:
            self._console.print(Text(f"{plain(name):<{NAME_WIDTH}} ", style="cyan").append_text(text), soft_wrap=True)

    def _print_json(self, facts: dict[str, Any]) -> None:
        with self._lock:
            sys.stderr.write(to_json(facts) + "\n")
            sys.stderr.flush()


def _facts(line: str) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except ValueError:
        facts = None
    return facts if isinstance(facts, dict) else {"event": plain(line)}


def _styled(facts: dict[str, Any]) -> Text:
    level = str(facts.get("level", "info"))
    text = Text(plain(facts.get("event", "")), style=STYLES.get(level, ""))
    for key, value in facts.items():
        if key not in LEFT_OUT:
            text.append(f" {plain(key)}={plain(value)}", style="dim")
    if trace := facts.get("exception"):
        for line in str(trace).splitlines():
            text.append(f"\n{'':<{NAME_WIDTH}}   {plain(line)}", style="dim")
    return text
