"""Where alerts go in tests: a list; targets that take nothing on demand."""

from adapters.errors import TransientError


class FakeNotifier:
    """Satisfies ports.Notifier. `sent` holds (target, title, body); a target that is `deaf` takes nothing."""

    def __init__(self, *targets: str) -> None:
        """Have these targets."""
        self.targets: tuple[str, ...] = targets or ("chat",)
        self.sent: list[tuple[str, str, str]] = []
        self.deaf: set[str] = set()
        self.pings = 0

    @property
    def titles(self) -> list[str]:
        """The titles of what was sent."""
        return [title for _, title, _ in self.sent]

    def send(self, target: str, *, title: str, body: str) -> None:
        """Take a message."""
        if target in self.deaf:
            raise TransientError("not_delivered", vendor="notify")
        self.sent.append((target, title, body))

    def ping(self) -> None:
        """Count."""
        self.pings += 1
