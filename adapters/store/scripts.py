"""The Lua scripts beside this file. Each is one atomic step; its head declares the names of its keys and arguments.

    -- keys: run open rows.errors
    -- args: run_id due_ms

become locals of those names (a dotted name a field of a table), `rest` the index of the first further argument. The
functions of prelude.lua stand before each of them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

PRELUDE = "prelude"


@dataclass(frozen=True)
class Script:
    """One script as the server gets it."""

    name: str
    keys: tuple[str, ...]
    args: tuple[str, ...]
    text: str
    sha: str

    def arguments(self, keys: Mapping[str, str], args: Mapping[str, Any], rest: Sequence[Any]) -> tuple[int, list[Any]]:
        """Put keys and arguments into their order. Raises KeyError for a missing one, ValueError for an unknown one."""
        unknown = set(args) - set(self.args)
        if unknown:
            raise ValueError(f"{self.name} takes no {sorted(unknown)}")
        values = [keys[name] for name in self.keys]
        values += [_plain(args[name]) for name in self.args]
        return len(self.keys), [*values, *rest]


@cache
def load_scripts() -> dict[str, Script]:
    """Read all scripts, by name; once in a process."""
    folder = files(__package__) / "lua"
    sources = {
        entry.name.removesuffix(".lua"): entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".lua")
    }
    prelude = sources.pop(PRELUDE)
    return {name: _build(name, source, prelude=prelude) for name, source in sources.items()}


def _build(name: str, source: str, *, prelude: str) -> Script:
    lines = source.splitlines()
    keys = _declared(lines, "-- keys:")
    args = _declared(lines, "-- args:")
    head = [*_locals(keys, "KEYS"), *_locals(args, "ARGV"), f"local rest = {len(args) + 1}"]
    text = "\n".join([*head, prelude, source])
    return Script(name, keys, args, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _declared(lines: list[str], mark: str) -> tuple[str, ...]:
    return tuple(word for line in lines if line.startswith(mark) for word in line.removeprefix(mark).split())


def _locals(names: tuple[str, ...], table: str) -> list[str]:
    tables = dict.fromkeys(name.partition(".")[0] for name in names if "." in name)
    lines = [f"local {name} = {{}}" for name in tables]
    for index, name in enumerate(names, start=1):
        lines.append(f"{'' if '.' in name else 'local '}{name} = {table}[{index}]")
    return lines


def _plain(value: Any) -> Any:
    """Turn what the wire does not know into what it does: None is empty, a truth value 1 or empty."""
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return value
