"""Bad answers: those that cannot be read at all, and those that can be read and are odd."""

import json
import random
from typing import Any

from tests.contract.fuzz.replay import Corrupt

JSON = "application/json"
ODD_TEXTS = (
    "\x00",
    "\u202egnp.exe",
    "👩‍👩‍👧‍👦" * 50,
    "İ",
    "ß",
    "' OR 1=1 --",
    "<script>",
    "a" * 5000,
    "",
    " ",
    "\ud800",
)
ODD_VALUES: tuple[Any, ...] = (None, True, 0, -1, 1e308, 10**30, "", "x", [], {}, [[]], {"value": None})


def _wrong_types(seed: int) -> Corrupt:
    """Replace about a third of the values by others of any type."""

    def corrupt(body: bytes) -> tuple[bytes, str]:
        chance = random.Random(seed)  # noqa: S311 - repeats itself, guards nothing

        def spoil(value: Any) -> Any:
            if chance.random() < 0.3:
                return chance.choice(ODD_VALUES)
            if isinstance(value, dict):
                return {name: spoil(part) for name, part in value.items()}
            return [spoil(part) for part in value] if isinstance(value, list) else value

        return json.dumps(spoil(_read(body))).encode(), JSON

    return corrupt


def _odd_texts(body: bytes) -> tuple[bytes, str]:
    chance = random.Random(7)  # noqa: S311 - as above

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: spoil(part) for name, part in value.items()}
        if isinstance(value, list):
            return [spoil(part) for part in value]
        return chance.choice(ODD_TEXTS) if isinstance(value, str) else value

    return json.dumps(spoil(_read(body))).encode(), JSON


def _duplicate_keys(body: bytes) -> tuple[bytes, str]:
    """Name every key twice, the second time with another value."""

    def say(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ",".join(f"{json.dumps(k)}:{say(v)},{json.dumps(k)}:null" for k, v in value.items()) + "}"
        return "[" + ",".join(map(say, value)) + "]" if isinstance(value, list) else json.dumps(value)

    return say(_read(body)).encode(), JSON


def _huge(body: bytes) -> tuple[bytes, str]:
    """Add a text of megabytes to every object."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{name: spoil(part) for name, part in value.items()}, "more": "x" * 300_000}
        return [spoil(part) for part in value[:5]] if isinstance(value, list) else value

    return json.dumps(spoil(_read(body))).encode(), JSON


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


UNREADABLE: dict[str, Corrupt] = {
    "truncated JSON": lambda body: (body[: len(body) // 2], JSON),
    "nothing": lambda body: (b"", JSON),
    "HTML": lambda body: (b"<!DOCTYPE html><html><body>Service unavailable</body></html>", "text/html"),
    "HTML that says it is JSON": lambda body: (b"<html></html>", JSON),
    "another content type": lambda body: (body, "text/plain"),
    "not UTF-8": lambda body: (b'{"value":"\xff\xfe"}' + body, JSON),
    "two documents": lambda body: (body + body, JSON),
    "nested too deep": lambda body: (b"[" * 200_000, JSON),
    "NaN": lambda body: (b'{"value": NaN, "id": Infinity}', JSON),
}
"""Nothing can be made of these: an operation that needs the answer must raise."""
ODD: dict[str, Corrupt] = {
    **{f"wrong types {seed}": _wrong_types(seed) for seed in range(4)},
    "odd texts": _odd_texts,
    "duplicate keys": _duplicate_keys,
    "huge": _huge,
    "an array around it": lambda body: (b"[" + (body or b"null") + b"]", JSON),
    "null": lambda body: (b"null", JSON),
    "a number": lambda body: (b"42", JSON),
    "a text": lambda body: (b'"text"', JSON),
    "an empty object": lambda body: (b"{}", JSON),
    "an empty array": lambda body: (b"[]", JSON),
    "a huge number": lambda body: (b'{"id": 1' + b"0" * 5000 + b"}", JSON),
}
"""These can be read: what they say may be believed or refused, but in our words."""
