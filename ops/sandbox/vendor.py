"""What the application asks of every vendor: a new PSA is a folder whose routes fulfil this."""

from typing import Protocol

from ops.sandbox.http import Answer, Headers, Request


class Vendor(Protocol):
    """One vendor's interface. Answers are computed without waiting, so each request is one step."""

    name: str

    def handles(self, path: str) -> bool:
        """Whether the path belongs to this vendor."""

    def endpoint(self, request: Request) -> str:
        """The template of the path, for counters."""

    def tenant_of(self, request: Request) -> str | None:
        """The tenant that the request is about, for faults."""

    def respond(self, request: Request) -> Answer:
        """Answer one request."""

    def error(self, request: Request, status: int) -> Answer:
        """A failure in the vendor's own shape, for faults."""

    def throttled(self, request: Request, headers: Headers) -> Answer:
        """A 429 in the vendor's own shape."""
