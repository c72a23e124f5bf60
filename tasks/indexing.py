"""The contact index of a run: every contact of the connector's companies, read once."""

from collections.abc import Sequence

from adapters.errors import TransientError
from adapters.records import Contact, Run
from tasks import holding, matching
from tasks.connector import Connector
from tasks.ports import Contacts, Json, Ports
from tasks.request import SyncRequest

TOLERATED_LACK = 3  # contacts that may come, go or move while the pages are read, or the share below
TOLERATED_SHARE = 0.02
UNREAD: Json = {"cursor": None, "pages": 0, "seen": 0, "is_read": False}  # of the company that is being read
CONTACTS_READ = "contacts_read"  # by company, for the next run


def companies_of(connector: Connector, request: SyncRequest) -> tuple[str, ...]:
    """Return the companies in which a contact of this run may be found."""
    if request.company_id is not None:
        return tuple(dict.fromkeys([request.company_id, *connector.company_ids]))
    return connector.company_ids


def tolerated_lack(expected: int) -> float:
    """Return how many of so many contacts may be missing from an index that is still believed."""
    return max(TOLERATED_LACK, expected * TOLERATED_SHARE)


def load_index(ports: Ports, run: Run, connector: Connector) -> float | None:
    """Read all contacts of the run's companies into its index; a number means another worker is at it.

    Costs ⌈contacts / page⌉ reads a company, one more where the last page is full, and a count. An incremental run does
    without the count where one page brings as many as the last index had: that page was not empty for no reason.
    Pages that were read before a spent budget or a crash ended the step are kept: a repeat goes on behind them."""
    holder = ports.presence.new_holder()
    progress = run.notes.get("indexed") or {}
    if not ports.index.reset(run.run_id, holder=holder, keep=bool(progress)):
        return holding.BUSY_WAIT_S
    try:
        _load(ports, run, connector, progress=progress, holder=holder)
    except BaseException:
        ports.index.release(run.run_id, holder=holder)
        raise
    return None


def _load(ports: Ports, run: Run, connector: Connector, *, progress: Json, holder: str) -> None:
    contacts = ports.contacts(run)
    progress = progress or {"read_at_ms": ports.runs.now_ms(), "companies": [], CONTACTS_READ: {}, **UNREAD}
    known = contacts_before(ports, run) if run.mode == "incremental" else {}
    for company_id in companies_of(connector, SyncRequest.from_run(run.request)):
        if company_id in progress["companies"]:
            continue
        while not progress["is_read"]:
            page, cursor = contacts.fetch_contacts(company_id, progress["cursor"])
            so_far = {"cursor": cursor, "pages": progress["pages"] + 1, "seen": progress["seen"] + len(page)}
            progress = {**progress, **so_far, "is_read": cursor is None}
            _add(ports, run, page, progress=progress, holder=holder)
        expected = known.get(company_id) if progress["pages"] == 1 else None
        if not _is_complete(contacts, company_id, progress["seen"], expected=expected):
            ports.runs.note(run.run_id, indexed=None)
            raise TransientError("contact_list_incomplete", vendor=connector.psa_kind)
        read = {**progress[CONTACTS_READ], company_id: progress["seen"]}
        progress = {**progress, "companies": [*progress["companies"], company_id], CONTACTS_READ: read, **UNREAD}
        _add(ports, run, (), progress=progress, holder=holder)
    ports.runs.note(run.run_id, **{CONTACTS_READ: progress[CONTACTS_READ]})
    with holding.while_held():
        ports.index.seal(run.run_id, holder=holder, read_at_ms=progress["read_at_ms"])


def _add(ports: Ports, run: Run, page: Sequence[Contact], *, progress: Json, holder: str) -> None:
    """Index a page, with how far that is for whoever goes on."""
    keys = [matching.index_keys(contact) for contact in page]
    with holding.while_held():
        ports.index.add(run.run_id, page, keys, holder=holder, progress=progress)
    ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)


def contacts_before(ports: Ports, run: Run) -> dict[str, int]:
    """Return how many contacts each company had when they were last read whole; empty if they never were."""
    before = ports.memory.watermark(run.connector_id)
    return before.contacts if before is not None and before.home in ("", run.home) else {}


def _is_complete(contacts: Contacts, company_id: str, seen: int, *, expected: int | None) -> bool:
    """Tell whether the pages brought about as many contacts as expected or counted; if not, they are read again."""
    if expected is not None and expected - seen <= tolerated_lack(expected):
        return True
    counted = contacts.count_contacts(company_id)
    return counted - seen <= tolerated_lack(counted)
