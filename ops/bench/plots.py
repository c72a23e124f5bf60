"""A picture for each figure of a file of measurements: `ops/bin/bench plot FILE`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FIGURES", "Figure", "draw", "main", "values_of"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """One picture: what it shows of which scenarios, and the bar that it is held to."""

    name: str
    title: str
    unit: str
    scenarios: tuple[str, ...]
    value: Callable[[Json], float | None]
    bar: float | None = None
    is_logarithmic: bool = False


RUNS = ("first_full", "unchanged_full", "incremental_1_percent", "fifty_connectors", "two_hundred_connectors")


def _of(name: str) -> Callable[[Json], float | None]:
    return lambda row: row.get(name)


def _peak(role: str) -> Callable[[Json], float | None]:
    return lambda row: row.get("peak_mb", {}).get(role)


def _bytes_per_user(row: Json) -> float | None:
    return row["valkey_mb"] * 1e6 / row["size"] if "valkey_mb" in row else None


def _processor(row: Json) -> float | None:
    spent = row.get("cpu_s_per_1000")
    return sum(value for role, value in spent.items() if role != "sandbox") if spent else None


FIGURES = (
    Figure("users-per-second", "Users a second", "users/s", ("first_full", "unchanged_full", "fifty_connectors",
           "sequential", "textbook_chord"), _of("users_per_s"), is_logarithmic=True),
    Figure("writes-per-second", "Writes a second", "writes/s", ("first_full", "fifty_connectors", "sequential",
           "textbook_chord", "ceiling"), _of("writes_per_s")),
    Figure("calls", "Vendor calls by the floor", "calls ÷ floor", ("first_full", "unchanged_full"),
           _of("calls_ratio"), bar=1.05),
    Figure("time-under-budget", "Time by what the budget alone would take", "ratio", ("under_budget",),
           _of("time_ratio"), bar=1.05),
    Figure("refused", "Answers 429 under a budget", "of 10,000 calls", ("under_budget",), _of("refused_per_10000"),
           bar=1.0),
    Figure("worker-memory", "Peak memory of a worker", "MB", RUNS, _peak("worker")),
    Figure("stack-memory", "All processes and Valkey together", "MB", RUNS, _of("together_mb"), bar=512.0),
    Figure("valkey-bytes", "Valkey's peak by users", "bytes a user", ("first_full", "unchanged_full"),
           _bytes_per_user, is_logarithmic=True),
    Figure("processor", "Processor time", "s for 1,000 users", RUNS, _processor),
    Figure("messages", "Messages in the broker at most", "messages", RUNS, _of("messages")),
    Figure("on-demand", "One user on demand, the slowest of ten", "s", ("on_demand_idle", "on_demand_busy"),
           _of("most_s"), bar=2.0),
    Figure("read-phase", "The read, and Graph's part of it", "s", ("first_full", "unchanged_full"), _of("read_s")),
)  # fmt: skip


def values_of(figure: Figure, rows: list[Json]) -> dict[str, dict[int, float]]:
    """Return a figure's values by scenario and size; the newest of a pair counts."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        value = figure.value(row) if row["scenario"] in figure.scenarios else None
        if value is not None:
            found.setdefault(row["scenario"], {})[row["size"]] = value
    return {name: found[name] for name in figure.scenarios if name in found}


def draw(rows: list[Json], *, folder: Path, stem: str) -> list[Path]:
    """Draw every figure that the rows have values for; return the pictures' paths."""
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 - only `plot` needs it, from a lock of its own

    drawn = []
    origin = f"{rows[-1]['at'][:10]} · {rows[-1]['machine']} · {rows[-1]['commit']}"
    for figure in FIGURES:
        values = values_of(figure, rows)
        if not values:
            continue
        canvas = Canvas(figsize=(8, 4.5), layout="constrained")
        axes = canvas.add_subplot()
        sizes = sorted({size for series in values.values() for size in series})
        width = 0.8 / len(values)
        for at, (name, series) in enumerate(values.items()):
            places = [sizes.index(size) + (at - (len(values) - 1) / 2) * width for size in series]
            bars = axes.bar(places, list(series.values()), width=width, label=name.replace("_", " "))
            axes.bar_label(bars, fmt="{:,.3g}", fontsize=7)
        if figure.bar is not None:
            axes.axhline(figure.bar, linestyle="--", color="black", linewidth=1, label=f"bar: {figure.bar:g}")
        if figure.is_logarithmic:
            axes.set_yscale("log")
        axes.set_xticks(range(len(sizes)), [f"{size:,} users" for size in sizes])
        axes.set_ylabel(figure.unit)
        axes.set_title(figure.title)
        axes.legend(fontsize=8)
        canvas.text(0.995, 0.005, origin, ha="right", va="bottom", fontsize=6, color="gray")
        path = folder / f"{stem}-{figure.name}.png"
        canvas.savefig(path, dpi=110)
        drawn.append(path)
    return drawn


def main(arguments: list[str] | None = None) -> int:
    """Draw beside the file of measurements."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0].startswith("-"):
        print("usage: ops/bin/bench plot FILE\nExample: ops/bin/bench plot ops/bench/results/2026-11-25.jsonl")
        return 0 if given[:1] in (["-h"], ["--help"]) else 2
    path = Path(given[0])
    if not path.is_file():
        print(f"bench: there is no file {path}; ops/bin/bench --out {path} makes it", file=sys.stderr)
        return 2
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for drawn in draw(rows, folder=path.parent, stem=path.stem):
        print(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
