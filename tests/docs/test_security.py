"""The page about security: each threat names its test, and each test is there."""

import re
from pathlib import Path

import pytest

from tests.architecture.test_situations import collected_from

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ops" / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def threat(row: str) -> str:
    return row.split("|")[1].strip()


def missing_tests(row: str) -> list[str]:
    return [f"{path}::{name}" for path, name in NAMED.findall(row) if not is_there(ROOT / path, name)]


def is_there(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    return name in collected_from(path) if name else bool(collected_from(path))


@pytest.mark.parametrize("row", ROWS, ids=threat)
def test_each_threat_has_a_test_that_is_there(row: str) -> None:
    assert NAMED.search(row.split("|")[3]), "names no test"
    assert missing_tests(row) == []


def test_a_test_that_is_gone_would_be_seen() -> None:
    own = "tests/docs/test_security.py"
    assert missing_tests(f"| x | y | `{own}::test_that_nobody_wrote`, `tests/gone.py::test_x` |") == [
        f"{own}::test_that_nobody_wrote",
        "tests/gone.py::test_x",
    ]
    assert missing_tests(f"| x | y | `{own}::test_a_test_that_is_gone_would_be_seen` |") == []


def test_page_is_one_page() -> None:
    assert len(ROWS) == len(set(map(threat, ROWS))) >= 24
    assert len(PAGE.splitlines()) <= 60
