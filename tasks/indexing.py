"""The contact index of a run: every contact of the connector's companies, read once."""

from adapters.records import Run
from tasks import matching
from tasks.connector import Connector
from tasks.ports import Ports
from tasks.request import SyncRequest

BUSY_WAIT_S = 5.0


def companies_of(connector: Connector, request: SyncRequest) -> tuple[str, ...]:
    """Return the companies in which a contact of this run may be found."""
    if request.company_id is not None:
        return tuple(dict.fromkeys([request.company_id, *connector.company_ids]))
    return connector.company_ids


def load_index(ports: Ports, run: Run, connector: Connector) -> float | None:
    """Read all contacts of the run's companies into its index; a number means another worker is at it.

    Costs ⌈contacts / page⌉ reads a company, and one more where the last page is full."""
    holder = ports.presence.new_holder()
    if not ports.index.reset(run.run_id, holder=holder):
        return BUSY_WAIT_S
    contacts = ports.contacts(run)
    read_at_ms = ports.runs.now_ms()
    request = SyncRequest.from_run(run.request)
    for company_id in companies_of(connector, request):
        cursor: str | None = None
        while True:
            page, cursor = contacts.fetch_contacts(company_id, cursor)
            ports.index.add(run.run_id, page, [matching.index_keys(contact) for contact in page], holder=holder)
            ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
            if cursor is None:
                break
    ports.index.seal(run.run_id, holder=holder, read_at_ms=read_at_ms)
    return None
