"""Reading back: before a run closes, a sample of what it wrote is read and compared with what was sent.

All of a first run. The outcomes stand already: what is found here is a warning, and no read that fails changes more.
How far it is stands in the run's note, which moves with the warnings in one step, so that whoever comes after a crash
goes on from there and nothing is told twice."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

from adapters.errors import SyncError, TransientError, WireError
from adapters.records import Contact, Run
from tasks import codes, report
from tasks.connector import Connector
from tasks.held_values import compare
from tasks.ports import Ports

__all__ = ["NOTE", "is_sampled", "read_back", "summary", "unread_warning"]

Json = dict[str, Any]

NOTE = "read_back"
AT_ONCE = 250  # writes in memory; one request takes fewer
REQUESTS_AT_ONCE = 50  # of one message, so that nothing else waits for long behind it
GO_ON_S = 0.1
ELSEWHERE_WAIT_S = 2.0
FIRST_WAIT_S = 2.0
LONGEST_SHOWN = 60  # characters of a value


class _ElsewhereError(Exception):
    """Another copy of this step has gone on from where we are."""


def read_back(ports: Ports, run: Run) -> float | None:
    """Read what is left of the sample, before the run closes; answer in how many seconds to go on, or None.

    None: all is read, nothing is to be, or the PSA does not let us for longer than is worth waiting for.
    A repeat goes on where the last one came to; its last request may be sent twice."""
    if run.dry_run or run.stopping is not None:
        return None
    try:
        progress = run.notes.get(NOTE) or _begin(ports, run)
        return _go_on(ports, run, progress) if progress is not None and "ended" not in progress else None
    except _ElsewhereError:
        return ELSEWHERE_WAIT_S


def summary(run: Run) -> Json | None:
    """Return what the report says of it: the share, how many writes were read back, and how many came out otherwise."""
    progress = run.notes.get(NOTE)
    return {name: progress[name] for name in ("share", "read", "differing")} if progress else None


def unread_warning(run: Run) -> Json | None:
    """Say that, and why, not the whole sample was read."""
    reason = (run.notes.get(NOTE) or {}).get("ended")
    if not reason:
        return None
    message = (
        f"only {run.notes[NOTE]['read']} of the writes that were to be read back were read: {reason};"
        f" what was written stands, `contact-sync run {run.connector_id} --mode full --dry-run` compares everything"
    )
    return {"user_principal_name": None, "code": codes.READ_BACK_INCOMPLETE, "message": message}


# --- the sample -------------------------------------------------------------------------------------------------------


def _begin(ports: Ports, run: Run) -> Json | None:
    if not ports.journal.is_kept(run.run_id):
        return None
    share = _share(ports, run)
    start = {"share": share, "read": 0, "differing": 0, "moved_ms": ports.runs.now_ms()}
    return _advance(ports, run, None, start) if share else None


def _share(ports: Ports, run: Run) -> float:
    """Return the share of this run: all, until a run over the tenant has ended well."""
    connector: Connector = ports.configuration.connector(run.connector_id, version=run.config_version)
    before = ports.memory.watermark(run.connector_id)
    is_first = before is None or before.home != run.home
    return 1.0 if is_first and connector.read_back else connector.read_back


def is_sampled(run_id: str, user_id: str, *, share: float) -> bool:
    """Tell whether the write of this run for this user is in the sample: the same answer each time."""
    digest = blake2b(f"{run_id}\n{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def _sample(ports: Ports, run: Run, share: float) -> Iterator[Json]:
    entries = ports.journal.entries(run.run_id)
    return (entry for entry in entries if is_sampled(run.run_id, entry["office365_id"], share=share))


# --- the reads --------------------------------------------------------------------------------------------------------


def _go_on(ports: Ports, run: Run, progress: Json) -> float | None:
    left = islice(_sample(ports, run, progress["share"]), progress["read"], None)
    waiting: list[Json] = []
    for _ in range(REQUESTS_AT_ONCE):
        waiting += islice(left, AT_ONCE - len(waiting))
        if not waiting:
            _advance(ports, run, progress, {**progress, "ended": ""})
            return None
        try:
            answer = _fetch(ports, run, waiting)
        except SyncError as error:
            return _outwait(ports, run, progress, error)
        differing = _find_differing(
            ports, run, [(entry, answer[_contact_id(entry)]) for entry in waiting[: len(answer)]]
        )
        waiting = waiting[len(answer) :]
        following = {
            **progress,
            "read": progress["read"] + len(answer),
            "differing": progress["differing"] + len(differing),
            "moved_ms": ports.runs.now_ms(),
        }
        progress = _advance(ports, run, progress, following, warnings=differing)
        ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
    return GO_ON_S


def _fetch(ports: Ports, run: Run, waiting: Sequence[Json]) -> dict[str, Contact | None]:
    """Read the contacts of the first of these entries; of two of one contact both are answered."""
    answer = dict(ports.contacts(run).fetch_by_ids([_contact_id(entry) for entry in waiting]))
    if _contact_id(waiting[0]) not in answer:
        raise WireError("contact_missing", vendor="psa")
    return answer


def _outwait(ports: Ports, run: Run, progress: Json, error: SyncError) -> float | None:
    """Come back later, or give up: at once where waiting does not help, else after a time without an answer."""
    if isinstance(error, TransientError) and error.vendor == "store":
        raise error
    stood_s = (ports.runs.now_ms() - progress["moved_ms"]) / 1000
    is_down = ports.budgets.down_since_ms(run.instance) is not None
    if not isinstance(error, TransientError) or is_down or stood_s > ports.timing.read_back_patience_s:
        _advance(ports, run, progress, {**progress, "ended": str(error)})
        return None
    wait_s = error.retry_after_s if error.retry_after_s is not None else FIRST_WAIT_S
    wait_s = min(max(wait_s, GO_ON_S), ports.timing.longest_countdown_s)
    ports.runs.touch(run.run_id, due_in_s=wait_s + ports.timing.due_s)
    return wait_s


def _advance(ports: Ports, run: Run, progress: Json | None, following: Json, *, warnings: Sequence[Json] = ()) -> Json:
    now = datetime.fromtimestamp(ports.runs.now_ms() / 1000, UTC)
    rows = [report.warning_row(each, at=now) for each in warnings]
    if not ports.runs.warn(run.run_id, rows, note=NOTE, expected=progress, value=following):
        raise _ElsewhereError
    return following


# --- the comparison ---------------------------------------------------------------------------------------------------


def _find_differing(ports: Ports, run: Run, pairs: Sequence[tuple[Json, Contact | None]]) -> list[Json]:
    """Return a warning of each contact that does not hold what was written, but for what another run wrote since."""
    return [
        found
        for entry, contact in pairs
        if (found := _difference(entry, contact)) is not None and not _is_overtaken(ports, run, entry)
    ]


def _difference(entry: Json, contact: Contact | None) -> Json | None:
    name = entry["user_principal_name"]
    if contact is None:
        said = f"Contact {_contact_id(entry)} of {name} was written and is not in the PSA any more"
    else:
        found = [
            f"{field} ({_shown(sent)} was sent, {_shown(held)} is there)"
            for field, sent, held in compare(entry, contact)
        ]
        if not found:
            return None
        said = f"Contact {contact.id} of {name} does not hold what was written: {', '.join(found)}"
    hint = "the PSA or somebody has changed it; a rule or workflow there may do so again"
    return {"user_principal_name": name, "code": codes.READ_BACK_DIFFERS, "message": f"{said}; {hint}"}


def _is_overtaken(ports: Ports, run: Run, entry: Json) -> bool:
    """Tell whether another run has written for this user since; it reads back its own writes."""
    events = ports.memory.history(run.home, entry["office365_id"])
    writes = [event.run_id for event in events if event.kind in ("created", "updated", "deactivated")]
    return bool(writes) and writes[-1] != run.run_id


def _contact_id(entry: Json) -> str:
    return str(entry["psa_contact_id"])


def _shown(value: str | None) -> str:
    if not value:
        return "nothing"
    return f'"{value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"}"'
