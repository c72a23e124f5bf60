"""One thing that `check` looked at, and how it is."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["INSTALLATION", "Finding", "Found", "Verdict"]

INSTALLATION = "(installation)"
Verdict = Literal["ok", "warning", "failed"]
Found = tuple[str, Verdict, str]
"""What was looked at, how it is, and the words for it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    connector: str
    what: str
    verdict: Verdict
    detail: str

    def as_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)
