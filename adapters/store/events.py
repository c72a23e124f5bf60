"""What changed in the directories and who has it in hand; the subscriptions that tell of it; when polls were made."""

import json
from collections.abc import Sequence

from adapters.records import Run, Subscribed, Taken
from adapters.store.connection import Connection, text
from adapters.store.runs import encode_run

USERS_HERE = "@"  # stands in a run's request where the users that it takes belong; no user has that name


class Events:
    """Changed users that wait for a run, subscriptions by connector and by id, signals, polls."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection; every method is one step."""
        self._connection = connection
        self._keys = connection.keys

    # --- changed users ---

    def receive(self, connector_id: str, user_ids: Sequence[str], *, gather_s: float, window_s: float) -> float | None:
        """Note changed users; return in how many seconds a run may take them, None if that was told before."""
        keys = {
            "changed": self._keys.changed(connector_id),
            "changes_due": self._keys.changes_due,
            "changes_taken": self._keys.changes_taken,
        }
        args = {"connector_id": connector_id, "gather_ms": _ms(gather_s), "window_ms": _ms(window_s)}
        wait_ms = self._connection.call("changes_receive", keys=keys, args=args, rest=list(user_ids))
        return None if wait_ms is None else int(wait_ms) / 1000

    def take(self, run: Run, *, most_users: int, most_runs: int, window_s: float) -> Taken:
        """Write this run as requested for the users that are due, and take them off the waiting ones, in one step.

        A user that an open event run has stays until that one is closed. Without a user to take, no run is written."""
        fields = encode_run(run)
        head, _, tail = fields.pop("request").partition(json.dumps(USERS_HERE))
        keys = {
            **self._keys.run_parts(run.run_id),
            "marker": self._keys.marker(run.run_id),
            "report": self._keys.report(run.run_id),
            "open": self._keys.open,
            "changed": self._keys.changed(run.connector_id),
            "in_runs": self._keys.changed_in_runs(run.connector_id),
            "changes_due": self._keys.changes_due,
            "changes_taken": self._keys.changes_taken,
        }
        args = {
            "run_id": run.run_id,
            "connector_id": run.connector_id,
            "most_users": most_users,
            "most_runs": most_runs,
            "window_ms": _ms(window_s),
            "request_head": head,
            "request_tail": tail,
        }
        rest = [item for pair in fields.items() for item in pair]
        users, again_ms = self._connection.call("changes_take", keys=keys, args=args, rest=rest)
        return Taken(users=int(users), again_in_s=None if int(again_ms) < 0 else int(again_ms) / 1000)

    def overdue(self, *, limit: int, grace_s: float) -> list[str]:
        """Name connectors whose changed users should have been taken so many seconds ago."""
        till = self._connection.now_ms() - _ms(grace_s)
        found = self._connection.client.zrangebyscore(self._keys.changes_due, "-inf", till, start=0, num=limit)
        return [text(connector_id) for connector_id in found]

    def postpone(self, connector_id: str, *, seconds: float) -> None:
        """Let a connector's changed users wait some more."""
        due = self._connection.now_ms() + _ms(seconds)
        self._connection.client.zadd(self._keys.changes_due, {connector_id: due}, xx=True)

    def forget_changes(self, connector_id: str) -> None:
        """Drop a connector's changed users: nobody wants them."""
        with self._connection.pipeline() as pipe:
            pipe.zrem(self._keys.changes_due, connector_id)
            pipe.unlink(self._keys.changed(connector_id), self._keys.changed_in_runs(connector_id))
            pipe.execute()

    def waiting_changes(self, connector_id: str) -> int:
        """Count changed users that no run has taken."""
        return int(self._connection.client.zcard(self._keys.changed(connector_id)))

    # --- subscriptions ---

    def subscription(self, connector_id: str) -> Subscribed | None:
        """Return what is known of a connector's subscription."""
        found = self._connection.client.hget(self._keys.subscriptions, connector_id)
        return None if found is None else Subscribed.model_validate_json(found)

    def subscriptions(self) -> dict[str, Subscribed]:
        """Return what is known of every connector's subscription."""
        found = self._connection.client.hgetall(self._keys.subscriptions)
        return {text(connector_id): Subscribed.model_validate_json(state) for connector_id, state in found.items()}

    def known(self, subscription_ids: Sequence[str]) -> dict[str, Subscribed]:
        """Return the subscriptions of these ids that are ours."""
        if not subscription_ids:
            return {}
        owners = self._connection.client.hmget(self._keys.subscribed, subscription_ids)
        wanted = {text(owner) for owner in owners if owner is not None}
        if not wanted:
            return {}
        states = self._connection.client.hmget(self._keys.subscriptions, sorted(wanted))
        ours = [Subscribed.model_validate_json(state) for state in states if state is not None]
        return {state.subscription_id: state for state in ours if state.subscription_id in set(subscription_ids)}

    def save_subscription(self, state: Subscribed) -> None:
        """Keep a connector's subscription; the one before it is no longer ours."""
        self._save(state.connector_id, state.model_dump_json(), state.subscription_id)

    def forget_subscription(self, connector_id: str) -> None:
        """Forget a connector's subscription and its signals."""
        self._save(connector_id, "", "")
        for event in self.signals(connector_id):
            self._connection.client.hdel(self._keys.signals, _signal(connector_id, event))

    def signal(self, connector_id: str, event: str) -> bool:
        """Note news of a subscription; False if the same waits already."""
        at_ms = self._connection.now_ms()
        return bool(self._connection.client.hset(self._keys.signals, _signal(connector_id, event), str(at_ms)))

    def signals(self, connector_id: str) -> dict[str, int]:
        """Return the news of a connector's subscription that nobody has dealt with, and when each came."""
        found = self._connection.client.hgetall(self._keys.signals)
        named = {tuple(text(name).split("\n")): int(at_ms) for name, at_ms in found.items()}
        return {event: at_ms for (owner, event), at_ms in named.items() if owner == connector_id}

    def signalled(self) -> set[str]:
        """Name the connectors of whose subscription there is news."""
        return {text(name).partition("\n")[0] for name in self._connection.client.hkeys(self._keys.signals)}

    def clear_signal(self, connector_id: str, event: str, *, at_ms: int) -> None:
        """Forget news that was dealt with, unless it has come again since."""
        args = {"signal": _signal(connector_id, event), "at_ms": at_ms}
        self._connection.call("signal_clear", keys={"signals": self._keys.signals}, args=args)

    # --- polls, and who does something alone ---

    def last_poll(self, connector_id: str) -> int | None:
        """Return when a connector's changes were last asked for (ms)."""
        found = self._connection.client.hget(self._keys.polls, connector_id)
        return None if found is None else int(found)

    def mark_poll(self, connector_id: str, *, at_ms: int) -> None:
        """Remember when a connector's changes were asked for."""
        self._connection.client.hset(self._keys.polls, connector_id, str(at_ms))

    def busy_with(self, connector_id: str) -> set[str]:
        """Return what asked for the runs over the whole tenant that go on or wait for their turn: their triggers."""
        run_ids = self._connection.client.zrange(self._keys.open, 0, -1)
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.hmget(self._keys.run_parts(text(run_id))["run"], ["connector_id", "lane", "trigger"])
            found = pipe.execute()
        ours = [connector_id.encode(), b"bulk"]
        return {text(trigger) for *whose, trigger in found if whose == ours and trigger is not None}

    def take_turn(self, owner: str, name: str, *, holder: str, seconds: float) -> bool:
        """Be the only one who does this, for so long at most and only while our process is alive."""
        keys = {"turn": self._keys.turn(owner, name), "beats": self._keys.beats}
        return bool(self._connection.call("turn_take", keys=keys, args={"holder": holder, "most_ms": _ms(seconds)}))

    def leave_turn(self, owner: str, name: str, *, holder: str) -> None:
        """Let the next one do it."""
        self._connection.call("turn_leave", keys={"turn": self._keys.turn(owner, name)}, args={"holder": holder})

    def _save(self, connector_id: str, state: str, subscription_id: str) -> None:
        keys = {"subscriptions": self._keys.subscriptions, "subscribed": self._keys.subscribed}
        args = {"connector_id": connector_id, "state": state, "subscription_id": subscription_id}
        self._connection.call("subscription_save", keys=keys, args=args)


def _signal(connector_id: str, event: str) -> str:
    return f"{connector_id}\n{event}"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
