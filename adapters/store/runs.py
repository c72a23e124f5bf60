"""Runs from request to close. A run is a hash; its notes are fields of their own, so that no two collide."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.records import Run, RunState, Watermark
from adapters.store.connection import Connection, text
from adapters.store.rows import seal_rows
from adapters.store.timing import StoreTiming
from adapters.store.totals import UNWANTED, result_of

Json = dict[str, Any]

NOTE = "note:"
NUMBERS = ("requested_at_ms", "config_version", "started_at_ms", "generation", "index_at_ms")
TEXTS = ("run_id", "connector_id", "instance", "lane", "trigger", "mode", "home", "stopping")
DRAIN_AT_ONCE = 2000  # users; a few milliseconds of the server


class Runs:
    """The run ledger."""

    def __init__(self, connection: Connection, *, timing: StoreTiming) -> None:
        """Keep the connection; every method is atomic by its script."""
        self._connection = connection
        self._keys = connection.keys
        self._timing = timing

    def now_ms(self) -> int:
        """Read the store's clock."""
        return self._connection.now_ms()

    def server_run_id(self) -> str:
        """Return the identity of the running store process; another one after each restart."""
        return self._connection.server_run_id()

    def request_run(self, run: Run, *, tick: tuple[int, int] | None = None) -> bool:
        """Write a run as requested, due at once; with a tick only if the schedule stands at what it expects."""
        fields = [item for pair in encode_run(run).items() for item in pair]
        expected, new = tick if tick is not None else ("", "")
        keys = {
            **self._keys.run_parts(run.run_id),
            "marker": self._keys.marker(run.run_id),
            "report": self._keys.report(run.run_id),
            "open": self._keys.open,
            "ticks": self._keys.ticks,
        }
        args = {"run_id": run.run_id, "connector_id": run.connector_id, "tick_expected": expected, "tick_new": new}
        return bool(self._connection.call("run_request", keys=keys, args=args, rest=fields))

    def request_once(self, run: Run, *, key: str, keep_s: float) -> str:
        """Request a run under an idempotency key; return its id, or that of the run the key was used for before.

        The key is claimed before the run is written: a repeat after a crash between the two writes the same run."""
        keys = {"request": self._keys.request(key)}
        args = {"run_id": run.run_id, "keep_ms": int(keep_s * 1000)}
        run_id = text(self._connection.call("run_request_once", keys=keys, args=args))
        self.request_run(run.model_copy(update={"run_id": run_id}))
        return run_id

    def claim_key(self, key: str, value: str, *, keep_s: float) -> str:
        """Remember what an idempotency key was first used for; return that, for a repeat too."""
        args = {"run_id": value, "keep_ms": int(keep_s * 1000)}
        keys = {"request": self._keys.request(key)}
        return text(self._connection.call("run_request_once", keys=keys, args=args))

    def load_run(self, run_id: str) -> Run | None:
        """Return an open run; None if it is closed or unknown."""
        return decode_run(self._connection.client.hgetall(self._keys.run_parts(run_id)["run"]))

    def is_closed(self, run_id: str) -> bool:
        """Tell a closed run from an unknown one."""
        return bool(self._connection.client.exists(self._keys.marker(run_id), self._keys.report(run_id)))

    def begin_reading(
        self,
        run_id: str,
        *,
        mode: str,
        config_version: int,
        exclusive: bool,
        home: str = "",
        notes: Json | None = None,
        most: int = 0,
    ) -> Run | str | int | None:
        """Take REQUESTED to READING; a string is the run that holds the connector's lease, a number its place."""
        run = self.load_run(run_id)
        if run is None:
            return None
        keys = {
            **self._keys.run_parts(run_id),
            "connector_lease": self._keys.connector_lease(run.connector_id),
            "open": self._keys.open,
            "going": self._keys.going(run.instance),
            "queued": self._keys.queued(run.instance),
        }
        args = {
            "run_id": run_id,
            "mode": mode,
            "config_version": config_version,
            "exclusive": exclusive,
            "home": home,
            "most": most,
        }
        answer = self._connection.call("run_begin_reading", keys=keys, args=args, rest=_note_fields(notes or {}))
        if isinstance(answer, bytes):
            return answer.decode()
        if isinstance(answer, int):
            return answer
        return decode_run(dict(zip(answer[::2], answer[1::2], strict=True))) if answer else None

    def leave_turn(self, run_id: str, instance: str) -> None:
        """Count a run no longer among those that go on at an instance."""
        self._connection.client.srem(self._keys.going(instance), run_id)

    def next_in_turn(self, instance: str) -> str | None:
        """Name the run that has waited longest for its turn at an instance."""
        found = self._connection.client.zrange(self._keys.queued(instance), 0, 0)
        return text(found[0]) if found else None

    def note(self, run_id: str, **facts: Any) -> None:
        """Merge small facts into the run's notes."""
        self._connection.call("run_note", keys=self._keys.run_parts(run_id), args={}, rest=_note_fields(facts))

    def warn(self, run_id: str, rows: Sequence[Json], *, note: str, expected: Json | None, value: Json) -> bool:
        """Append warnings to a run that is being written, and take one of its notes from there to there: one step.

        False, and nothing done, if the note stands elsewhere (None: is not there), or the run is not being written."""
        args = {
            "note": NOTE + note,
            "expected": "" if expected is None else json.dumps(expected),
            "value": json.dumps(value),
        }
        keys = self._keys.run_parts(run_id)
        return bool(self._connection.call("run_warn", keys=keys, args=args, rest=[json.dumps(row) for row in rows]))

    def touch(self, run_id: str, *, due_in_s: float) -> None:
        """Say that the run makes progress; `overdue_runs` names it when this time has passed."""
        keys = {**self._keys.run_parts(run_id), "open": self._keys.open}
        self._connection.call("run_touch", keys=keys, args={"run_id": run_id, "due_in_ms": int(due_in_s * 1000)})

    def stop(self, run_id: str, *, reason: str, error: Json | None) -> None:
        """Let no further user be written: the spool becomes unprocessed, users in flight end as they can.

        A repeat takes up where a crash left it; the rest of the spool also goes when its turn comes."""
        run = self.load_run(run_id)
        if run is None:
            return
        parts = self._keys.run_parts(run_id)
        args = {"reason": reason, "error_row": "" if error is None else json.dumps(error)}
        self._connection.call("run_stop", keys=parts, args=args)
        keys = {
            **parts,
            "lane": self._keys.lane(run.instance, run.lane),
            "turns": self._keys.turns(run.instance, run.lane),
            "lanes": self._keys.lanes,
        }
        drain = {"run_id": run_id, "lane_name": lane_name(run.instance, run.lane), "most": DRAIN_AT_ONCE}
        while self._connection.call("plan_drain", keys=keys, args=drain):
            pass

    def close(
        self,
        run_id: str,
        *,
        head: Json,
        watermark: Watermark | None,
        forget_watermark: bool = False,
        settles: bool = True,
        is_whole: bool = True,
        alert: Json | None = None,
        plan: Json | None = None,
    ) -> bool:
        """Close in one step: nothing of the run stays but its report, and with `plan` a numbered plan in it.

        False if it was not open, or while a user of a run that is being written has no outcome. A dry run's close
        keeps watermark, retry set and refused set as they are."""
        run = self.load_run(run_id)
        if run is None:
            return False
        seal_rows(self._connection, run_id)
        result = result_of(run, head)
        args = {
            "run_id": run_id,
            "connector_id": run.connector_id,
            "lane_name": lane_name(run.instance, run.lane),
            "head": json.dumps(head),
            "plan": None if plan is None else json.dumps(plan),
            "watermark": None if watermark is None else watermark.model_dump_json(),
            "forget": forget_watermark,
            "settles": settles,
            "alert": None if alert is None else json.dumps(alert, sort_keys=True),
            "marker_ms": int(self._timing.closed_s * 1000),
            "result": result,
            "ending": result if is_whole and result not in UNWANTED else None,
            "success_at_ms": run.started_at_ms or run.requested_at_ms if result == "success" and is_whole else None,
        }
        return bool(self._connection.call("run_close", keys=self._close_keys(run), args=args))

    def _close_keys(self, run: Run) -> dict[str, str]:
        keys = self._keys
        return {
            **keys.run_parts(run.run_id),
            **keys.report_parts(run.run_id),
            "standing": keys.unfinished(run.connector_id),
            "open": keys.open,
            "closed": keys.closed,
            "closed_of": keys.closed_of(run.connector_id),
            "marker": keys.marker(run.run_id),
            "report": keys.report(run.run_id),
            "connector_lease": keys.connector_lease(run.connector_id),
            "watermarks": keys.watermarks,
            "lane": keys.lane(run.instance, run.lane),
            "turns": keys.turns(run.instance, run.lane),
            "lanes": keys.lanes,
            "done": keys.done,
            "outbox": keys.outbox,
            "kept": keys.kept,
            "kept_number": keys.kept_number,
            "totals": keys.totals,
            "successes": keys.successes,
            "endings": keys.endings,
        }


