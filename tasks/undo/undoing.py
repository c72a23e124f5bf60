"""Undoing a run: a run of its own, whose plan is made from the other one's journal instead of the directory."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from adapters.errors import NotFoundError
from adapters.records import Contact, Link, Outcome, Planned, Run, User
from tasks import closing, codes, on_hold, report
from tasks.connector import Connector
from tasks.judgement import Judgement
from tasks.ports import Json, Ports
from tasks.request import SyncRequest
from tasks.requesting import KEY_KEPT_S, MEANT_FOR, new_run, new_run_id
from tasks.undo.putting_back import PuttingBack, Written, written_by

__all__ = ["UndoRefusedError", "count_writes", "decide_again", "describe", "plan_all", "request_undo"]

T = TypeVar("T")

AT_ONCE = 500  # users

Decision = Planned | Outcome


class UndoRefusedError(ValueError):
    """A run that cannot be undone, and why; nothing was requested."""


# --- the request ------------------------------------------------------------------------------------------------------


def describe(ports: Ports, run_id: str) -> Json:
    """Return the head of a run that can be undone. Raises UndoRefusedError."""
    if ports.runs.load_run(run_id) is not None:
        raise UndoRefusedError(f"run {run_id} is still going on; wait for its end, or cancel it first")
    head = ports.reports.head(run_id)
    if head is None:
        raise UndoRefusedError(f"there is no run {run_id!r}, or its report is gone")
    if head["dry_run"]:
        raise UndoRefusedError(f"run {run_id} was a dry run: it wrote nothing that could be undone")
    if not ports.journal.is_kept(run_id):
        written = head["statistics"]["contacts_created"] + head["statistics"]["contacts_updated"]
        if written:
            days = ports.timing.journal_days
            raise UndoRefusedError(
                f"what run {run_id} wrote over is not known any more: that is kept for {days} days"
                " ([service.retention] journal_days)"
            )
        raise UndoRefusedError(f"run {run_id} wrote nothing that could be undone")
    return head


def count_writes(ports: Ports, run_id: str, *, names: Iterable[str] = ()) -> Counter[str]:
    """Count by operation ("create", "update") what an undo would take back. Raises UndoRefusedError."""
    describe(ports, run_id)
    wanted = _Wanted(names)
    return Counter(entry["operation"] for entry in ports.journal.entries(run_id) if wanted.takes(entry))


def request_undo(
    ports: Ports, run_id: str, *, names: Iterable[str] = (), dry_run: bool = False, trigger: str, key: str | None = None
) -> Run:
    """Request a run that undoes this one, of these users only if they are named; returns it as requested.

    A repeat requests another one, which finds everything undone, but names the same one under the same idempotency
    key. Raises UndoRefusedError."""
    head = describe(ports, run_id)
    connector = _connector(ports, head)
    request = SyncRequest(user_principal_names=tuple(names), dry_run=dry_run)
    statistics = head["statistics"]
    writes = len(request.user_principal_names) or statistics["contacts_created"] + statistics["contacts_updated"]
    while True:
        now_ms = ports.runs.now_ms()
        new_id = new_run_id(connector.connector_id, at_ms=now_ms)
        run = new_run(connector, request, trigger=trigger, run_id=new_id, at_ms=now_ms)
        notes = {
            "undoes": run_id,
            "frees": head["undoes"] if _puts_back(ports, head) else None,
            "writes": writes,
            "enabled_users": statistics["total_office365_users"],
            MEANT_FOR: connector.home,
        }
        run = run.model_copy(update={"notes": {**run.notes, **notes}})
        if key is not None:
            run = run.model_copy(update={"run_id": ports.runs.request_once(run, key=key, keep_s=KEY_KEPT_S)})
        elif not ports.runs.request_run(run):
            continue  # somebody was given that id in this very second
        ports.publisher.start_run(run.run_id)
        return run


def _puts_back(ports: Ports, head: Json | None) -> bool:
    """Tell a run that put old values back; one that undid an undo wrote the new ones again."""
    return head is not None and "undoes" in head and not _puts_back(ports, ports.reports.head(head["undoes"]))


def _connector(ports: Ports, head: Json) -> Connector:
    name, version = head["connector"], ports.configuration.current_version()
    try:
        connector: Connector = ports.configuration.connector(name, version=version)
    except KeyError:
        raise UndoRefusedError(f"connector {name} of that run is not in the published configuration") from None
    if head.get("home") not in (None, connector.home):
        raise UndoRefusedError(
            f"connector {name} has another tenant or PSA than in run {head['run_id']} ({head['home']})"
        )
    return connector


# --- the plan ---------------------------------------------------------------------------------------------------------


def plan_all(judgement: Judgement) -> None:
    """Plan the undoing of each write in the journal, some hundred at a time.

    The mass-change guard has no say: whoever asks for an undo has said how much is to be written."""
    ports, run = judgement.ports, judgement.run
    wanted = _Wanted(judgement.request.user_principal_names)
    entries = (entry for entry in ports.journal.entries(str(run.undoes)) if wanted.takes(entry))
    undoing = _putting_back(judgement.ports, run, judgement.connector)
    for some in _chunks(entries):
        read_at_ms, written = ports.runs.now_ms(), [Written.of_entry(entry) for entry in some]
        contacts = judgement.contacts_by_id([each.contact_id for each in written])
        links = ports.memory.links(run.home, [each.user.id for each in written])
        owners = ports.memory.owners(run.home, list(contacts))
        decisions = [
            undoing.plan(
                each,
                contacts.get(each.contact_id),
                link=links.get(each.user.id),
                owner=owners.get(each.contact_id),
                read_at_ms=read_at_ms,
            )
            for each in written
        ]
        _hold(ports, run, [each.user for each, of in zip(written, decisions, strict=True) if _is_undone(of)])
        judgement.add([_stamped(judgement, decision) for decision in decisions])
        ports.runs.touch(run.run_id, due_in_s=ports.timing.step_due_s)
    judgement.add([_unknown(ports, run, name) for name in wanted.missing])
    judgement.tally.clear()


def _is_undone(decision: Decision) -> bool:
    """Tell whether something is put back, or is as it was already."""
    return isinstance(decision, Planned) or not decision.warnings


def _hold(ports: Ports, run: Run, users: Sequence[User]) -> None:
    """Put users on hold before anything of theirs is written; whose undo is undone is released instead."""
    if run.dry_run:
        return
    if run.notes.get("frees") is not None:
        on_hold.release_users(ports, run.connector_id, users, reason=on_hold.undone(run.notes["frees"]))
    else:
        reason = on_hold.undone(str(run.undoes))
        on_hold.put_on_hold(ports, run.connector_id, users, reason=reason, by=run.trigger)


class _Wanted:
    """Which users' writes are undone: those that are named, by principal name or object id, else all."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name.casefold(): name for name in names}
        self._found: set[str] = set()

    def takes(self, entry: Json) -> bool:
        """Tell whether this entry is wanted."""
        own = {str(entry[name]).casefold() for name in ("user_principal_name", "office365_id")} & self._names.keys()
        self._found |= own
        return bool(own) or not self._names

    @property
    def missing(self) -> list[str]:
        """Name those of whom no entry came."""
        return [name for folded, name in self._names.items() if folded not in self._found]


