"""A run and what becomes of its users, as the ledger keeps them. Times are milliseconds of the store's own clock."""

from enum import StrEnum
from typing import Any, Literal

from adapters.records.base import Record
from adapters.records.contacts import ContactChange, ContactDraft
from adapters.records.directory import User

Lane = Literal["bulk", "targeted"]
Json = dict[str, Any]

CANCELLED = "cancelled"
"""Why a run was stopped that somebody asked to end; other reasons are codes of errors."""


class RunState(StrEnum):
    """The steps of a run; a run only moves forward."""

    REQUESTED = "requested"
    READING = "reading"
    JUDGING = "judging"
    WRITING = "writing"
    CLOSED = "closed"


class Run(Record):
    """One execution for one connector."""

    run_id: str
    connector_id: str
    instance: str  # name of the PSA instance
    lane: Lane
    trigger: str  # schedule, cli, api, event, poll, flower
    request: Json  # SyncRequest as JSON
    dry_run: bool = False
    requested_at_ms: int = 0
    state: RunState = RunState.REQUESTED
    mode: Literal["full", "incremental"] = "incremental"  # what it really is, once started
    config_version: int = 0  # 0 until started
    home: str = ""  # tenant and PSA instance, where its links live; known once started
    started_at_ms: int = 0
    generation: int = 0  # grows each time the read starts over
    index_at_ms: int = 0  # when the contact index was read; 0: no index
    stopping: str | None = None  # why no further user is written: cancelled, or an error's code
    notes: Json = {}  # small facts that one step leaves for a later one

    @property
    def undoes(self) -> str | None:
        """The run whose writes this one takes back; None of any other run."""
        return self.notes.get("undoes")


class Former(Record):
    """What ledger and PSA held before a write, beside the old values of its fields: whoever undoes it needs it."""

    written: dict[str, str] = {}  # digests of the changed fields, as the link had them
    fingerprint: str = ""  # of the link
    site_id: str | None = None  # of a contact that moves
    created: bool = False  # the contact was made by the run that is being undone


class Planned(Record):
    """A user that needs a write, with all that the write needs; exactly one of `draft` and `change` is set."""

    user: User
    read_at_ms: int
    draft: ContactDraft | None = None
    change: ContactChange | None = None
    addresses: tuple[str, ...] = ()  # folded, of this user
    changed_fields: tuple[str, ...] = ()
    before: dict[str, str | None] = {}  # old values of the changed fields
    warnings: tuple[Json, ...] = ()
    fingerprint: str = ""  # of the whole draft: the last written values
    written: dict[str, str] = {}  # digests of source values, for fields written only when their source changes
    former: Former | None = None  # of a change


class Member(Record):
    """One frozen user: its place in the chord, and the user principal name that messages show."""

    run_id: str
    batch_id: str
    index: int
    user_id: str
    name: str
    lane: Lane


class Batch(Record):
    """The frozen users of one chord, in the order of their group index."""

    run_id: str
    batch_id: str
    members: tuple[Member, ...]


class Link(Record):
    """Which contact is this user's, and what we last wrote there."""

    contact_id: str
    company_id: str
    fingerprint: str = ""
    read_at_ms: int = 0  # of the record last applied
    written: dict[str, str] = {}
    strayed_to: str | None = None  # company in which it was looked for and met after its user left; "": nowhere


class Intent(Record):
    """What is about to be written, stored before it is sent; it survives its run."""

    run_id: str
    operation: Literal["create", "update"]
    target: Json  # contact_id and fields (update) or company_id, addresses and entra_id (create)
    not_after_ms: int
    row: Json  # the outcome's report row if it proves to have happened
    link: Link | None = None  # what is remembered then
    warnings: tuple[Json, ...] = ()
    former: Former | None = None


class Grant(Record):
    """A user lease: proof, by its fence, that this holder may write for this user."""

    connector_id: str
    user_id: str
    holder: str  # incarnation of the worker process, and a nonce
    fence: int
    home: str = ""  # of the run
    intent: Intent | None = None  # unresolved, left by an earlier holder
    suspect: bool = False  # the store restarted since the user was frozen: its last second may be gone
    lost: int = 0  # writes for this user whose answer was lost and of which nothing was found
    attempts: int = 1
    first_tried_at_ms: int = 0


class Claim(Record):
    """What the store knew at the moment when contact and addresses became a grant's."""

    at_ms: int
    applied_read_at_ms: int | None = None  # read time of the record last applied to this user; None: no link
    others_wrote_at_ms: int = 0  # when a write for another user was last announced under one of the addresses


class Outcome(Record):
    """What became of one user in one run. `row` is the report's row for it."""

    user_id: str
    status: Literal["created", "updated", "skipped", "error", "unprocessed"]
    row: Json = {}
    warnings: tuple[Json, ...] = ()
    link: Link | None = None
    journal: Json = {}  # the entry of a write that happened; it outlives the run
    retry: Literal["retry", "refused"] | None = None  # an error only: the retry set, or refused until something changes
    named: tuple[str, ...] = ()  # ids of the other users that a refusal speaks of: they are judged together


class HistoryEvent(Record):
    """What one run did for one user. The same refusal or hold in run after run is one event; `run_id` is the last."""

    kind: Literal["created", "updated", "deactivated", "error", "held"]
    run_id: str
    at_ms: int
    since_ms: int
    times: int = 1
    detail: str = ""  # a contact's id, changed fields separated by commas, or an error's code


class Churn(Record):
    """How many changes of each kind one run made, where nothing of that kind was held back."""

    creations: int | None = None
    deactivations: int | None = None
    rewrites: dict[str, int] = {}  # by field; a field that is not named was not rewritten


class Watermark(Record):
    """The delta link that the last closed run saved, with what it was asked for."""

    delta_link: str
    obtained_at_ms: int
    fingerprint: str  # configuration and $select
    home: str = ""  # of the run; empty: saved by a release that knew no approvals
    fresh: bool = False  # taken by `$deltatoken=latest`: the next run also reads users created shortly before
    full_at_ms: int = 0  # the last full run that closed
    users: int = 0  # of the tenant, by the last full read that was believed; 0: none yet
    contacts: dict[str, int] = {}  # by company, as the last index had them that was believed
    churn: tuple[Churn, ...] = ()  # of the last runs, the newest last
