"""ops/docs/what-happens-when.md keeps what it says: each line names a test and codes, each code has a line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks import codes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "ops/docs/what-happens-when.md"
FEWEST = 45
NONE = "–"
PROOF = re.compile(r"\[`(?P<name>test_\w+)`\]\(\.\./\.\./(?P<file>tests/[\w/]+/test_\w+\.py)\)")
CODE = re.compile(r"`(\w+)`")
HEADS = ("situation", "---")

KNOWN = {value for name, value in vars(codes).items() if name.isupper()}


def lines(page: str) -> Iterator[list[str]]:
    """Yield the cells of every line of every table."""
    for line in page.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0] not in HEADS:
                yield cells


def faults_of(cells: list[str]) -> list[str]:
    """Say what is wrong with a line."""
    if len(cells) != 4 or not all(cells):
        return ["not four cells"]
    found = [] if cells[2] == NONE else unknown_codes(cells[2])
    proof = PROOF.fullmatch(cells[3])
    if proof is None:
        return [*found, "no link to a test"]
    if proof["name"] not in collected_from(ROOT / proof["file"]):
        found.append(f"no test {proof['name']} in {proof['file']}")
    return found


def unknown_codes(cell: str) -> list[str]:
    named = CODE.findall(cell)
    if cell != ", ".join(f"`{name}`" for name in named) or not named:
        return ["codes are not a list"]
    return [f"no code {name}" for name in named if name not in KNOWN]


def collected_from(file: Path) -> set[str]:
    """Name what pytest collects there: functions at the top of a module that are not marked to be left out."""
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any("skip" in ast.unparse(mark) or "xfail" in ast.unparse(mark) for mark in node.decorator_list)
    }


def test_every_line_names_a_test_and_codes_that_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {cells[0]: faults for cells in lines(page) if (faults := faults_of(cells))} == {}


def test_there_are_many_situations_and_none_stands_twice() -> None:
    situations = [cells[0] for cells in lines(PAGE.read_text(encoding="utf-8"))]
    assert len(situations) == len(set(situations)) >= FEWEST


def test_every_code_has_a_line() -> None:
    named = {name for cells in lines(PAGE.read_text(encoding="utf-8")) for name in CODE.findall(cells[2])}
    assert KNOWN - named == set()


GOOD = "[`test_long_title_is_cut`](../../tests/integration/test_situations.py)"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("| a | b | – | " + GOOD.replace("long", "short") + " |", "no test"),
        ("| a | b | – | " + GOOD.replace("test_situations", "test_nothing") + " |", "no test"),
        ("| a | b | – | `test_long_title_is_cut` |", "no link"),
        ("| a | b | `ValueShortened` | " + GOOD + " |", "no code"),
        ("| a | b | ValueTruncated | " + GOOD + " |", "not a list"),
        ("| a | b |  | " + GOOD + " |", "four cells"),
        ("| a | b | " + GOOD + " |", "four cells"),
    ],
)
def test_line_that_promises_too_much_is_refused(line: str, fault: str) -> None:
    (cells,) = lines(line)
    assert fault in faults_of(cells)[0]
    (good,) = lines("| a | b | `ValueTruncated` | " + GOOD + " |")
    assert faults_of(good) == []
