"""What a plan may not write goes out of it before it is sealed: the held kinds of change; of a dry run, everything."""

from collections import Counter
from collections.abc import Sequence

from adapters.records import Outcome, Planned
from tasks import guarding, holding, report
from tasks.guarding import Excess
from tasks.judgement import Judgement
from tasks.ports import Json
from tasks.requesting import BY_ITSELF

AT_ONCE = 500  # users; some megabytes
COUNTED_TOGETHER_S = 86_400.0


def sift(judgement: Judgement) -> list[Excess]:
    """Hold back the kinds of which there are too many, and turn a dry run's plan into outcomes; return what is held.

    A held user is unprocessed, and a row under "held" says what would have been written."""
    run_id, plan = judgement.run.run_id, judgement.ports.plan
    excesses = _excesses(judgement)
    held = {excess.name for excess in excesses}
    left = plan.waiting(run_id) if held or judgement.run.dry_run else 0
    while left > 0:
        with holding.while_held():
            planned = plan.take(run_id, holder=judgement.holder, most=min(left, AT_ONCE))
        if not planned:
            break
        left -= len(planned)
        _put_back(judgement, planned, held=held)
    return excesses


def _excesses(judgement: Judgement) -> list[Excess]:
    """Judge the plan by the connector's guard; the first run over the tenant is outside.

    Runs that nobody asked for (schedule, polls, events) are counted together over a day."""
    ports, connector, run = judgement.ports, judgement.connector, judgement.run
    before = ports.memory.watermark(connector.connector_id)
    if before is None or not judgement.tally:
        return []
    contacts = ports.memory.count_links(connector.home)
    is_unasked = run.trigger in BY_ITSELF
    excesses = guarding.find_excesses(
        judgement.tally,
        guard=connector.guard,
        contacts=contacts,
        churn=before.churn,
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


def _put_back(judgement: Judgement, planned: Sequence[Planned], *, held: set[str]) -> None:
    stays: list[Planned] = []
    outcomes: list[Outcome] = []
    rows: list[Json] = []
    for one in planned:
        kinds = held.intersection(guarding.kinds_of(one))
        if kinds:
            rows.append(guarding.held_row(one, kinds))
            row = report.unprocessed_row(one.user)
            outcomes.append(Outcome(user_id=one.user.id, status="unprocessed", row=row))
        elif judgement.run.dry_run:
            outcomes.append(_would(one))
        else:
            stays.append(one)
    with holding.while_held():
        judgement.ports.plan.add(judgement.run.run_id, holder=judgement.holder, planned=stays, outcomes=outcomes)
    judgement.add_rows({"held": rows})


def _would(planned: Planned) -> Outcome:
    """Return the outcome that a plan would have."""
    return Outcome(
        user_id=planned.user.id,
        status="created" if planned.draft is not None else "updated",
        row=report.success_row(planned),
        warnings=planned.warnings,
    )
