"""What is wrong with a file that is no TOML: the line, the parser's reason, and what was probably meant. Pure."""

import re
import tomllib

from worker.configuration.problems import Problem

__all__ = ["describe_syntax"]

PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
HINTS = (
    (re.compile(r"[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]"), 'use straight quotes: "'),
    (re.compile(r"=\s*(True|False|TRUE|FALSE|[Yy]es|[Nn]o|on|off)\s*(#|$)"), "write true or false, in small letters"),
    (re.compile(r"^\s*[\w.-]+\s*:"), "write key = value"),
    (re.compile(r"^\s*\[.*"), "a table stands once; each part of a list has double brackets: [[…]]"),
    (re.compile(r"=\s*(#|$)"), "the value is missing"),
    (re.compile(r"^[^\[{]*=.*,\s*$"), "a line ends without a comma"),
    (re.compile(r"=\s*[^\s\"'\[{#]"), "text stands in quotes"),
)
"""By the look of the line, the first that fits."""


def describe_syntax(file: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    """Return the fault as a sentence with its line."""
    found = PLACE.search(str(error))
    lines = text.splitlines() or [""]
    number = int(found[1]) if found and found[1] else len(lines)
    line = lines[min(number, len(lines)) - 1]
    reason = PLACE.sub("", str(error))
    return Problem(file, "", f"line {number}: is not valid TOML: {reason}", _hint(line, reason))


def _hint(line: str, reason: str) -> str | None:
    is_header = line.lstrip().startswith("[")
    if "overwrite" in reason and not is_header:
        return "this key stands twice in its table"
    if not is_header and line.count('"') % 2 and not HINTS[0][0].search(line):
        return "a quote is missing: text stands between two of them"
    if is_header and not line.rstrip().endswith("]"):
        return None  # the parser says which bracket it misses
    return next((hint for look, hint in HINTS if look.search(line)), None)
