"""Which files make the configuration, and what stands in them. No meaning is given to any key here, but to paths."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from tasks.names import closest
from worker.configuration.problems import Problem
from worker.configuration.syntax import describe_syntax

FILE_NAME = "contact-sync.toml"
FILE_VARIABLE = "CONTACT_SYNC_CONFIG"
FOLDER_NAME = "connectors.d"
ENDING = ".toml"
RENAME = "rename it; what is to be left out ends with .disabled"
ENCODING = "utf-8-sig"  # editors of Windows begin a file with a byte order mark
SET_ASIDE = ("~", ".bak", ".orig", ".old", ".disabled")
PATH_KEYS = frozenset({"state_dir", "ca_file", "certificate_file", "private_key_file"})

Json = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """One file's content; its relative paths count from the main file's folder, whatever folder it lies in."""

    name: str
    table: Json
    is_main: bool


def find_file(config: Path | None, *, environment: Mapping[str, str], folder: Path) -> Path:
    """Return the main file: the one asked for, else the variable's, else the one in this folder. It may be missing.

    A link is not followed: what stands beside the link counts, as in a mounted configuration.
    """
    chosen = config or environment.get(FILE_VARIABLE) or FILE_NAME
    return (folder / chosen).absolute()


def read_sources(main: Path) -> tuple[list[Source], list[Problem]]:
    """Read the main file and those of connectors.d beside it, by name. A file that cannot be read is a problem."""
    folder = main.parent / FOLDER_NAME
    others = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    sources: list[Source] = []
    problems = list(_misnamed(folder)) if folder.is_dir() else []
    for path in (main, *others):
        name = path.relative_to(main.parent).as_posix()
        table = _read(path, name)
        if isinstance(table, Problem):
            problems.append(table)
        else:
            rebased = table if path == main else _rebase(table, PurePath(FOLDER_NAME))
            sources.append(Source(name=name, table=rebased, is_main=path == main))
    return sources, problems


def _misnamed(folder: Path) -> Iterator[Problem]:
    """Yield files that were meant to be read: their ending is nearly .toml, or another one was put behind it."""
    for path in sorted(folder.iterdir()):
        is_meant = closest(path.suffix, [ENDING]) is not None or Path(path.stem).suffix == ENDING
        if path.suffix != ENDING and is_meant and path.is_file() and not path.name.endswith(SET_ASIDE):
            yield Problem(f"{FOLDER_NAME}/{path.name}", "", f"is not read: its name does not end with {ENDING}", RENAME)


def read_key(path: Path, key: str) -> object:
    """Return what stands under a dotted key of a TOML file. Raises OSError, ValueError or KeyError."""
    found: Any = tomllib.loads(path.read_text(encoding=ENCODING))
    for part in key.split("."):
        found = found[part]
    return found


def _read(path: Path, name: str) -> Json | Problem:
    try:
        text = path.read_text(encoding=ENCODING)
    except FileNotFoundError:
        return Problem(name, "", f"no such file: {path}", f"pass --config, set {FILE_VARIABLE}, or make ./{FILE_NAME}")
    except OSError as exc:
        return Problem(name, "", f"cannot be read: {exc.strerror}")
    except UnicodeDecodeError:
        return Problem(name, "", "is not UTF-8 text", "save it as UTF-8")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        return describe_syntax(name, text, exc)


def _rebase(value: Any, prefix: PurePath) -> Any:
    """Prefix relative paths: values of path keys, and {file = "…"} wherever it stands."""
    if isinstance(value, list):
        return [_rebase(item, prefix) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"file"} and isinstance(value["file"], str):
        return {"file": (prefix / value["file"]).as_posix()}
    return {
        key: (prefix / item).as_posix() if key in PATH_KEYS and isinstance(item, str) else _rebase(item, prefix)
        for key, item in value.items()
    }
