"""What became of one trial."""

from dataclasses import asdict, dataclass
from typing import Any

PATIENCE = 5.0
"""How much longer a trial may take in a check: no machine is judged by its speed there."""


@dataclass(frozen=True)
class Trial:
    """One trial: faults by kind, what was missed, seconds from the (last) fault until its runs were closed.

    `name` says what was done and is unique; `replay` are the arguments that do it again. A fault counts only if it
    happened: a worker that was to die at a boundary and never came there leaves no trace in `injected`."""

    name: str
    replay: str
    injected: dict[str, int]
    misses: list[tuple[str, str]]
    recovery_s: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as a line of the file that a program resumes from."""
        return asdict(self)
