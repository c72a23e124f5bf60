"""What the application asks of every vendor: a new PSA is a folder whose routes fulfil this."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from ops.sandbox.http import Answer, Headers, Request, json_answer


class RefusalError(Exception):
    """A vendor's no, with its status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body

    def answer(self) -> Answer:
        """The answer."""
        return json_answer(self.body, self.status)


def unhurried() -> AbstractContextManager[float]:
    """A place among the requests under way, of a vendor that neither counts nor slows them."""
    return nullcontext(0.0)


class Vendor(Protocol):
    """One vendor's interface. Answers are computed without waiting, so each request is one step."""

    name: str

    def handles(self, path: str) -> bool:
        """Whether the path belongs to this vendor."""

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters."""

    def tenant_of(self, request: Request) -> str | None:
        """The tenant that the request is about, for faults."""

    def place(self, request: Request) -> AbstractContextManager[float]:
        """Take a place among the requests under way; gives the seconds by which the vendor slows this one."""

    def respond(self, request: Request) -> Answer:
        """Answer one request."""

    def error(self, request: Request, status: int) -> Answer:
        """A failure in the vendor's own shape, for faults."""

    def throttled(self, request: Request, headers: Headers) -> Answer:
        """A 429 in the vendor's own shape."""
