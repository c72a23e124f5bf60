"""What a plan may not write goes out of it before it is sealed: the held kinds of change; of a dry run, everything.

So does everything that a connector's first automatic run would write."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from adapters.records import Outcome, Planned
from tasks import guarding, holding, report
from tasks.connector import Connector
from tasks.guarding import COUNTED_TOGETHER_S, FIRST_RUN, Excess
from tasks.judgement import Judgement
from tasks.plans import approving
from tasks.plans.keeping import PlanDigest
from tasks.ports import Json, Ports
from tasks.requesting import BY_ITSELF, CARRIES_OUT, KEEPS_PLAN

AT_ONCE = 500  # users; some megabytes


class Sifted(NamedTuple):
    """What is held back, and what is known of the lines that a kept plan has; None: none is kept."""

    excesses: list[Excess]
    plan: Json | None


def sift(judgement: Judgement) -> Sifted:
    """Hold back the kinds of which there are too many, and turn a dry run's plan into outcomes.

    A held user is unprocessed, and a row under "held" says what would have been written."""
    run, plan = judgement.run, judgement.ports.plan
    excesses = _excesses(judgement)
    sieve = _Sieve(judgement, excesses)
    left = plan.waiting(run.run_id) if excesses or run.dry_run else 0
    while left > 0:
        with holding.while_held():
            planned = plan.take(run.run_id, holder=judgement.holder, most=min(left, AT_ONCE))
        if not planned:
            break
        left -= len(planned)
        sieve.put_back(planned)
    keeps = bool(run.notes.get(KEEPS_PLAN)) or (bool(excesses) and not run.dry_run)
    return Sifted(excesses, sieve.digest.facts() if keeps else None)


def count_contacts(ports: Ports, connector: Connector) -> int:
    """Return of how many contacts the guard's limits are shares: our links, as far as the tenant has users for them.

    The link of a user that is long gone is kept, and would make a small customer of many leavers a large one."""
    links, before = ports.memory.count_links(connector.home), ports.memory.watermark(connector.connector_id)
    if before is None or before.home != connector.home:
        return links
    return min(links, before.users or links)


def _excesses(judgement: Judgement) -> list[Excess]:
    """Judge the plan by the connector's guard; a first run over the tenant that somebody asked for is outside.

    Runs that nobody asked for (schedule, polls, events) are counted together over a day; the first of a connector is
    held whole. A kept plan is looked at line by line: neither making it nor carrying it out is guarded."""
    ports, connector, run = judgement.ports, judgement.connector, judgement.run
    is_unasked = run.trigger in BY_ITSELF
    before = ports.memory.watermark(connector.connector_id)
    is_looked_at = CARRIES_OUT in run.notes or KEEPS_PLAN in run.notes
    if is_looked_at or (before is None and not is_unasked):
        return []
    contacts = count_contacts(ports, connector)
    if is_unasked and not run.dry_run and not approving.is_approved(ports, connector):
        number = ports.plan.waiting(run.run_id)
        first = Excess(kind=FIRST_RUN, number=number, limit=0, contacts=contacts, usual=0.0)
        return [first] if number else []
    if not judgement.tally:
        return []
    excesses = guarding.find_excesses(
        judgement.tally,
        guard=connector.guard,
        contacts=contacts,
        churn=before.churn if before is not None else (),
        earlier=_earlier(judgement) if is_unasked else None,
    )
    if is_unasked and not run.dry_run:
        held = {excess.name for excess in excesses}
        written = {name: number for name, number in judgement.tally.items() if name not in held}
        ports.memory.note_changes(connector.connector_id, run.run_id, written, keep_s=COUNTED_TOGETHER_S)
    return excesses


def _earlier(judgement: Judgement) -> Counter[str]:
    found: Counter[str] = Counter()
    recent = judgement.ports.memory.recent_changes(judgement.run.connector_id, within_s=COUNTED_TOGETHER_S)
    for run_id, tally in recent.items():
        if run_id != judgement.run.run_id:
            found.update(tally)
    return found


class _Sieve:
    """Sorts planned changes into those that stay, those that are held and those that a dry run only tells of."""

    def __init__(self, judgement: Judgement, excesses: Sequence[Excess]) -> None:
        self._judgement = judgement
        self._held = {excess.name for excess in excesses}
        self.digest = PlanDigest()

    def put_back(self, planned: Sequence[Planned]) -> None:
        """Put some changes into the plan as what they have become."""
        stays: list[Planned] = []
        outcomes: list[Outcome] = []
        rows: list[Json] = []
        for one in planned:
            if kinds := self._kinds_held(one):
                rows.append(guarding.held_row(one, kinds))
                row = report.unprocessed_row(one.user)
                outcomes.append(Outcome(user_id=one.user.id, status="unprocessed", row=row))
            elif self._judgement.run.dry_run:
                outcomes.append(self._would(one))
            else:
                stays.append(one)
        judgement = self._judgement
        with holding.while_held():
            judgement.ports.plan.add(judgement.run.run_id, holder=judgement.holder, planned=stays, outcomes=outcomes)
        judgement.add_rows({"held": rows})
        for row in rows:
            self.digest.add("held", row)

    def _kinds_held(self, planned: Planned) -> set[str]:
        return {FIRST_RUN} if FIRST_RUN in self._held else self._held.intersection(guarding.kinds_of(planned))

    def _would(self, planned: Planned) -> Outcome:
        """Return the outcome that a plan would have; of a plan that is kept, its row is a line."""
        row = report.success_row(planned)
        status: Literal["created", "updated"] = "created" if planned.draft is not None else "updated"
        if self._judgement.run.notes.get(KEEPS_PLAN):
            row |= guarding.mark_of(planned)
            self.digest.add(status, row)
        return Outcome(user_id=planned.user.id, status=status, row=row, warnings=planned.warnings)
