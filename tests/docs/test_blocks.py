"""The harness itself: a page that is wrong must fail."""

from pathlib import Path

import pytest

from tests.docs.blocks import Block, find_blocks, matches, run_block

PAGE = """
Text.

```sh
unmarked
```

<!-- tested: greeting -->
```console
$ echo hello; echo world
hello
…ld
$ true
```

<!-- tested: failing -->
```sh
true
false
```
"""
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def test_only_marked_blocks_are_found() -> None:
    assert [(block.name, block.language, block.line) for block in find_blocks(PAGE)] == [
        ("greeting", "console", 10),
        ("failing", "sh", 18),
    ]


def test_a_right_block_passes(tmp_path: Path) -> None:
    run_block(find_blocks(PAGE)[0], folder=tmp_path, environment=ENVIRONMENT)


def test_a_failing_command_fails_its_block(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="failing:18: exit 1"):
        run_block(find_blocks(PAGE)[1], folder=tmp_path, environment=ENVIRONMENT)


def test_another_output_fails_its_block(tmp_path: Path) -> None:
    block = Block("wrong", "console", "$ echo hello\nbye\n", 1)
    with pytest.raises(AssertionError, match="instead of"):
        run_block(block, folder=tmp_path, environment=ENVIRONMENT)


def test_dots_stand_for_anything() -> None:
    assert matches("run 7 took 3 s\nand more\n", "run … took … s\n…\n")
    assert not matches("run 7 failed\n", "run … took …")
