"""What is imported is declared, what is declared is locked, and a lock holds hashes and no address."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
OURS = {"adapters", "tasks", "worker", "ops", "tests"}
UNSEEN = {"hiredis", "tzdata"}  # imported for us, by redis-py and zoneinfo
LOCKS = ("requirements.lock", "requirements-dev.lock", "bench/requirements.lock")


def declared(*names: str) -> dict[str, Requirement]:
    lines = [line.partition(" #")[0].strip() for name in names for line in (OPS / name).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonical(each.name): each for each in requirements}


def pinned(lock: str) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for name, release in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (OPS / lock).read_text(), flags=re.MULTILINE):
        pins.setdefault(canonical(name), set()).add(release)
    return pins


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_by(folder: str, *, apart: str | None = None) -> set[str]:
    tops: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        if apart is not None and path.is_relative_to(ROOT / apart):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    tops.update(name.name.partition(".")[0] for name in names)
                case ast.ImportFrom(module=str(module)):
                    tops.add(module.partition(".")[0])
    return tops - OURS - sys.stdlib_module_names


def undeclared(folder: str, *inputs: str, apart: str | None = None) -> set[str]:
    names = set(declared(*inputs)) | {"pydantic-core"}  # pydantic's other half
    owners = packages_distributions()
    tops = {top: {canonical(owner) for owner in owners.get(top, ())} for top in imported_by(folder, apart=apart)}
    return {top for top, distributions in tops.items() if not distributions & names}


@pytest.mark.parametrize("folder", ["adapters", "tasks", "worker", "ops"])
def test_the_product_imports_only_what_it_declares(folder: str) -> None:
    assert not undeclared(folder, "requirements.in", apart="ops/bench")


def test_the_benchmarks_import_only_what_they_declare() -> None:
    """Only `ops/bin/bench plot` fetches what its lock holds, so it need not be there."""
    missing = undeclared("ops/bench", "requirements.in", "requirements-dev.in")
    assert missing <= {name.replace("-", "_") for name in declared("bench/requirements.in")}


def test_the_product_declares_only_what_it_imports() -> None:
    tops = {top for folder in ("adapters", "tasks", "worker", "ops") for top in imported_by(folder, apart="ops/bench")}
    owners = packages_distributions()
    used = {canonical(owner) for top in tops for owner in owners.get(top, ())}
    assert set(declared("requirements.in")) == used & set(declared("requirements.in")) | UNSEEN


def test_the_locked_run_time_is_enough_to_run() -> None:
    """The checks' environment holds more, which would hide what the run time lacks."""
    kept = set(pinned("requirements.lock")) | {"psa-contact-sync"}
    hidden = [top for top, names in packages_distributions().items() if not {canonical(name) for name in names} & kept]
    assert "pytest" in hidden
    modules = ["celery.backends.redis", "celery.concurrency.thread", "celery.bin.worker", "kombu.transport.redis"]
    for folder in ("adapters", "tasks", "worker", "ops/sandbox"):
        paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / folder).rglob("*.py")]
        modules += [".".join(path.parts) for path in paths if path.name != "__main__"]
    modules.remove("worker.app")  # reads the configuration as it is imported
    hide = f"import sys; sys.modules.update(dict.fromkeys({hidden!r}))"
    command = [
        sys.executable,
        "-c",
        f"{hide}\nimport importlib\nfor name in {modules!r}: importlib.import_module(name)",
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_tests_import_only_what_they_declare() -> None:
    assert not undeclared("tests", "requirements.in", "requirements-dev.in")


def test_each_declared_name_is_locked() -> None:
    assert set(declared("requirements.in", "requirements-build.in")) <= set(pinned("requirements.lock"))
    everything = declared("requirements.in", "requirements-build.in", "requirements-dev.in")
    assert set(everything) <= set(pinned("requirements-dev.lock"))


def test_all_locks_pin_the_same_releases() -> None:
    all_pins = pinned("requirements-dev.lock")
    assert pinned("requirements.lock").items() <= all_pins.items()
    plots = pinned("bench/requirements.lock")
    assert {name: plots[name] for name in plots.keys() & all_pins} == {
        name: all_pins[name] for name in plots.keys() & all_pins
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_hashes(lock: str) -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", (OPS / lock).read_text(), flags=re.MULTILINE)[1:]
    assert blocks
    assert not [block for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(lock: str) -> None:
    assert not re.search(r"://|--(index|extra-index|find-links)|@ ", (OPS / lock).read_text())


def test_this_environment_is_the_locked_one() -> None:
    pins = pinned("requirements-dev.lock")
    assert not {name: version(name) for name in declared("requirements.in") if version(name) not in pins[name]}
