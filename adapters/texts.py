"""Texts on their way to a PSA and back: what cannot be kept, extensions of numbers, hosts of addresses. Pure."""

import re
from functools import cache
from urllib.parse import urlsplit

_SPACES = re.compile(r"[\t\r\n\v\f\u2028\u2029]+")
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """Strip what a field of one line cannot keep, so that what is stored equals what was sent.

    Vendors turn line breaks into spaces, keep other control characters unseen, or refuse them; a lone surrogate cannot
    be sent at all."""
    return _UNSPEAKABLE.sub("", _SPACES.sub(" ", text)).strip()


def split_phone(text: str, *, most_digits: int) -> tuple[str, str]:
    """Part a number from its extension: `+49 30 123 ext. 12` → (`+49 30 123`, `12`). Without one: (text, "")."""
    found = _extension(most_digits).match(text)
    if found and any(char.isdigit() for char in found[1]):
        return found[1].strip(), found[2]
    return text, ""


@cache
def _extension(most_digits: int) -> re.Pattern[str]:
    marks = r";ext=|\bextension|\bext|x|#"
    return re.compile(rf"^(.*?)[\s,;]*(?:{marks})\s*[.:]?\s*(\d{{1,{most_digits}}})$", re.IGNORECASE)


def domain_of(text: str) -> str:
    """Return the domain in a web address or behind an @, without www; empty for free text that has none."""
    address = text.strip().removeprefix("@")
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""
    domain = host.removeprefix("www.")
    return domain if "." in domain and " " not in domain else ""
