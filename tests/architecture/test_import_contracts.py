"""Each import contract of pyproject.toml turns red when it is broken on purpose, in a small tree of the same shape."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TREE = {
    "adapters/__init__.py": "",
    "adapters/autotask/__init__.py": "",
    "adapters/autotask/client.py": "from adapters import errors, transport\n",
    "adapters/connectwise/__init__.py": "",
    "adapters/connectwise/client.py": "from adapters import errors, transport\n",
    "adapters/errors.py": "",
    "adapters/graph/__init__.py": "",
    "adapters/graph/client.py": "from adapters import errors, transport\n",
    "adapters/halo/__init__.py": "",
    "adapters/halo/client.py": "from adapters import errors, transport\n",
    "adapters/records/__init__.py": "",
    "adapters/store/__init__.py": "",
    "adapters/store/keys.py": "",
    "adapters/transport.py": "import httpx\n",
    "ops/__init__.py": "",
    "ops/sandbox/__init__.py": "",
    "ops/sandbox/people.py": "",
    "tasks/__init__.py": "",
    "tasks/celery_tasks.py": "import celery\nfrom tasks import starting\n",
    "tasks/matching.py": "from adapters import errors\nfrom adapters.records import __doc__\n",
    "tasks/starting.py": "from tasks import matching\n",
    "worker/__init__.py": "",
    "worker/compose.py": "from adapters.store import keys\nfrom tasks import celery_tasks\n",
}

BREACHES = {
    "worker composes, tasks decide, adapters speak": ("adapters/errors.py", "import tasks.matching"),
    "nothing imports worker": ("tasks/matching.py", "import worker.compose"),
    "tasks see of adapters only records and errors": ("tasks/matching.py", "from adapters import transport"),
    "tasks touch no network, no store, no login": ("tasks/matching.py", "import httpx"),
    "steps are plain functions: only the Celery half knows Celery": ("tasks/starting.py", "import celery"),
    "adapters know no Celery": ("adapters/store/keys.py", "import kombu"),
    "vendors do not know each other": ("adapters/graph/client.py", "from adapters.connectwise import client"),
    "the sandbox imports nothing of ours": ("ops/sandbox/people.py", "import adapters.errors"),
    "no cycles": ("tasks/matching.py", "from tasks import starting"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_an_innocent_tree_keeps_every_contract(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout
    assert f"Contracts: {len(BREACHES)} kept, 0 broken." in result.stdout


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_turns_its_contract_red(tree: Path, contract: str) -> None:
    name, line = BREACHES[contract]
    with (tree / name).open("a") as module:
        module.write(f"{line}\n")
    result = lint(tree)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in result.stdout


def test_each_vendor_folder_is_under_the_contract_of_independence() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    independent = next(contract["modules"] for contract in contracts if contract["type"] == "independence")
    vendors = {f"adapters.{path.parent.name}" for path in (ROOT / "adapters").glob("*/wire.py")}
    assert vendors == set(independent)
