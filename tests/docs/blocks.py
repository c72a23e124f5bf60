"""The code blocks of a page that are marked as tested, and how they are run.

A comment in front of a block marks it: `<!-- tested: NAME -->`. In a block of the language `console`, lines with `$ `
are commands and the others are their output, where `…` stands for anything; a block of the language `sh` is one script.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^<!-- tested: (?P<name>[^\n]+?) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
TIMEOUT_S = 120


@dataclass(frozen=True)
class Block:
    """One marked block, and the line where its text begins."""

    name: str
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.name}:{self.line}"


def find_blocks(page: str) -> list[Block]:
    """Return the marked blocks in the page's order."""
    return [
        Block(match["name"], match["language"], match["text"], page.count("\n", 0, match.start("text")) + 1)
        for match in BLOCK.finditer(page)
    ]


def commands_of(block: Block) -> list[tuple[str, str | None]]:
    """Return (command, expected output); None where the page shows no output."""
    if block.language == "sh":
        return [(block.text, None)]
    steps = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (step.partition("\n") for step in steps)]


def run_block(block: Block, *, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a block's commands in this folder. Raises AssertionError for one that fails or says something else."""
    for command, expected in commands_of(block):
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert result.returncode == 0, f"{block}: exit {result.returncode}\n{command}\n{result.stdout}{result.stderr}"
        if expected is not None:
            assert matches(result.stdout, expected), f"{block}: said\n{result.stdout}\ninstead of\n{expected}"


def matches(output: str, expected: str) -> bool:
    """Compare an output with what a page shows of it; blanks at the ends of lines do not count."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    seen = "\n".join(map(str.rstrip, output.strip().splitlines()))
    return re.fullmatch(pattern, seen, flags=re.DOTALL) is not None
