"""The clock of the host that workers and beats run on, for trials in which it steps.

Whatever reads `time.time` in them goes by it: the age of a delivery at the broker, tokens, logs. `datetime` does not.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

STEPPED = struct.Struct("d")


class HostClock:
    """A file that says by how many seconds the clock is off; all processes of a ground read it."""

    def __init__(self, path: Path) -> None:
        """Make the file: the clock is right."""
        self.path = path
        path.write_bytes(STEPPED.pack(0.0))

    def step(self, seconds: float) -> None:
        """Put the clock off by so much; 0: right again."""
        with self.path.open("r+b") as file:
            file.write(STEPPED.pack(seconds))


def install(path: Path) -> None:
    """Let this process and its children go by that clock; after everything is imported."""
    real = time.time
    with path.open("r+b") as file:
        off = mmap.mmap(file.fileno(), STEPPED.size)

    def stepped() -> float:
        return real() + float(STEPPED.unpack(off[:])[0])

    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is real:
                setattr(module, name, stepped)