def _unknown(ports: Ports, run: Run, name: str) -> Outcome:
    message = f"run {run.undoes} wrote nothing for {name}; `contact-sync report {run.undoes}` lists its users"
    row = report.error_row(name, code=codes.USER_NOT_FOUND, message=message, at=closing.now(ports))
    return Outcome(user_id=f"name:{name}", status="error", row=row)


# --- one user, once more ----------------------------------------------------------------------------------------------


def decide_again(ports: Ports, run: Run, connector: Connector, planned: Planned) -> Decision:
    """Look at the contact once more before it is written: what was changed since the plan was made is left alone."""
    written, user_id = written_by(planned), planned.user.id
    read_at_ms = ports.runs.now_ms()
    link: Link | None = ports.memory.links(run.home, [user_id]).get(user_id)
    try:
        contact: Contact | None = ports.contacts(run).fetch_contact(written.contact_id)
    except NotFoundError:
        contact = None
    owner = ports.memory.owners(run.home, [written.contact_id]).get(written.contact_id)
    undoing = _putting_back(ports, run, connector)
    decision = undoing.plan(written, contact, link=link, owner=owner, read_at_ms=read_at_ms)
    warnings = tuple(report.warning_row(each, at=closing.now(ports)) for each in decision.warnings)
    return decision.model_copy(update={"warnings": (*planned.warnings, *warnings)})


def _putting_back(ports: Ports, run: Run, connector: Connector) -> PuttingBack:
    return PuttingBack(connector, ports.contacts(run).fetch_schema(), undone_run=str(run.undoes))


def _stamped(judgement: Judgement, decision: Decision) -> Decision:
    return decision.model_copy(update={"warnings": tuple(map(judgement.stamped, decision.warnings))})


def _chunks(source: Iterable[T]) -> Iterator[list[T]]:
    left = iter(source)
    while some := list(islice(left, AT_ONCE)):
        yield some
