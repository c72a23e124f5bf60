"""Carrying out a kept plan: its lines are judged again by the same code, and only those that come out the same stay.

A line is a user with the mark of exactly one change. Of a plan two digests a line are held, sixteen bytes."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

from adapters.records import Outcome, Planned, Run
from tasks import codes, guarding
from tasks.drafting import name_of
from tasks.plans import keeping
from tasks.ports import Ports
from tasks.requesting import CARRIES_OUT

__all__ = ["Lines", "PlanGoneError", "hold_to"]

Json = dict[str, Any]
Decision = Planned | Outcome
Stamp = Callable[[Json], Json]
"""Gives a warning its time."""

AT_ONCE = 500  # lines whose users nobody has met
LONGEST_REASON = 300
UNMET, MET, RIGHT = 0, 1, 2
REASONS = {
    UNMET: "the user is gone, or its contact is not this user's or not active any more",
    RIGHT: "nothing is to be changed, the contact is as it should be already",
}


class PlanGoneError(Exception):
    """The lines are not those that somebody has looked at: the report is gone, or was changed."""


class Lines:
    """The lines of the plan that a run carries out, and which of them have been met in judging."""

    def __init__(self, ports: Ports, run: Run) -> None:
        """Read them once, and compare number and digest. Raises PlanGoneError."""
        facts = run.notes[CARRIES_OUT]
        self._ports, self._source = ports, str(facts["run"])
        self._plan = name_of_plan(facts)
        users, marks, digest = array("Q"), array("Q"), keeping.PlanDigest()
        for line in ports.kept.lines(self._source):
            digest.add(keeping.kind_of(line), line)
            users.append(_digest(line["office365_id"]))
            marks.append(_digest(line["office365_id"], line["fingerprint"]))
        if digest.facts() != {"lines": facts["lines"], "digest": facts["digest"]}:
            raise PlanGoneError(f"{self._plan} is not what was looked at any more, or its report is gone")
        self._users, self._marks = array("Q", sorted(users)), array("Q", sorted(marks))
        self._met = bytearray(len(self._users))

    def choose(self, decisions: Sequence[Decision], *, stamped: Stamp) -> tuple[list[Planned], list[Outcome]]:
        """Return the changes that are lines, and skips for lines that come out otherwise; nobody else is in the plan.

        Whoever has nothing to be changed any more comes with `unmet`."""
        planned: list[Planned] = []
        outcomes: list[Outcome] = []
        for decision in decisions:
            is_change = isinstance(decision, Planned)
            user_id = decision.user.id if isinstance(decision, Planned) else decision.user_id
            if not self._meet(user_id, as_=MET if is_change or _said(decision) else RIGHT):
                continue
            if isinstance(decision, Planned) and self._has_mark(decision):
                planned.append(decision)
            elif isinstance(decision, Planned) or _said(decision):
                outcomes.append(_skip(decision, plan=self._plan, stamped=stamped))
        return planned, outcomes

    def left_out(self, rows: Iterable[Json], *, stamped: Stamp) -> list[Outcome]:
        """Return skips for the lines of users that a rule leaves out; `rows` are a report's rows of excluded users."""
        return [
            _skipped(row, f'the rule "{row["rule"]}" leaves the user out', plan=self._plan, stamped=stamped)
            for row in rows
            if self._meet(row["office365_id"], as_=MET)
        ]

    def unmet(self, *, stamped: Stamp) -> Iterator[list[Outcome]]:
        """Yield skips for the other lines, some hundred at a time: nothing is to be changed, or nobody is there."""
        lines = iter(self._ports.kept.lines(self._source))
        while some := list(islice(lines, AT_ONCE)):
            reasons = [(line, REASONS.get(self._met[self._place(line["office365_id"])])) for line in some]
            yield [
                _skipped(line, reason, plan=self._plan, stamped=stamped)
                for line, reason in reasons
                if reason is not None
            ]

    def _meet(self, user_id: str, *, as_: int) -> bool:
        at = self._place(user_id)
        if at == len(self._users) or self._users[at] != _digest(user_id):
            return False
        self._met[at] = as_
        return True

    def _place(self, user_id: str) -> int:
        return bisect_left(self._users, _digest(user_id))

    def _has_mark(self, planned: Planned) -> bool:
        mark = _digest(planned.user.id, guarding.fingerprint_of(planned))
        at = bisect_left(self._marks, mark)
        return at < len(self._marks) and self._marks[at] == mark


def hold_to(run: Run, planned: Planned, decision: Decision, *, stamped: Stamp) -> Decision:
    """Keep a second look at a user to the line that it was planned by: what comes out otherwise is skipped."""
    if CARRIES_OUT not in run.notes:
        return decision
    if isinstance(decision, Planned) and guarding.fingerprint_of(decision) == guarding.fingerprint_of(planned):
        return decision
    plan, user = name_of_plan(run.notes[CARRIES_OUT]), planned.user
    if isinstance(decision, Planned) or _said(decision):
        return _skip(decision, plan=plan, stamped=stamped)
    row = {"office365_id": user.id, "user_principal_name": name_of(user)}
    return _skipped(row, REASONS[RIGHT], plan=plan, stamped=stamped)


def name_of_plan(facts: Json) -> str:
    """Name a plan as people do."""
    return f"plan {facts['number']}"


def _said(decision: Decision) -> Json | None:
    """Return the error, or the first warning, of a decision that writes nothing."""
    if isinstance(decision, Planned):
        return None
    return decision.row if decision.status == "error" else next(iter(decision.warnings), None)


def _skip(decision: Decision, *, plan: str, stamped: Stamp) -> Outcome:
    """Turn what is decided otherwise than planned into a skip that says what it is."""
    if isinstance(decision, Planned):
        row: Json = {"office365_id": decision.user.id, "user_principal_name": name_of(decision.user)}
        fields = ", ".join(decision.changed_fields)
        now = {"create": "a new contact", "deactivate": "to switch the contact off"}
        what = now.get(guarding.operation_of(decision), f"to write {fields}")
        return _skipped(row, f"user or contact has changed since; now it would be {what}", plan=plan, stamped=stamped)
    said = _said(decision) or {}
    row = {"office365_id": decision.user_id, "user_principal_name": said.get("user_principal_name")}
    return _skipped(row, f"{said['code']}: {said['message']}", plan=plan, stamped=stamped)


def _skipped(row: Json, reason: str, *, plan: str, stamped: Stamp) -> Outcome:
    warning = {
        "user_principal_name": row["user_principal_name"],
        "code": codes.PLAN_LINE_SKIPPED,
        "message": f"the change of {plan} was left out: {reason[:LONGEST_REASON]}",
    }
    return Outcome(user_id=row["office365_id"], status="skipped", warnings=(stamped(warning),))


def _digest(*parts: str) -> int:
    return int.from_bytes(blake2b("\n".join(parts).encode(), digest_size=8).digest())
