"""Plans that are kept in a closed run's report: their lines, and the digest by which one is known. Pure."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

__all__ = ["PlanDigest", "digest_of", "kind_of"]

Json = dict[str, Any]

KINDS = ("created", "updated", "held")
"""The kinds of report rows that can be lines; a line has a fingerprint and an operation beside what its kind has."""


class PlanDigest:
    """A digest over lines, each kind's in their order; the kinds may come mixed."""

    def __init__(self) -> None:
        """Begin without lines."""
        self._lines = 0
        self._digests = {kind: sha256() for kind in KINDS}

    def add(self, kind: str, row: Mapping[str, Any]) -> None:
        """Take in a line."""
        self._lines += 1
        self._digests[kind].update(json.dumps(row, sort_keys=True).encode() + b"\n")

    def facts(self) -> Json:
        """Return the number of lines and the digest, hexadecimal."""
        whole = sha256("".join(f"{kind} {each.hexdigest()}\n" for kind, each in self._digests.items()).encode())
        return {"lines": self._lines, "digest": whole.hexdigest()}


def digest_of(lines: Iterable[Mapping[str, Any]]) -> Json:
    """Return number and digest of a plan's lines."""
    digest = PlanDigest()
    for line in lines:
        digest.add(kind_of(line), line)
    return digest.facts()


def kind_of(line: Mapping[str, Any]) -> str:
    """Name the kind of report row that a line is."""
    return "held" if "kinds" in line else str(line["status"])