def lane_name(instance: str, lane: str) -> str:
    """Name a lane in the set of lanes that wait."""
    return f"{instance}\n{lane}"


def encode_run(run: Run) -> dict[str, str]:
    """Turn a run into the fields of its hash; an empty text is left out."""
    fields = {name: value for name in TEXTS if (value := getattr(run, name))}
    fields |= {name: str(getattr(run, name)) for name in NUMBERS}
    fields |= {NOTE + name: json.dumps(value) for name, value in run.notes.items()}
    return fields | {"state": run.state, "request": json.dumps(run.request), "dry_run": "1" if run.dry_run else "0"}


def decode_run(fields: Mapping[bytes, bytes]) -> Run | None:
    """Read a run back; None for an empty hash."""
    found = {text(name): text(value) for name, value in fields.items()}
    if not found:
        return None
    notes = {name.removeprefix(NOTE): json.loads(value) for name, value in found.items() if name.startswith(NOTE)}
    values: Json = {name: found[name] for name in TEXTS if name in found}
    values |= {name: int(found[name]) for name in NUMBERS if name in found}
    return Run(
        **values,
        state=RunState(found["state"]),
        request=json.loads(found["request"]),
        dry_run=found["dry_run"] == "1",
        notes=notes,
    )


def _note_fields(facts: Json) -> list[str]:
    return [item for name, value in facts.items() for item in (NOTE + name, json.dumps(value))]
