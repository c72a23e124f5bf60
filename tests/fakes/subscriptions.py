"""A tenant's subscriptions in memory, as Graph keeps them for one app. Satisfies `tasks.ports.Subscriptions`."""

from collections import Counter, defaultdict, deque

from adapters.errors import NotFoundError, SyncError
from adapters.records import Subscription

Failures = dict[str, deque[SyncError]]


class FakeSubscriptions:
    """`held` are the subscriptions by id, `states` their secrets; `calls` counts by method, `fail` scripts errors.

    `lose_answer` lets the next creation happen and its answer get lost."""

    def __init__(self) -> None:
        """Hold none."""
        self.held: dict[str, Subscription] = {}
        self.states: dict[str, str] = {}
        self.calls: Counter[str] = Counter()
        self.lose_answer: SyncError | None = None
        self._failures: Failures = defaultdict(deque)
        self._next_number = 1

    def fail(self, method: str, error: SyncError, *, times: int = 1) -> None:
        """Let the next calls of this method raise."""
        self._failures[method].extend([error] * times)

    def create(self, *, url: str, client_state: str, expires_at_ms: int) -> Subscription:
        """Make one."""
        self._call("create")
        subscription_id = f"00000000-0000-4000-9000-{self._next_number:012d}"
        self._next_number += 1
        self.held[subscription_id] = Subscription(id=subscription_id, url=url, expires_at_ms=expires_at_ms)
        self.states[subscription_id] = client_state
        if self.lose_answer is not None:
            error, self.lose_answer = self.lose_answer, None
            raise error
        return self.held[subscription_id]

    def renew(self, subscription_id: str, *, expires_at_ms: int) -> Subscription:
        """Move its end."""
        self._call("renew")
        if subscription_id not in self.held:
            raise NotFoundError("not_found", vendor="graph", status=404)
        renewed = self.held[subscription_id].model_copy(update={"expires_at_ms": expires_at_ms})
        self.held[subscription_id] = renewed
        return renewed

    def fetch_all(self) -> tuple[Subscription, ...]:
        """List them."""
        self._call("fetch_all")
        return tuple(self.held.values())

    def delete(self, subscription_id: str) -> None:
        """End one."""
        self._call("delete")
        self.held.pop(subscription_id, None)

    def _call(self, method: str) -> None:
        self.calls[method] += 1
        if self._failures[method]:
            raise self._failures[method].popleft()
