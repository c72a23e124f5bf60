"""How a command ends: the exit codes, and the error that ends it with one of them."""

from enum import IntEnum

__all__ = ["Exit", "Refusal"]


class Exit(IntEnum):
    """The exit codes; users' automations depend on them."""

    SUCCESS = 0
    ERRORS = 1  # the run had errors
    USAGE = 2  # usage or configuration
    HELD = 3  # held or cancelled
    NOT_RUN = 4  # connector busy, no worker, no store, credentials
    INTERRUPTED = 130  # Ctrl-C: the waiting ended, the run goes on


class Refusal(Exception):  # noqa: N818 - not a failure: the command says why it does not go on
    """Ends the command with a reason, a hint on what to do, and an exit code."""

    def __init__(self, reason: str, *, hint: str | None = None, code: Exit = Exit.USAGE) -> None:
        """Keep what is printed and the code."""
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.code = code
