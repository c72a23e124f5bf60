"""What a crash left: dead workers' users, users and runs past their due time, batches that nobody sealed."""

from typing import Any, cast

from adapters.records import Member, Run
from adapters.store.connection import Connection, text
from adapters.store.runs import decode_run


class Recovery:
    """The reconciler's view of the ledger."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys

    def take_turn(self, *, holder: str, seconds: float) -> bool:
        """Take the reconciler's short lock; it runs out by itself."""
        return bool(self._connection.client.set(self._keys.reconciler, holder, nx=True, px=int(seconds * 1000)))

    def bury_workers(self) -> list[str]:
        """Make every user that a dead worker was at due at once; returns the dead incarnations, each once."""
        now_ms = self._connection.now_ms()
        beats = self._connection.client.hgetall(self._keys.beats)
        buried = []
        for incarnation in (text(name) for name, until_ms in beats.items() if int(until_ms) <= now_ms):
            keys = {
                "beats": self._keys.beats,
                "calls_taken": self._keys.calls_taken,
                "working": self._keys.working(incarnation),
                "due": self._keys.due,
            }
            if self._connection.call("worker_bury", keys=keys, args={"incarnation": incarnation}):
                buried.append(incarnation)
        return buried

    def overdue_users(self, *, limit: int, grace_s: float) -> list[Member]:
        """Name frozen users without outcome whose due time has passed; puts it `grace_s` ahead in the same step."""
        places = [entry.partition("\n")[::2] for entry in self._take(self._keys.due, limit=limit, grace_s=grace_s)]
        with self._connection.pipeline() as pipe:
            for run_id, user_id in places:
                parts = self._keys.run_parts(run_id)
                pipe.hget(parts["members"], user_id)
                pipe.hget(parts["run"], "lane")
            found = pipe.execute() if places else []
        members = []
        for (run_id, user_id), value, lane in zip(places, found[::2], found[1::2], strict=True):
            if value is None or lane is None:
                self._forget(run_id, user_id)
                continue
            batch_id, index, *_, name = text(value).split("\n", 6)
            members.append(
                Member(
                    run_id=run_id,
                    batch_id=batch_id,
                    index=int(index),
                    user_id=user_id,
                    name=name,
                    lane=cast("Any", text(lane)),
                )
            )
        return members

    def overdue_runs(self, *, limit: int, grace_s: float) -> list[Run]:
        """Name open runs whose due time has passed; puts it `grace_s` ahead in the same step.

        Their leases need no renewal: a connector's lease stands as long as its run is open."""
        run_ids = self._take(self._keys.open, limit=limit, grace_s=grace_s)
        with self._connection.pipeline() as pipe:
            for run_id in run_ids:
                pipe.hgetall(self._keys.run_parts(run_id)["run"])
            found = pipe.execute() if run_ids else []
        return [run for run in map(decode_run, found) if run is not None]

    def stale_batches(self, *, older_s: float) -> list[tuple[str, str]]:
        """Name batches whose members all have outcomes but that are not sealed since so many seconds: (run, batch)."""
        args = {"older_ms": int(older_s * 1000)}
        found = self._connection.call("batches_stale", keys={"done": self._keys.done}, args=args)
        return [(run_id, batch_id) for run_id, _, batch_id in (text(entry).partition("\n") for entry in found)]

    def hungry_lanes(self) -> list[tuple[str, str]]:
        """Name (instance, lane) pairs with a spool that is not empty."""
        found = self._connection.client.smembers(self._keys.lanes)
        return sorted((instance, lane) for instance, _, lane in (text(entry).rpartition("\n") for entry in found))

    def _take(self, waiting: str, *, limit: int, grace_s: float) -> list[str]:
        args = {"most": limit, "grace_ms": int(grace_s * 1000)}
        return [text(entry) for entry in self._connection.call("due_take", keys={"waiting": waiting}, args=args)]

    def _forget(self, run_id: str, user_id: str) -> None:
        keys = {**self._keys.run_parts(run_id), "due": self._keys.due}
        self._connection.call("due_forget", keys=keys, args={"run_id": run_id, "user": user_id})
