"""Ctrl-C and SIGTERM of a foreground command: the first asks to stop, the second is in a hurry."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interruptions"]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """While the block lasts, signals set events instead of ending the process. In the main thread only."""

    def __init__(self) -> None:
        """Nothing has been asked yet."""
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        self._before = {number: signal.signal(number, self._asked) for number in STOPPING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()
