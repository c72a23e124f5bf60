"""HTTP/1.1 for callers that say what they want soon: who holds a place and is silent, or drips, loses it.

Uvicorn limits how many connections there are and how long one may idle between requests, but not how long a request's
head may take; a body's time is limited where it is read (`worker.api.bodies`).
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

SLOWEST_HEAD_S = 10.0


class PunctualProtocol(H11Protocol):
    """One connection: closed unless a whole head has come within SLOWEST_HEAD_S of its beginning."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Wait for nobody yet."""
        super().__init__(*arguments, **options)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head from its first byte on, and no longer once it is there."""
        if not self._is_answering:
            self._wait()
        super().data_received(data)
        if self._is_answering:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait_no_more()
        super().connection_lost(exc)

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn declares it as if there were always one
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(SLOWEST_HEAD_S, self._give_up)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        if not self._is_answering and not self.transport.is_closing():
            self.transport.close()
