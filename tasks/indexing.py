"""The contact index of a run: every contact of the connector's companies, read once."""

from adapters.errors import TransientError
from adapters.records import Run
from tasks import holding, matching
from tasks.connector import Connector
from tasks.ports import Contacts, Ports
from tasks.request import SyncRequest

PAGE_SIZE = 1000  # contacts that the largest page of the PSAs we know holds; only an estimate of cost depends on it
TOLERATED_LACK = 3  # contacts that may come or go while the pages are read, or the share below
TOLERATED_SHARE = 0.02


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
        return holding.BUSY_WAIT_S
    try:
        _load(ports, run, connector, holder=holder)
    except BaseException:
        ports.index.release(run.run_id, holder=holder)
        raise
    return None


def _load(ports: Ports, run: Run, connector: Connector, *, holder: str) -> None:
    contacts = ports.contacts(run)
    read_at_ms = ports.runs.now_ms()
    request = SyncRequest.from_run(run.request)
    for company_id in companies_of(connector, request):
        seen = 0
        cursor: str | None = None
        while True:
            page, cursor = contacts.fetch_contacts(company_id, cursor)
            seen += len(page)
            keys = [matching.index_keys(contact) for contact in page]
            with holding.while_held():
                ports.index.add(run.run_id, page, keys, holder=holder)
            ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
            if cursor is None:
                break
        _check_complete(contacts, company_id, seen, vendor=connector.psa_kind)
    with holding.while_held():
        ports.index.seal(run.run_id, holder=holder, read_at_ms=read_at_ms)


def _check_complete(contacts: Contacts, company_id: str, seen: int, *, vendor: str) -> None:
    """Disbelieve pages that brought clearly fewer contacts than the PSA counts; they are read again later."""
    counted = contacts.count_contacts(company_id)
    if counted - seen > max(TOLERATED_LACK, counted * TOLERATED_SHARE):
        raise TransientError("contact_list_incomplete", vendor=vendor)
