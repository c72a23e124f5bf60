"""The judged plan of a run: written by one holder, sealed, then frozen batch by batch in fair turns between runs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from adapters.records import Batch, Member, Outcome, Planned
from adapters.store.connection import Connection, text
from adapters.store.outcomes import encode_outcome, held_event, is_plain_skip
from adapters.store.packing import pack, unpack
from adapters.store.rows import CHUNK_ROWS, seal_rows
from adapters.store.runs import DRAIN_AT_ONCE, decode_run, lane_name
from adapters.store.timing import StoreTiming

Json = dict[str, Any]
Sealed = Literal["again", "done", "last"]

SUSPECTS = 2000  # users; more than any budget lets through in the two seconds that `appendfsync everysec` may lose
HELD_BY_ANOTHER = "another holder judges this run"
STATUSES = ("created", "updated", "skipped", "error", "unprocessed")


class Plan:
    """Spool, batches and counters."""

    def __init__(self, connection: Connection, *, timing: StoreTiming) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys
        self._timing = timing

    def reset(self, run_id: str, *, holder: str) -> bool:
        """Start the plan over under this holder; False if another live holder is judging, or the run is not judged."""
        keys = {**self._keys.run_parts(run_id), "beats": self._keys.beats}
        args = {"holder": holder, "lapse_ms": int(self._timing.loading_s * 1000)}
        return bool(self._connection.call("plan_reset", keys=keys, args=args))

    def add(self, run_id: str, *, holder: str, planned: Sequence[Planned], outcomes: Sequence[Outcome]) -> None:
        """Append users to the spool, and outcomes that are known without a write. Raises LookupError if it was lost.

        A skipped user without row and warning is only counted; links are the caller's to save. Not repeatable: after
        a lost answer start over by `reset`."""
        values: list[str | bytes] = []
        for one in planned:
            blob = one.model_dump_json(by_alias=True, exclude_unset=True)
            values += [one.user.id, one.user.user_principal_name or one.user.id, pack(blob.encode())]
        skipped = [outcome.user_id for outcome in outcomes if is_plain_skip(outcome)]
        results = [held_event(encode_outcome(outcome)) for outcome in outcomes if not is_plain_skip(outcome)]
        self._add(run_id, holder, planned=len(planned), results=results, skipped=len(skipped), rest=[*values, *skipped])
        if any(outcome.row for outcome in outcomes):
            seal_rows(self._connection, run_id, fewest=CHUNK_ROWS)

    def exclude(self, run_id: str, *, holder: str, rows: Sequence[Json]) -> None:
        """Append rows of users that are out of scope; cleared by `reset`. Raises LookupError if the plan was lost."""
        self.add_rows(run_id, holder=holder, rows={"excluded": rows})

    def add_rows(self, run_id: str, *, holder: str, rows: Mapping[str, Sequence[Json]]) -> None:
        """Append rows of users that are counted nowhere, by kind (`ROW_KINDS`). Raises LookupError as `add`."""
        noted = [[kind, row.get("office365_id") or "", json.dumps(row)] for kind, some in rows.items() for row in some]
        self._add(run_id, holder, noted=noted)
        seal_rows(self._connection, run_id, fewest=CHUNK_ROWS)

    def take(self, run_id: str, *, holder: str, most: int) -> list[Planned]:
        """Pop up to so many users off a spool that is not sealed. Raises LookupError as `add`."""
        args = {"holder": holder, "most": most}
        answer = self._connection.call("plan_take", keys=self._keys.run_parts(run_id), args=args)
        if answer is None:
            raise LookupError(HELD_BY_ANOTHER)
        return [Planned.model_validate_json(unpack(blob)) for blob in answer]

    def waiting(self, run_id: str) -> int:
        """Count the users in the spool."""
        return int(self._connection.client.llen(self._keys.run_parts(run_id)["spool"]))

    def _add(
        self,
        run_id: str,
        holder: str,
        *,
        planned: int = 0,
        results: Sequence[Json] = (),
        skipped: int = 0,
        noted: Sequence[Sequence[str]] = (),
        rest: Sequence[str | bytes] = (),
    ) -> None:
        parts = self._keys.run_parts(run_id)
        connector_id, home = map(text, self._connection.client.hmget(parts["run"], ["connector_id", "home"]))
        keys = {**parts, "standing": self._keys.unfinished(connector_id), "history": self._keys.history(home)}
        args = {
            "run_id": run_id,
            "holder": holder,
            "planned": planned,
            "results": json.dumps(results),
            "skipped": skipped,
            "noted": json.dumps(noted),
        }
        if not self._connection.call("plan_add", keys=keys, args=args, rest=rest):
            raise LookupError(HELD_BY_ANOTHER)

    def seal(self, run_id: str, *, holder: str) -> bool:
        """Take JUDGING to WRITING and give the run its turn in its instance and lane. True also for a repeat."""
        run = decode_run(self._connection.client.hgetall(self._keys.run_parts(run_id)["run"]))
        if run is None:
            return False
        args = {"run_id": run_id, "holder": holder, "lane_name": lane_name(run.instance, run.lane)}
        return bool(self._connection.call("plan_seal", keys=self._lane_keys(run_id, run.instance, run.lane), args=args))

    def release(self, run_id: str, *, holder: str) -> None:
        """Give up a plan that is not sealed, so that the next judge need not wait for this holder to lapse."""
        args = {"what": "plan", "holder": holder}
        self._connection.call("holder_release", keys=self._keys.run_parts(run_id), args=args)

    def freeze_batch(self, instance: str, *, lane: str, size: int, window: int) -> Batch | None:
        """Pop up to `size` users off the next run's spool and freeze them as a batch, in one step.

        A batch is smaller where the window or the spool has less. None if nothing waits or the window is full."""
        args = {
            "lane_name": lane_name(instance, lane),
            "size": size,
            "window": window,
            "due_ms": int(self._timing.first_due_s * 1000),
            "settle_ms": int(self._timing.settle_s * 1000),
            "suspects": SUSPECTS,
            "drain_most": DRAIN_AT_ONCE,
        }
        while (head := self._connection.client.lindex(self._keys.turns(instance, lane), 0)) is not None:
            run_id = text(head)
            keys = self._lane_keys(run_id, instance, lane)
            answer = self._connection.call("plan_freeze", keys=keys, args={**args, "run_id": run_id})
            if answer is None:
                return None
            if answer != b"again":
                return _batch(run_id, lane, answer)
        return None

    def has_room(self, instance: str, *, lane: str, size: int, window: int) -> bool:
        """Tell whether a batch of that size waits (or the last, smaller one) and would fit the window; cheap."""
        waiting, pending = self._connection.client.hmget(self._keys.lane(instance, lane), ["waiting", "pending"])
        waiting, pending = int(waiting or 0), int(pending or 0)
        return waiting > 0 and pending + min(size, waiting) <= window

    def summarize_batch(self, run_id: str, batch_id: str) -> Sealed | None:
        """Seal a batch: "again" if a member has no outcome, "last" if the whole run is complete. Repeatable."""
        keys = {**self._keys.run_parts(run_id), **self._keys.journal_parts(run_id), "done": self._keys.done}
        answer = self._connection.call("plan_summarize", keys=keys, args={"run_id": run_id, "batch": batch_id})
        if answer is None:
            return None
        if any(int(length) >= CHUNK_ROWS for length in answer[2::2]):
            seal_rows(self._connection, run_id, fewest=CHUNK_ROWS)
        return cast("Sealed", text(answer[0]))

    def is_complete(self, run_id: str) -> bool:
        """Tell whether the spool is empty and every frozen member has an outcome."""
        parts = self._keys.run_parts(run_id)
        with self._connection.pipeline() as pipe:
            pipe.hmget(parts["run"], ["state", "pending"])
            pipe.exists(parts["spool"])
            (state, pending), waiting = pipe.execute()
        return state == b"writing" and not int(pending or 0) and not waiting

    def counts(self, run_id: str) -> dict[str, int]:
        """Count distinct users by outcome status, and "excluded", "warnings", "held", "deactivated"."""
        found = self._connection.client.hgetall(self._keys.run_parts(run_id)["counts"])
        counted = {text(name): int(value) for name, value in found.items()}
        users = {name: counted.get(name, 0) for name in (*STATUSES, "deactivated")}
        return users | {kind: counted.get(f"rows.{kind}", 0) for kind in ("excluded", "warnings", "held")}

    def _lane_keys(self, run_id: str, instance: str, lane: str) -> dict[str, str]:
        keys = self._keys
        return {
            **keys.run_parts(run_id),
            "lane": keys.lane(instance, lane),
            "turns": keys.turns(instance, lane),
            "lanes": keys.lanes,
            "due": keys.due,
            "server": keys.server,
        }


def _batch(run_id: str, lane: str, answer: list[Any]) -> Batch:
    batch_id = text(answer[0])
    members = []
    for index, entry in enumerate(answer[1]):
        user_id, _, name = text(entry).partition("\n")
        members.append(
            Member(run_id=run_id, batch_id=batch_id, index=index, user_id=user_id, name=name, lane=cast("Any", lane))
        )
    return Batch(run_id=run_id, batch_id=batch_id, members=tuple(members))
