"""One deadline over all phases of an exchange, and a bound to what is read: httpx has limits for single phases only."""

import math
from collections.abc import Callable
from typing import Any

import httpx

from adapters.answers import AnswerTooLargeError

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024  # 1,000 fat contacts stay below 10 MB


class Remaining(dict[str, float | None]):
    """The `timeout` extension of a request: httpcore asks it before each phase, and it answers with what is left."""

    def __init__(self, timeout: httpx.Timeout, *, deadline: float, now: Callable[[], float]) -> None:
        """Keep the phases' own limits and the time by which all must be over."""
        super().__init__(timeout.as_dict())
        self._deadline = deadline
        self._now = now

    @property
    def seconds(self) -> float:
        """What is left; negative once it is over."""
        return self._deadline - self._now()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the phase's limit, or what is left if that is less; never 0, which sockets take for "do not wait".

        Raises httpx.ConnectTimeout if the time is over before anything is sent: after a pause nothing is sent late."""
        if key in ("connect", "pool", "write") and self.seconds <= 0:
            raise httpx.ConnectTimeout("the deadline has passed")
        limit = super().get(key, default)
        return max(0.001, min(math.inf if limit is None else limit, self.seconds))


def read_within(remaining: Remaining, response: httpx.Response) -> httpx.Response:
    """Read a streamed answer and return it whole and decoded. Raises httpx.ReadTimeout, AnswerTooLargeError."""
    chunks: list[bytes] = []
    size = 0
    try:
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > ANSWER_LIMIT_BYTES:
                raise AnswerTooLargeError
            if remaining.seconds < 0:
                raise httpx.ReadTimeout("the answer drips", request=response.request)
            chunks.append(chunk)
    finally:
        response.close()
    decoded = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in decoded]
    return httpx.Response(response.status_code, headers=headers, content=b"".join(chunks), request=response.request)
