"""How a kept plan comes to be carried out: by a run that writes its lines and nothing else, asked for once."""

from typing import NamedTuple

from adapters.records import KeptPlan, Run
from tasks.plans import approving
from tasks.ports import Ports
from tasks.request import SyncRequest
from tasks.requesting import CARRIES_OUT, MEANT_FOR, RequestRefusedError, new_run, new_run_id

__all__ = ["Asked", "apply_plan", "approve_run", "find_held", "find_plan"]


class Asked(NamedTuple):
    """The run that carries out a plan."""

    run_id: str
    is_new: bool  # else it was asked for before, and goes on or has come to its end


def find_held(ports: Ports, run_id: str) -> KeptPlan:
    """Return what a run holds back. Raises RequestRefusedError for a run that holds nothing."""
    plan = ports.kept.load(run_id)
    if plan is not None and plan.is_held:
        return plan
    if ports.runs.load_run(run_id) is not None:
        raise RequestRefusedError(f"run {run_id} goes on: what it holds back is known once it is closed")
    if plan is not None:
        raise RequestRefusedError(
            f"run {run_id} was not held, it made plan {plan.number}: `contact-sync apply {plan.number}` carries it out"
        )
    if ports.reports.head(run_id) is None:
        raise RequestRefusedError(f"there is no run {run_id}, or it is not kept any more: see `contact-sync runs`")
    raise RequestRefusedError(f"run {run_id} holds nothing back: there is nothing to approve")


def find_plan(ports: Ports, number: int) -> KeptPlan:
    """Return the plan of this number. Raises RequestRefusedError if there is none (any more)."""
    run_id = ports.kept.find(number)
    plan = ports.kept.load(run_id) if run_id is not None else None
    if plan is None:
        raise RequestRefusedError(
            f"there is no plan {number}, or it is not kept any more: `contact-sync plan list` lists them"
        )
    return plan


def approve_run(ports: Ports, run_id: str, *, trigger: str) -> Asked:
    """Ask for the run that writes what a held run holds back; a repeat names the same run.

    Raises RequestRefusedError as `find_held` and `apply_plan`."""
    return apply_plan(ports, find_held(ports, run_id), trigger=trigger)


def apply_plan(ports: Ports, plan: KeptPlan, *, trigger: str) -> Asked:
    """Ask for the run that carries out a plan; a repeat names the same run, unless that one left users unprocessed.

    Raises RequestRefusedError for a plan whose connector is gone or has another tenant or PSA now, and for one that a
    newer first plan has replaced."""
    while True:
        _check(ports, plan)
        if plan.carrier in ("open", "done"):
            return Asked(plan.carried_by, is_new=False)
        run = _new_run(ports, plan, trigger=trigger)
        if ports.kept.carry_out(run, source=plan.run_id, expected=plan.carried_by):
            approving.approve_by(ports, run.model_copy(update={"home": plan.home}))  # once more when it starts
            ports.publisher.start_run(run.run_id)
            return Asked(run.run_id, is_new=True)
        plan = find_plan(ports, plan.number)  # somebody else was faster


def _check(ports: Ports, plan: KeptPlan) -> None:
    if plan.replaced_by:
        raise RequestRefusedError(
            f"the plan of run {plan.run_id} was replaced by a newer one, of run {plan.replaced_by}: look at that, and"
            f" approve it by `contact-sync approve {plan.replaced_by}`"
        )
    try:
        connector = ports.configuration.connector(plan.connector_id, version=ports.configuration.current_version())
    except KeyError:
        raise RequestRefusedError(f"connector {plan.connector_id} is not in the published configuration") from None
    if connector.home != plan.home:
        raise RequestRefusedError(
            f"plan {plan.number} was made for another tenant or PSA than {plan.connector_id} has now: make a new one by"
            f" `contact-sync plan {plan.connector_id}`"
        )


def _new_run(ports: Ports, plan: KeptPlan, *, trigger: str) -> Run:
    connector = ports.configuration.connector(plan.connector_id, version=ports.configuration.current_version())
    now_ms = ports.runs.now_ms()
    run_id = new_run_id(plan.connector_id, at_ms=now_ms)
    request = SyncRequest.from_run(plan.request)
    run = new_run(connector, request, trigger=trigger, run_id=run_id, at_ms=now_ms)
    facts = {"run": plan.run_id, "number": plan.number, "lines": plan.lines, "digest": plan.digest}
    return run.model_copy(update={"lane": "bulk", "notes": {**run.notes, CARRIES_OUT: facts, MEANT_FOR: plan.home}})
