"""An operation of an adapter, recorded against the sandbox once and then answered from memory, one answer corrupted."""

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.transport import Transport

ROOT = Path(__file__).parents[3]
Key = tuple[str, str, bytes]
Site = tuple[str, int]
"""A place in an adapter that sends: file and line."""
DOORS = ("get", "query", "send")

Corrupt = Callable[[bytes], tuple[bytes, str]]
"""Makes a body and its content type of a good answer's body."""


def sending_sites() -> set[Site]:
    """Find every call of a transport in the vendors' adapters: it names its endpoint."""
    found: set[Site] = set()
    for folder in ("autotask", "connectwise", "graph", "halo"):
        for path in (ROOT / "adapters" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _is_sending(node):
                    found.add((f"{folder}/{path.name}", node.lineno))
    return found


def _is_sending(node: ast.Call) -> bool:
    names_endpoint = any(word.arg == "endpoint" for word in node.keywords)
    return isinstance(node.func, ast.Attribute) and node.func.attr in DOORS and names_endpoint


class Visited:
    """Which endpoints and which places in the code an operation used; watches the transport while it is `watching`."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.sites: set[Site] = set()
        self.endpoint = ""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch every transport of this process for as long as the block lasts; none waits between two attempts."""
        with pytest.MonkeyPatch.context() as patch:
            for door in DOORS:
                patch.setattr(Transport, door, self._noting(getattr(Transport, door)))
            patch.setattr(Transport, "_exchange", self._naming(Transport._exchange))
            yield

    def _noting(self, door: Callable[..., Any]) -> Callable[..., Any]:
        def noting(transport: Transport, *args: Any, **options: Any) -> Any:
            frame = sys._getframe(1)
            path = Path(frame.f_code.co_filename)
            self.sites.add((f"{path.parent.name}/{path.name}", frame.f_lineno))
            transport._sleep = lambda seconds: None
            return door(transport, *args, **options)

        return noting

    def _naming(self, exchange: Callable[..., Any]) -> Callable[..., Any]:
        def naming(transport: Transport, request: httpx.Request, *, call: Any, is_own: bool) -> Any:
            self.endpoint = f"{call.method} {call.endpoint}" if is_own else "token"
            return exchange(transport, request, call=call, is_own=is_own)

        return naming


class Tape:
    """What was answered to an operation, in order, with the endpoints that were asked."""

    def __init__(self) -> None:
        """Be empty."""
        self.answers: dict[Key, list[httpx.Response]] = defaultdict(list)
        self.endpoints: list[str] = []


class Recorder(httpx.BaseTransport):
    """Lets every request through and keeps its answer on the tape."""

    def __init__(self, inner: httpx.BaseTransport, visited: Visited) -> None:
        """Start a tape."""
        self._inner = inner
        self._visited = visited
        self.tape = Tape()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the sandbox."""
        answer = self._inner.handle_request(request)
        answer.read()
        kept = httpx.Response(
            answer.status_code, headers=_plain(answer.headers), content=answer.content, request=request
        )
        self.tape.answers[_key(request)].append(kept)
        self.tape.endpoints.append(self._visited.endpoint)
        return httpx.Response(kept.status_code, headers=kept.headers, content=kept.content)

    def start(self) -> None:
        """Start another tape."""
        self.tape = Tape()


class Replayer(httpx.BaseTransport):
    """Answers from a tape; what one endpoint answers is corrupted. A request that is not on the tape gets a 404."""

    def __init__(self, tape: Tape, visited: Visited, *, endpoint: str, corrupt: Corrupt) -> None:
        """Begin at the tape's beginning."""
        self._tape = tape
        self._visited = visited
        self._endpoint = endpoint
        self._corrupt = corrupt
        self._played: dict[Key, int] = defaultdict(int)
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer; a question that comes again gets its last answer again."""
        self.asked.append(self._visited.endpoint)
        key = _key(request)
        answers = self._tape.answers.get(key)
        if not answers:
            return httpx.Response(404, json={})
        kept = answers[min(self._played[key], len(answers) - 1)]
        self._played[key] += 1
        if self._visited.endpoint != self._endpoint or not kept.is_success:
            return httpx.Response(kept.status_code, headers=kept.headers, content=kept.content)
        body, kind = self._corrupt(kept.content)
        return httpx.Response(kept.status_code, headers={**kept.headers, "content-type": kind}, content=body)


def _key(request: httpx.Request) -> Key:
    """A question is its method and address, and its JSON: a login's form holds the time."""
    is_json = "json" in request.headers.get("content-type", "")
    return request.method, str(request.url), request.read() if is_json else b""


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Drop what the body's present form decides."""
    return {
        name: value
        for name, value in headers.items()
        if name not in {"content-length", "content-encoding", "transfer-encoding"}
    }
