"""One thing that `check` looked at, and how it is."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["INSTALLATION", "Finding", "Found", "Verdict"]

INSTALLATION = "(installation)"
Verdict = Literal["ok", "note", "warning", "failed"]
Found = tuple[str, Verdict, str]
"""What was looked at, how it is, and the words for it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    connector: str
    what: str
    verdict: Verdict
    detail: str
    companies: tuple[tuple[str, str], ...] = ()
    """Id and name of each company that it is about, where there may be many."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields; companies where it is about them."""
        fields = asdict(self) | {"companies": [{"id": number, "name": name} for number, name in self.companies]}
        return fields if self.companies else {key: value for key, value in fields.items() if key != "companies"}
