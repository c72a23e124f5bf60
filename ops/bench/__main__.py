"""Measure the product on this machine, against yardsticks and the vendors' limits: `ops/bin/bench`."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.bench.scenarios import GROUPS, SCENARIOS

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
SHOWN = ("seconds", "users_per_s", "writes_per_s", "calls_ratio", "refused", "together_mb", "p50_s", "most_s")


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for and not in the file yet; print each scenario as it ends."""
    asked = _parse(arguments)
    done = {(row["scenario"], row["size"]) for row in _rows(asked.out) if row["latency_ms"] == asked.latency_ms}
    for size in asked.sizes:
        for group, names in GROUPS.items():
            wanted = {name for name in names if name in asked.scenarios and (name, size) not in done}
            if not wanted:
                continue
            _say(asked, f"{group.__name__}, {size:,} users: {', '.join(name for name in names if name in wanted)} …")
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                for row in group(Path(folder), size, asked.latency_ms):
                    if row["scenario"] in wanted:
                        _keep(asked, {**_origin(), "latency_ms": asked.latency_ms, **row})
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops/bin/bench",
        description="Measure the product on the bundled sandbox: no vendor latency unless asked for, limits off unless"
        " the scenario is about them. What is in the file already is not measured again.",
        epilog="Examples: ops/bin/bench --sizes 1000 --scenario first_full,unchanged_full\n"
        "          ops/bin/bench --out figures.jsonl && ops/bin/bench plot figures.jsonl",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=_sizes, default=_sizes("1000,10000,100000"), metavar="N,N", help="users")
    parser.add_argument(
        "--scenario", dest="scenarios", type=_scenarios, default=SCENARIOS, metavar="NAME,…",
        help=f"all, or some of: {', '.join(SCENARIOS)}",
    )  # fmt: skip
    parser.add_argument(
        "--latency-ms", type=float, default=0, metavar="MS", help="added to each answer of a vendor (default 0)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the figures here, a JSON object a line; resumed")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line instead of a table")
    return parser.parse_args(arguments)


def _sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("a size is a number of users, 1 or more")
    return sizes


def _scenarios(text: str) -> tuple[str, ...]:
    names = SCENARIOS if text == "all" else tuple(text.split(","))
    if unknown := set(names) - set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"there is no scenario {', '.join(sorted(unknown))}")
    return names


def _rows(path: Path | None) -> Iterator[Json]:
    if path is not None and path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _keep(asked: argparse.Namespace, row: Json) -> None:
    if asked.out is not None:
        with asked.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
    if asked.json:
        print(json.dumps(row), flush=True)
        return
    shown = "  ".join(f"{name} {row[name]}" for name in SHOWN if name in row)
    print(f"{row['size']:>8,}  {row['scenario']:24} {shown}", flush=True)


def _origin() -> Json:
    """Say where and when a figure was made."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"at": at, "commit": commit.stdout.strip(), "machine": machine, "load": round(os.getloadavg()[0], 2)}


def _say(asked: argparse.Namespace, words: str) -> None:
    if not asked.json:
        print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
