"""Who may write unasked: a connector runs by itself once somebody has approved of its first run.

A real run over the whole tenant that somebody asks for (by hand, by API, through Flower) is the approval itself, from
when it begins to write, unless it is cancelled; so is carrying out the plan of such a run. An approval stands for
connector, tenant and PSA instance, whatever else is configured.
"""

from adapters.records import Run
from adapters.records.runs import CANCELLED
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.request import SyncRequest
from tasks.requesting import BY_ITSELF

__all__ = ["approve_by", "is_approved", "take_back"]


def is_approved(ports: Ports, connector: Connector) -> bool:
    """Tell whether the connector may write without being asked.

    One that a release without approvals has run has a delta link of no home: it goes on as before."""
    approvals = ports.kept.approvals(connector.connector_id)
    if approvals:
        return connector.home in approvals
    watermark = ports.memory.watermark(connector.connector_id)
    return watermark is not None and not watermark.home


def approve_by(ports: Ports, run: Run) -> None:
    """Let the connector run by itself if this run, which begins to write, is an approval; a repeat changes nothing."""
    is_whole = run.home and not (SyncRequest.from_run(run.request).is_narrowed or run.undoes)
    if is_whole and not run.dry_run and run.trigger not in BY_ITSELF:
        ports.kept.approve(run.connector_id, run.home, run_id=run.run_id)


def take_back(ports: Ports, run: Run) -> None:
    """Let a run that was cancelled approve of nothing."""
    if run.stopping == CANCELLED:
        ports.kept.disapprove(run.connector_id, run_id=run.run_id)
