"""Decisions whose time is over: the next run over the whole tenant says so, once, and treats their users as any."""

from adapters.records import Run, UserDecision
from tasks import codes
from tasks.judgement import Judgement
from tasks.ports import Json, Ports
from tasks.reading_plan import DECIDED_BEFORE
from tasks.requesting import CARRIES_OUT

__all__ = ["add_ended", "forget_ended"]


def add_ended(judgement: Judgement) -> None:
    """Put a warning into the plan for every decision that has ended since this was last said."""
    run, ports = judgement.run, judgement.ports
    if DECIDED_BEFORE not in run.notes or CARRIES_OUT in run.notes:
        return
    user_ids = ports.decisions.ended(run.connector_id, now_ms=run.notes[DECIDED_BEFORE])
    found = ports.decisions.find(run.connector_id, user_ids)
    rows = [judgement.stamped(_row(found[user_id], run)) for user_id in user_ids if user_id in found]
    judgement.add_rows({"warnings": rows})


def forget_ended(ports: Ports, run: Run) -> None:
    """Say that it was told; a dry run has told nobody for good. A repeat changes nothing."""
    if DECIDED_BEFORE in run.notes and CARRIES_OUT not in run.notes and not run.dry_run:
        ports.decisions.forget_ended(run.connector_id, now_ms=run.notes[DECIDED_BEFORE])


def _row(decision: UserDecision, run: Run) -> Json:
    message = (
        f'The decision "{decision.action}" about {decision.name} (by {decision.by}: {decision.reason}) has ended, and'
        f" counts no more; to renew it: contact-sync decide {run.connector_id} {decision.name} {decision.action} …"
    )
    return {"user_principal_name": decision.name, "code": codes.DECISION_ENDED, "message": message}
