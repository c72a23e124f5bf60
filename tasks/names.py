"""Text as people type it: cleaning, folding and cutting. Every function is idempotent."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

_ZERO_WIDTH_JOINER = "\u200d"


def clean(text: str) -> str:
    """Trim, drop control characters (line breaks and tabs become spaces) and compose accents (NFC)."""
    if not text.isprintable():
        text = "".join(" " if char.isspace() else char for char in text if char.isspace() or not _is_control(char))
    return unicodedata.normalize("NFC", text).strip()


def collapse(text: str) -> str:
    """Clean, and make one space of every run of white space."""
    return " ".join(clean(text).split())


def fold(text: str) -> str:
    """Return the form in which names compare: collapsed, case-folded, accents decomposed."""
    text = collapse(text)
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFD", text).casefold()
    return " ".join(unicodedata.normalize("NFD", folded).split())


def cut(text: str, length: int) -> str:
    """Cut to so many code points, never between a base character and what combines with it."""
    if len(text) <= length:
        return text
    end = length
    while end > 0 and (_combines(text[end]) or text[end - 1] == _ZERO_WIDTH_JOINER):
        end -= 1
    return text[: end or length].rstrip()


def closest(name: str, options: Iterable[str]) -> str | None:
    """Return the option that looks most like a misspelt name, if one does."""
    found = get_close_matches(name, sorted(options), n=1, cutoff=0.6)
    return found[0] if found else None


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs")


def _combines(char: str) -> bool:
    return char == _ZERO_WIDTH_JOINER or unicodedata.category(char) in ("Mn", "Mc", "Me")
