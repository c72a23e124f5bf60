"""What is wrong with a configuration: every fault at once, each where it stands and with what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.names import closest

UNKNOWN_KEY = "unknown key"
MISSING = "is missing"


@dataclass(frozen=True, order=True)
class Problem:
    """One fault. `key` is the path inside the file, like connectors.contoso.schedule; empty for the file itself."""

    file: str
    key: str
    reason: str
    hint: str | None = None

    def __str__(self) -> str:
        """Say file, key, reason and hint on one line."""
        place = f"{self.file}: {self.key}: " if self.key else f"{self.file}: "
        return place + self.reason + (f" ({self.hint})" if self.hint else "")


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` holds each fault once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the faults, each once."""
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling with the problems."""
        return type(self), (self.problems,)


def drop_echoes(problems: Iterable[Problem]) -> list[Problem]:
    """Leave out that a key is missing where the same table holds it misspelt: that is one fault, told once."""
    listed = list(problems)
    misspelt = {(each.file, _table_of(each.key), each.hint) for each in listed if each.reason == UNKNOWN_KEY}
    return [
        each
        for each in listed
        if not each.reason.startswith(MISSING)
        or (each.file, _table_of(each.key), nearest_hint(each.key.rpartition(".")[2])) not in misspelt
    ]


def nearest_hint(word: str) -> str:
    """Say which word was probably meant."""
    return f"did you mean {word!r}?"


def _table_of(key: str) -> str:
    return key.rpartition(".")[0]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the hint for a word that was probably mistyped, or None if nothing known is near."""
    meant = closest(word, known)
    return nearest_hint(meant) if meant else None
