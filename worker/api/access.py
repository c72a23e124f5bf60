"""Who may call: bearer tokens by name, what each may do, and whose connectors it sees."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from fastapi import Request

from worker.api.problems import ProblemError
from worker.configuration import ApiSection

Scope = Literal["read", "run", "approve"]
IMPLIED: Mapping[Scope, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "run": frozenset({"read", "run"}),
    "approve": frozenset({"read", "run", "approve"}),
}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="contact-sync"'}


@dataclass(frozen=True)
class Caller:
    """Whose token it is. A connector that the token may not see does not exist for it."""

    name: str
    scopes: frozenset[Scope]
    connectors: frozenset[str] = frozenset()  # none: all

    def sees(self, connector_id: str) -> bool:
        """Tell whether this connector exists for the caller."""
        return not self.connectors or connector_id in self.connectors


class Access:
    """Checks the tokens of [api.tokens.NAME]. Without any, only an installation in development is open."""

    def __init__(self, section: ApiSection, *, is_open: bool = False) -> None:
        """Keep digests alone: the comparison then takes the same time for every token."""
        self._callers = [
            (
                _digest(token.token.get_secret_value()),
                Caller(name, scopes=IMPLIED[token.allow], connectors=frozenset(token.connectors)),
            )
            for name, token in section.tokens.items()
        ]
        self._is_open = is_open and not self._callers

    def caller(self, request: Request, scope: Scope) -> Caller:
        """Return who calls. Raises ProblemError: 401 without a token that we know, 403 if it may not do this."""
        found = Caller("anybody", scopes=IMPLIED["approve"]) if self._is_open else self._find(request)
        if found is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer TOKEN, of [api.tokens]", **CHALLENGE
            )
        if scope not in found.scopes:
            raise ProblemError(HTTPStatus.FORBIDDEN, f"token {found.name} may not {scope}: see its `allow`")
        return found

    def _find(self, request: Request) -> Caller | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        sent, found = _digest(token.strip()), None
        for digest, caller in self._callers:
            if hmac.compare_digest(sent, digest):
                found = caller
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
