"""The chord's callback: one batch is through; on with the next, or to the end."""

from tasks import closing
from tasks.ports import Ports


def summarize_batch(ports: Ports, run_id: str, batch_id: str) -> None:
    """Seal a batch from what the ledger holds; parts that were delivered twice count once, a repeat changes nothing."""
    run = ports.runs.load_run(run_id)
    if run is None:
        return
    result = ports.plan.summarize_batch(run_id, batch_id)
    if result == "last":
        closing.request_close(ports, run)
    if result is not None:
        ports.publisher.feed(run.instance)
