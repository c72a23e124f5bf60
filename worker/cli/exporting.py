"""What commands that export share: which format, and where it goes. A file is there whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from worker.cli.exits import Refusal

__all__ = ["Csv", "Html", "Output", "choose_export", "opened_output"]

Csv = Annotated[bool, typer.Option("--csv", help="Export CSV for a spreadsheet.")]
Html = Annotated[bool, typer.Option("--html", help="Export one self-contained HTML page.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FILE", help="Where the export goes, readable for you alone; else standard output."
    ),
]


def choose_export(*, json: bool, csv: bool, html: bool, output: Path | None) -> str | None:
    """Return the one format that was asked for, None if none was. Raises Refusal for several, or a file without one."""
    wanted = {"json": json, "csv": csv, "html": html}
    chosen = [name for name, is_wanted in wanted.items() if is_wanted]
    if len(chosen) > 1:
        raise Refusal(f"{' and '.join(f'--{name}' for name in chosen)} exclude each other", hint="export twice")
    if output is not None and not chosen:
        raise Refusal("--output lacks the format of the file", hint="add --json, --csv or --html")
    return chosen[0] if chosen else None


@contextmanager
def opened_output(path: Path | None) -> Iterator[IO[str]]:
    """Open a file that takes the place of an older one when the block has ended well; standard output without a path.

    It holds personal data: nobody else may read it. Raises Refusal if it cannot be written."""
    if path is None:
        yield sys.stdout
        return
    try:
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}", hint="choose another file") from error
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as target:
            yield target
        Path(draft).replace(path)
    except OSError as error:
        Path(draft).unlink(missing_ok=True)
        raise Refusal(f"{path} cannot be written: {error.strerror}", hint="choose another file") from error
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
