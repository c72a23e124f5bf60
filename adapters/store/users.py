"""One user's write, from lease to outcome: four round trips if all goes well."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from adapters.records import Claim, Grant, Intent, Outcome, Planned, Run
from adapters.store.connection import Connection
from adapters.store.outcomes import NO_LINK, encode_link, encode_outcome
from adapters.store.packing import unpack
from adapters.store.runs import decode_run
from adapters.store.timing import StoreTiming

KNOWN_RUNS = 512


class Users:
    """User leases, claims, intents and outcomes. Every step checks the fence: a stale grant changes nothing."""

    def __init__(self, connection: Connection, *, timing: StoreTiming) -> None:
        """Keep the connection."""
        self._connection = connection
        self._keys = connection.keys
        self._timing = timing
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def begin(self, run_id: str, user_id: str, *, holder: str) -> tuple[Planned, Grant] | float | None:
        """Take the user's lease; a number: come back in so many seconds; None: nothing (more) to write.

        A lease whose process is dead, or that has run out, is taken over with a higher fence, its intent with it."""
        run = self._run(run_id)
        if run is None:
            return None
        timing = self._timing
        args = {
            "run_id": run_id,
            "user": user_id,
            "holder": holder,
            "lease_ms": int(timing.lease_s * 1000),
            "settle_ms": int(timing.settle_s * 1000),
            "busy_ms": int(timing.busy_s * 1000),
            "slack_ms": int(timing.slack_s * 1000),
        }
        keys = {
            **self._keys.run_parts(run_id),
            **self._lease_keys(run.connector_id, user_id, holder),
            "standing": self._keys.unfinished(run.connector_id),
            "lane": self._keys.lane(run.instance, run.lane),
            "done": self._keys.done,
            "server": self._keys.server,
            "fence_counter": self._keys.fence,
        }
        answer = self._connection.call("user_begin", keys=keys, args=args)
        if answer is None:
            return None
        if isinstance(answer, int):
            return answer / 1000
        blob, fence, attempts, first_ms, body, suspect, lost = answer
        grant = Grant(
            connector_id=run.connector_id,
            user_id=user_id,
            holder=holder,
            fence=fence,
            home=run.home,
            intent=Intent.model_validate_json(body) if body else None,
            suspect=bool(suspect),
            lost=int(lost),
            attempts=attempts,
            first_tried_at_ms=int(first_ms),
        )
        return Planned.model_validate_json(unpack(blob)), grant

    def claim(
        self, grant: Grant, *, instance: str, company_id: str, addresses: Sequence[str], contact_id: str | None
    ) -> Claim | None:
        """Claim the contact and the company's addresses for this grant, all or none. A repeat adds to the claims."""
        claims = self._keys.claims(instance, company_id=company_id, addresses=addresses, contact_id=contact_id)
        marks = self._keys.marks(instance, company_id=company_id, addresses=addresses)
        keys = {**self._grant_keys(grant), "links": self._keys.links(grant.home)}
        args = {
            **_proof(grant),
            "user": grant.user_id,
            "lease_ms": int(self._timing.lease_s * 1000),
            "claims": len(claims),
        }
        answer = self._connection.call("user_claim", keys=keys, args=args, rest=claims + marks)
        if answer is None:
            return None
        at_ms, applied_read_at_ms, others_wrote_at_ms = answer
        return Claim(
            at_ms=at_ms,
            applied_read_at_ms=int(applied_read_at_ms) if applied_read_at_ms else None,
            others_wrote_at_ms=others_wrote_at_ms,
        )

    def store_intent(self, grant: Grant, intent: Intent) -> bool:
        """Store what is about to be sent. False if the grant is no longer valid: then nothing may be sent."""
        args = {
            **_proof(grant),
            "run_id": intent.run_id,
            "user": grant.user_id,
            "body": intent.model_dump_json(exclude_unset=True),
            "not_after_ms": intent.not_after_ms,
            "keep_ms": int(self._timing.relied_s * 1000),
            "lease_ms": int(self._timing.lease_s * 1000),
        }
        return bool(self._connection.call("user_intent", keys=self._grant_keys(grant), args=args))

    def clear_intent(self, grant: Grant, *, lost: int = 0) -> None:
        """Say that the write did not happen; the next grant tells how many were lost, until an outcome is recorded."""
        args = {**_proof(grant), "lost": lost}
        self._connection.call("user_clear_intent", keys=self._grant_keys(grant), args=args)

    def record(self, grant: Grant, run_id: str, outcome: Outcome, *, keep_intent: bool = False) -> bool:
        """Record the outcome once, clear the intent, keep link and read time, give back lease and claims: one step.

        What was written goes into the run's journal in the same step."""
        keep_intent_ms = int(self._timing.kept_intent_s * 1000) if keep_intent else None
        args = {**self._outcome_args(grant, run_id, outcome), "keep_intent_ms": keep_intent_ms}
        return bool(self._connection.call("user_record", keys=self._record_keys(grant, run_id), args=args))

    def settle(self, grant: Grant, intent: Intent, outcome: Outcome) -> None:
        """Record what an earlier holder's intent proved to be, under the intent's run if it is open, and clear it.

        The journal of that run gets its entry even if the run is closed."""
        args = self._outcome_args(grant, intent.run_id, outcome)
        self._connection.call("user_settle", keys=self._record_keys(grant, intent.run_id), args=args)

    def postpone(self, grant: Grant, run_id: str, *, wait_s: float, keep_intent: bool = False) -> None:
        """Give back lease and claims and say when the user comes back; claims stand as long as a kept intent."""
        args = {
            **_proof(grant),
            "run_id": run_id,
            "user": grant.user_id,
            "due_in_ms": int((wait_s + self._timing.slack_s) * 1000),
            "keep_intent": keep_intent,
        }
        self._connection.call("user_postpone", keys=self._grant_keys(grant), args=args)

    def _outcome_args(self, grant: Grant, run_id: str, outcome: Outcome) -> dict[str, Any]:
        link = NO_LINK
        if outcome.link is not None:
            if not grant.home:
                raise ValueError("a link has no place: the run was begun without its home")
            link = encode_link(outcome.link, home=grant.home, user_id=grant.user_id)
        return {
            **_proof(grant),
            **link,
            "run_id": run_id,
            "user": grant.user_id,
            "outcome": json.dumps(encode_outcome(outcome)),
            "entry": json.dumps(outcome.journal) if outcome.journal else None,
        }

    def _run(self, run_id: str) -> Run | None:
        """Return the run with what no longer changes once users are written: connector, instance, lane, home."""
        known = self._runs.get(run_id)
        if known is None:
            known = decode_run(self._connection.client.hgetall(self._keys.run_parts(run_id)["run"]))
            if known is not None and known.started_at_ms:
                self._runs[run_id] = known
                while len(self._runs) > KNOWN_RUNS:
                    self._runs.popitem(last=False)
        return known

    def _grant_keys(self, grant: Grant) -> dict[str, str]:
        return self._lease_keys(grant.connector_id, grant.user_id, grant.holder)

    def _lease_keys(self, connector_id: str, user_id: str, holder: str) -> dict[str, str]:
        return {
            "lease": self._keys.user_lease(connector_id, user_id),
            "intent": self._keys.intent(connector_id, user_id),
            "beats": self._keys.beats,
            "working": self._keys.working(holder.rpartition("/")[0]),
            "due": self._keys.due,
        }

    def _record_keys(self, grant: Grant, run_id: str) -> dict[str, str]:
        """Name what a recording step touches; of a run that is closed only what outlives it is touched."""
        run = self._run(run_id)
        instance, lane = (run.instance, run.lane) if run is not None else ("", "")
        return {
            **self._keys.run_parts(run_id),
            **self._keys.journal_parts(run_id),
            "journals": self._keys.journals,
            **self._grant_keys(grant),
            "standing": self._keys.unfinished(grant.connector_id),
            "lane": self._keys.lane(instance, lane),
            "done": self._keys.done,
            "links": self._keys.links(grant.home),
            "owners": self._keys.owners(grant.home),
            "history": self._keys.history(grant.home),
        }


def _proof(grant: Grant) -> dict[str, Any]:
    return {"holder": grant.holder, "fence": grant.fence}
