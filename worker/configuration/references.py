"""Values that stand elsewhere: { env = "NAME" } and { file = "path" }, looked up when the configuration is used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.configuration.files import read_key

Json = dict[str, Any]
Location = tuple[str | int, ...]
SHAPES = (frozenset({"env"}), frozenset({"file"}), frozenset({"file", "key"}))
"""The third shape is written by snapshots only: an inline secret is published as the place where it stands."""
UNRESOLVED = "<unresolved>"


def is_reference(value: object) -> bool:
    """Tell a reference from a table."""
    return isinstance(value, dict) and frozenset(value) in SHAPES and all(isinstance(x, str) for x in value.values())


def text_of(value: object) -> str | None:
    """Return a resolved value if it is text that was found."""
    return value if isinstance(value, str) and value != UNRESOLVED else None


class MissingReferenceError(Exception):
    """What a reference points to is not there; the message says what, and never a value."""


@dataclass(frozen=True)
class Resolver:
    """Looks references up in this environment, and in files that count from this folder."""

    environment: Mapping[str, str]
    base_dir: Path

    def resolve(self, values: Any, *, on_missing: Callable[[Location, str], None]) -> Any:
        """Return a copy with each reference replaced by its text; a missing one is told and leaves a placeholder."""
        return self._resolve(values, (), on_missing)

    def look_up(self, reference: Mapping[str, str]) -> str:
        """Return the text that a reference points to. Raises MissingReferenceError."""
        if "env" in reference:
            return self._from_environment(reference["env"])
        path = self.base_dir / reference["file"]
        text = self._from_key(path, reference["key"]) if "key" in reference else self._from_file(path)
        if not text:
            raise MissingReferenceError(f"the file {path} is empty")
        return text

    def _resolve(self, value: Any, path: Location, on_missing: Callable[[Location, str], None]) -> Any:
        if is_reference(value) and path[-1:] != ("field_mapping",):
            try:
                return self.look_up(value)
            except MissingReferenceError as exc:
                on_missing(path, str(exc))
                return UNRESOLVED
        if isinstance(value, dict):
            return {key: self._resolve(item, (*path, key), on_missing) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolve(item, (*path, at), on_missing) for at, item in enumerate(value)]
        return value

    def _from_environment(self, name: str) -> str:
        value = self.environment.get(name)
        if not value:
            raise MissingReferenceError(f"the environment variable {name} is {'not set' if value is None else 'empty'}")
        return value

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as exc:
            raise MissingReferenceError(f"the file {path} cannot be read: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise MissingReferenceError(f"the file {path} is not UTF-8 text") from exc

    def _from_key(self, path: Path, key: str) -> str:
        try:
            return str(read_key(path, key))
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise MissingReferenceError(f"{key} does not stand in {path}") from exc
