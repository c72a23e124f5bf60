"""The first step of a run: lease, configuration version, mode, and the contact index."""

from adapters.errors import NotFoundError
from adapters.records import Run, RunState
from tasks import closing, codes, indexing, pairing, reading_plan
from tasks.connector import Connector
from tasks.plans import approving
from tasks.ports import Json, Ports
from tasks.reading_plan import Choice
from tasks.request import SyncRequest
from tasks.requesting import CARRIES_OUT, MEANT_FOR

FIRST_TURN_S = 3.0  # a run that may start next asks so often
TURN_S = 1.0  # one that has others before it waits so much longer for each


def start_run(ports: Ports, run: Run) -> float | None:
    """Take a requested run to reading; a repeat goes on where the first one stopped."""
    if run.state is RunState.REQUESTED:
        started = _begin(ports, run)
        if isinstance(started, int):
            return _wait_for_turn(ports, run, place=started)
        if started is None:
            return None
        run = started
    if run.state is not RunState.READING:
        return None
    if not run.undoes:
        connector = ports.configuration.connector(run.connector_id, version=run.config_version)
        if not (pairing.may_write(ports, run, connector) and _has_company(ports, run, connector)):
            return None
        if run.mode == "full" and not run.index_at_ms:
            wait_s = indexing.load_index(ports, run, connector)
            if wait_s is not None:
                return wait_s
    ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
    ports.publisher.fan_out(run.run_id, generation=run.generation, page=0)
    return None


def _begin(ports: Ports, run: Run) -> Run | int | None:
    version = ports.configuration.current_version()
    try:
        connector = ports.configuration.connector(run.connector_id, version=version)
    except KeyError:
        closing.fail_run(
            ports,
            run,
            code=codes.UNKNOWN_CONNECTOR,
            message=f"connector {run.connector_id} is not in the published configuration; "
            "run `contact-sync config apply` or check its name",
        )
        return None
    if connector.psa != run.instance or run.notes.get(MEANT_FOR, connector.home) != connector.home:
        message = (
            f"connector {run.connector_id} has another tenant or PSA than when this run was asked for; ask for it again"
        )
        closing.fail_run(ports, run, code=codes.UNKNOWN_CONNECTOR, message=message)
        return None
    request = SyncRequest.from_run(run.request)
    is_plan = CARRIES_OUT in run.notes
    is_told = is_plan or run.undoes
    choice = Choice("incremental", {}) if is_told else reading_plan.choose(ports, connector, request)
    begun = ports.runs.begin_reading(
        run.run_id,
        mode=choice.mode,
        config_version=version,
        # nothing is written again while it is undone; a plan that somebody approved waits for nobody
        exclusive=bool(run.undoes) or not (request.is_targeted or is_plan),
        home=connector.home,
        notes={**choice.notes, **_warnings(ports, run, connector)},
        most=connector.concurrent_runs,
    )
    if isinstance(begun, str):
        closing.refuse_busy(ports, run, running=begun)
        return None
    if is_plan and isinstance(begun, Run):
        approving.approve_by(ports, begun)
    return begun


def _wait_for_turn(ports: Ports, run: Run, *, place: int) -> float:
    """Come back, the sooner the nearer the turn is; if the message is lost, the reconciler asks again."""
    wait_s = min(FIRST_TURN_S + TURN_S * (place - 1), ports.timing.longest_countdown_s)
    ports.runs.touch(run.run_id, due_in_s=wait_s + ports.timing.due_s)
    return wait_s


def _warnings(ports: Ports, run: Run, connector: Connector) -> Json:
    found = [] if run.undoes else pairing.first_notes(ports, run, connector)
    return {"warnings": [*run.notes.get("warnings", []), *found]} if found else {}


def _has_company(ports: Ports, run: Run, connector: Connector) -> bool:
    """End a run whose company is gone by one error instead of one per user."""
    company_id = run.request.get("company_id") or connector.psa_default_company_id
    if company_id is None or run.notes.get("company_found"):
        return True
    message = missing_company(ports, run, str(company_id))
    if message is None:
        ports.runs.note(run.run_id, company_found=True)
        return True
    closing.fail_run(ports, run, code=codes.MISSING_COMPANY_ID, message=message)
    return False


def missing_company(ports: Ports, run: Run, company_id: str) -> str | None:
    """Return what to say of a company that the PSA does not have (any more); None: it has it."""
    try:
        if not ports.contacts(run).fetch_company(company_id).deleted:
            return None
    except NotFoundError:
        pass
    return (
        f"company {company_id} of connector {run.connector_id} does not exist in the PSA (any more);"
        " correct psa_default_company_id, or the run's company_id"
    )
