"""Work that one worker at a time may do for a run: loading its index, judging it."""

from collections.abc import Iterator
from contextlib import contextmanager

BUSY_WAIT_S = 5.0  # until a worker that found another one at it comes back to see


class TakenOverError(Exception):
    """Another worker took this one for dead and has begun anew: come back and see."""


@contextmanager
def while_held() -> Iterator[None]:
    """Take the store's word that the work has another holder. Raises TakenOverError."""
    try:
        yield
    except LookupError as error:
        raise TakenOverError from error
