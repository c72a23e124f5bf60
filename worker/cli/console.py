"""What is printed, and where: results on stdout, all else on stderr. Nobody else's text reaches the terminal raw."""

import sys
import unicodedata
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["err", "make_table", "out", "plain", "say", "shown"]

WIDTH_OF_A_PIPE = 200  # a reader of a file or pipe has no edge to wrap at
HARMFUL = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})  # controls, overrides of direction, surrogates, line ends
ZERO_WIDTH_JOINER = "\u200d"  # part of names and emoji


def plain(value: object) -> str:
    """Return text without anything that a terminal obeys: tenants choose names, and vendors' words come with them."""
    text = str(value)
    return text if text.isascii() and text.isprintable() else "".join(map(_harmless, text))


def shown(value: object, *, style: str = "") -> Text:
    """Return harmless text that is not read as markup."""
    return Text(plain(value), style=style)


def out() -> Console:
    """Return the console for results."""
    return _console(is_stderr=False)


def err() -> Console:
    """Return the console for everything else."""
    return _console(is_stderr=True)


def say(message: object = "", *, style: str = "") -> None:
    """Print one line on stderr; not wrapped, so that it stays one line."""
    err().print(shown(message, style=style), soft_wrap=True)


def make_table(columns: Iterable[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """Return a table of harmless cells; a Text keeps its style, numbers stand on the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    listed = [list(row) for row in rows]
    for at, column in enumerate(columns):
        is_number = bool(listed) and all(isinstance(row[at], int) for row in listed)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*(cell if isinstance(cell, Text) else shown("" if cell is None else cell) for cell in row))
    return table


def _console(*, is_stderr: bool) -> Console:
    stream = sys.stderr if is_stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else WIDTH_OF_A_PIPE, highlight=False, markup=False, emoji=False
    )


def _harmless(char: str) -> str:
    if char in "\n\t":
        return " "
    return char if char == ZERO_WIDTH_JOINER or unicodedata.category(char) not in HARMFUL else ""
