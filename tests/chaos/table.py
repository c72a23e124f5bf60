"""The table that a program of trials ends with."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chaos.invariants import KINDS


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print how many trials there were, what was injected, what was missed, and the slowest recovery."""
    injected: Counter[str] = Counter()
    for row in rows:
        injected.update(row["injected"])
    missed = Counter(kind for row in rows for kind in {kind for kind, _ in row["misses"]})
    print(f"\n{'trials':32} {len(rows):>7}")
    print(f"{'trials whose fault never came':32} {sum(not sum(row['injected'].values()) for row in rows):>7}")
    for kind, count in sorted(injected.items()):
        print(f"  {kind:31} {count:>6}")
    for kind in KINDS:
        print(f"{kind:32} {missed[kind]:>7}")
    slowest = max(rows, key=lambda row: float(row["recovery_s"]), default=None)
    if slowest is not None:
        print(f"{'slowest recovery':32} {slowest['recovery_s']:>6} s  ({slowest['name']})")
        seconds = [float(row["seconds"]) for row in rows]
        print(f"{'mean and longest trial':32} {sum(seconds) / len(seconds):>6.1f} s, {max(seconds):.1f} s")
