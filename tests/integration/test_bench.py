"""The benchmark measures what it says: a run, and the yardsticks beside it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.bench.plots import FIGURES, values_of
from ops.bench.scenarios import SCENARIOS
from ops.bench.store import measure

ROOT = Path(__file__).parents[2]
USERS = 30


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops.bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)


def test_scenarios_are_measured_once_and_kept(tmp_path: Path) -> None:
    out = tmp_path / "figures.jsonl"
    options = ("--sizes", str(USERS), "--scenario", "first_full,unchanged_full,sequential,ceiling", "--out", str(out))
    result = bench(*options)
    assert result.returncode == 0, result.stderr
    rows: dict[str, dict[str, Any]] = {row["scenario"]: row for row in map(json.loads, out.read_text().splitlines())}
    first, second, ceiling = rows["first_full"], rows["unchanged_full"], rows["ceiling"]
    assert first["written"] > 0 == second["written"]
    assert first["calls"]["connectwise"] >= first["written"]
    asked = sum(second["calls"].get(vendor, 0) for vendor in ("graph", "connectwise"))  # logins come when they will
    assert second["calls_ratio"] == round(asked / second["floor"], 3)
    assert sum(second["calls"].values()) < sum(first["calls"].values())
    assert (first["refused"], ceiling["outcomes"]) == (0, {"201": USERS})
    assert rows["sequential"]["outcomes"].keys() <= {"created", "updated", "skipped"}
    drawn = [figure.name for figure in FIGURES if values_of(figure, list(rows.values()))]
    assert {"writes-per-second", "calls", "worker-memory"} <= set(drawn)
    again = bench(*options, "--json")
    assert (again.returncode, again.stdout) == (0, "")


@pytest.mark.parametrize("arguments", [("--scenario", "faster"), ("--sizes", "0")])
def test_what_cannot_be_measured_is_refused(arguments: tuple[str, str]) -> None:
    result = bench(*arguments)
    assert result.returncode == 2
    assert arguments[0] in result.stderr


def test_what_users_cost_the_store_is_measured() -> None:
    first, second, changed = measure(100)
    assert (first.written, second.written, changed.written) == (100, 0, 1)
    assert first.commands > second.commands > 0
    assert min(first.kept_bytes, first.working_bytes) > 0


def test_each_figure_is_of_scenarios_that_exist() -> None:
    assert {name for figure in FIGURES for name in figure.scenarios} <= set(SCENARIOS)
