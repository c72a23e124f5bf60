"""Other people's text made visible: what a reader cannot see, or what turns the text around it, is shown by its number.

For files that people open, and for JSON that programs read and people see on the way. Joiners, which belong to names
and emoji, stay as they are.
"""

import json
import unicodedata

__all__ = ["make_visible", "to_json"]

HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})  # controls, overrides of direction, line ends, nothing
JOINERS = "\u200c\u200d"
PICTURES = 0x2400  # Unicode's pictures of the control characters stand at this distance
LAST_CONTROL = 0x1F


def make_visible(text: str) -> str:
    """Return the text with every hidden character shown: a control as its picture, another one as ⟨U+202E⟩."""
    return text if text.isascii() and text.isprintable() else "".join(map(_show, text))


def _show(char: str) -> str:
    if char in JOINERS or unicodedata.category(char) not in HIDDEN:
        return char
    number = ord(char)
    return chr(PICTURES + number) if number <= LAST_CONTROL else f"⟨U+{number:04X}⟩"


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return JSON of the same value in which hidden characters are escapes: no terminal obeys what it is shown."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if text.isascii() and "\x7f" not in text else "".join(map(_escape, text))


def _escape(char: str) -> str:
    if char <= "~" or char in JOINERS or unicodedata.category(char) not in HIDDEN:
        return char
    return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"
