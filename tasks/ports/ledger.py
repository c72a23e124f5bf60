"""One run in the store, from request to close, and what outlives it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from adapters.records import (
    Batch,
    Claim,
    Contact,
    Grant,
    HistoryEvent,
    Intent,
    Link,
    Outcome,
    Planned,
    Run,
    Tombstone,
    User,
    Watermark,
)
from tasks.ports.vendors import Json


class Runs(Protocol):
    """Runs from request to close. Every step is atomic and a no-op for a run that is not open, or not in that state."""

    def now_ms(self) -> int:
        """Read the store's clock."""

    def request_run(self, run: Run, *, tick: tuple[int, int] | None = None) -> bool:
        """Write a run as requested, due at once; with a tick (expected, new) also compare-and-set the connector's
        last scheduled time. False, and nothing written, if the tick moved or the run exists."""

    def request_once(self, run: Run, *, key: str, keep_s: float) -> str:
        """Request a run under an idempotency key; return its id, or that of the run the key was used for before."""

    def load_run(self, run_id: str) -> Run | None:
        """Return an open run; None if it is closed or unknown."""

    def is_closed(self, run_id: str) -> bool:
        """Tell a closed run (for two visibility time-outs, or while its report is kept) from an unknown one."""

    def begin_reading(
        self,
        run_id: str,
        *,
        mode: str,
        config_version: int,
        exclusive: bool,
        home: str = "",
        notes: Json | None = None,
        most: int = 0,
    ) -> Run | str | int | None:
        """Take REQUESTED to READING, and the connector's lease if exclusive (a repeat answers the run again).

        At most so many exclusive runs go on at an instance (0: any number). A number is the run's place among those
        that wait, in the order of their requests; the run then stays REQUESTED, with its place as the note `place`.

        `home` is the connector's: a run without it cannot record a link. `notes` are merged in the same step.

        A string is the id of the run that holds the lease; the run then stays REQUESTED. None: not open."""

    def leave_turn(self, run_id: str, instance: str) -> None:
        """Count a run no longer among those that go on at an instance, so that another one may begin; repeatable."""

    def next_in_turn(self, instance: str) -> str | None:
        """Name the run that has waited longest for its turn at an instance; it may have ended since."""

    def note(self, run_id: str, **facts: Any) -> None:
        """Merge small facts into the run's notes."""

    def warn(self, run_id: str, rows: Sequence[Json], *, note: str, expected: Json | None, value: Json) -> bool:
        """Append warnings to a run that is being written, and take one of its notes from there to there: one step.

        False, and nothing done, if the note stands elsewhere (None: is not there), or the run is not being written."""

    def touch(self, run_id: str, *, due_in_s: float) -> None:
        """Say that the run makes progress; `overdue_runs` names it when this time has passed."""

    def stop(self, run_id: str, *, reason: str, error: Json | None) -> None:
        """Let no further user be written: the spool becomes unprocessed, users in flight end as they can.

        `error` is the connector-wide error row; the first call wins."""

    def close(
        self,
        run_id: str,
        *,
        head: Json,
        watermark: Watermark | None,
        forget_watermark: bool = False,
        settles: bool = True,
        is_whole: bool = True,
        alert: Json | None = None,
        plan: Json | None = None,
    ) -> bool:
        """Close in one step: report head and rows kept under the run's id, watermark, retry set and refused set merged
        from the outcomes, lease, turn and every run-scoped key gone, closed marker set. False if it was not open.

        `plan` says what is known of the plan that the rows make (`KeptPlan`); it is numbered in the same step, and the
        head gets the number as "plan".

        `settles` says that users for whom the run ended well have nothing left to be retried, `is_whole` that it
        was over the whole tenant: such a success is what a connector's last one is reckoned from."""


class Reading(Protocol):
    """What one run has read, by (generation, page), each stored once."""

    def save_page(
        self,
        run_id: str,
        *,
        generation: int,
        page: int,
        entries: Sequence[User | Tombstone],
        unknown: Sequence[str] = (),
        read_at_ms: int,
        next_step: Json | None,
    ) -> bool:
        """Store a page and the step that follows it (None: the read is complete) in one step. False if it was stored
        before, the generation moved or the run is not reading; the first one stands."""

    def next_step(self, run_id: str, *, generation: int, page: int) -> Json | Literal[False] | None:
        """Return what follows a stored page; False if that page is not stored."""

    def pages(self, run_id: str) -> int:
        """Count the stored pages of the current generation."""

    def restart(self, run_id: str, *, generation: int, mode: str | None = None) -> int | None:
        """Drop the pages of that generation and return the next one; None if it moved, or the run is not reading."""

    def slices(self, run_id: str) -> Iterable[list[tuple[User | Tombstone, int]]]:
        """Yield all entries with their read times, each user once (last page and position win), sliced by user id."""

    def find(self, run_id: str, user_id: str) -> User | Tombstone | None:
        """Return what was read last of one user; None if the read has met none of that id."""

    def unknown_names(self, run_id: str) -> list[str]:
        """List the names that Graph did not know."""

    def begin_judging(self, run_id: str) -> bool:
        """Take READING to JUDGING once the read is complete; True also for a repeat."""


class Index(Protocol):
    """The contact index of one run: one company's contacts at one time."""

    def reset(self, run_id: str, *, holder: str, keep: bool = False) -> bool:
        """Forget what was indexed and start over under this holder; False if another live holder is loading.

        `keep` goes on with what is there, as far as the run's note `indexed` says."""

    def add(
        self,
        run_id: str,
        contacts: Sequence[Contact],
        keys: Sequence[Sequence[str]],
        *,
        holder: str,
        progress: Json | None = None,
    ) -> None:
        """Index contacts, each under its look-up keys (opaque strings of tasks.matching).

        How far the index is becomes the run's note `indexed` in the same step. Raises LookupError if the holder lost
        the index."""

    def seal(self, run_id: str, *, holder: str, read_at_ms: int) -> None:
        """Say that the index is complete, and when its read began (`Run.index_at_ms`). Raises LookupError as add."""

    def release(self, run_id: str, *, holder: str) -> None:
        """Give up an index that is not sealed, so that the next one need not wait for this holder to lapse."""

    def find(self, run_id: str, keys: Sequence[str]) -> dict[str, tuple[Contact, ...]]:
        """Return the contacts under each key."""

    def fetch(self, run_id: str, contact_ids: Sequence[str]) -> dict[str, Contact]:
        """Return indexed contacts by id."""


class Plan(Protocol):
    """The judged plan: written while JUDGING, frozen into batches while WRITING."""

    def reset(self, run_id: str, *, holder: str) -> bool:
        """Start the plan over, under this holder; False if another live holder is judging."""

    def add(self, run_id: str, *, holder: str, planned: Sequence[Planned], outcomes: Sequence[Outcome]) -> None:
        """Append users to the spool, and outcomes that are known without a write (a dry run's: all).

        Raises LookupError if the holder lost the plan."""

    def seal(self, run_id: str, *, holder: str) -> bool:
        """Take JUDGING to WRITING and give the run its turn in its instance and lane. True also for a repeat."""

    def release(self, run_id: str, *, holder: str) -> None:
        """Give up a plan that is not sealed, so that the next judge need not wait for this holder to lapse."""

    def freeze_batch(self, instance: str, *, lane: str, size: int, window: int) -> Batch | None:
        """Pop up to `size` users off the next run's spool (fair turns) and freeze them as a batch, in one step.

        None if nothing waits or the users of this instance and lane that are frozen without outcome fill the window."""

    def summarize_batch(self, run_id: str, batch_id: str) -> Literal["again", "done", "last"] | None:
        """Seal a batch: "again" if a member has no outcome, "last" if with it the whole run is complete. Repeatable."""

    def is_complete(self, run_id: str) -> bool:
        """Tell whether the spool is empty and every frozen member has an outcome."""

    def exclude(self, run_id: str, *, holder: str, rows: Sequence[Json]) -> None:
        """Append rows of users that are out of scope, with the rule's name; cleared by reset like the rest."""

    def add_rows(self, run_id: str, *, holder: str, rows: Mapping[str, Sequence[Json]]) -> None:
        """Append rows of users that are counted nowhere, by kind: "excluded", "warnings", "held". Cleared by reset."""

    def take(self, run_id: str, *, holder: str, most: int) -> list[Planned]:
        """Pop up to so many users off a spool that is not sealed, in its order. Raises LookupError as add."""

    def waiting(self, run_id: str) -> int:
        """Count the users in the spool."""

    def has_room(self, instance: str, *, lane: str, size: int, window: int) -> bool:
        """Tell whether a batch of that size waits and would fit the window; cheap."""

    def counts(self, run_id: str) -> dict[str, int]:
        """Count distinct users by outcome status, and "excluded", "warnings", "held", "deactivated"."""


class Users(Protocol):
    """One user's write, from lease to outcome."""

    def begin(self, run_id: str, user_id: str, *, holder: str) -> tuple[Planned, Grant] | float | None:
        """Take the user's lease. A number: held by a live holder, or written this very moment; come back in so many
        seconds. None: has an outcome, or the run is not writing. A dead holder's lease is taken over with a higher
        fence, and its intent comes with the grant. If the run is stopping, records "unprocessed" and returns None,
        unless an intent is unresolved."""

    def claim(
        self, grant: Grant, *, instance: str, company_id: str, addresses: Sequence[str], contact_id: str | None
    ) -> Claim | None:
        """Claim the contact and the company's addresses for this grant, all or none; a dead holder's are taken over.

        None: another holder has one of them, or the grant is no longer valid. A look-up that is older than
        `others_wrote_at_ms` no longer carries a creation; that time is remembered for 15 minutes."""

    def store_intent(self, grant: Grant, intent: Intent) -> bool:
        """Store what is about to be sent. False if the grant is no longer valid: then nothing may be sent."""

    def clear_intent(self, grant: Grant, *, lost: int = 0) -> None:
        """Say that the write did not happen: it was refused, or nothing is found of it.

        `lost` counts the latter, and comes with the user's next grants until an outcome is recorded."""

    def record(self, grant: Grant, run_id: str, outcome: Outcome, *, keep_intent: bool = False) -> bool:
        """Record the outcome once, clear the intent, keep link and read time, give back lease and claims: one step.

        `keep_intent` leaves an unresolved intent for whoever comes next, of whatever run, for a week.

        False if the fence is stale (nothing recorded) or the user has an outcome already (the rest is done)."""

    def settle(self, grant: Grant, intent: Intent, outcome: Outcome) -> None:
        """Record what an earlier holder's intent proved to be, under its own run, and clear it; the lease stays.

        If that run is closed, the link is kept and nothing is counted."""

    def postpone(self, grant: Grant, run_id: str, *, wait_s: float, keep_intent: bool = False) -> None:
        """Give back lease and claims and say when the user comes back; `overdue_users` names it if it does not."""


class Memory(Protocol):
    """What outlives a run, keyed by connector, or by tenant and instance (`home`)."""

    def links(self, home: str, user_ids: Sequence[str]) -> dict[str, Link]:
        """Return the users' links."""

    def iter_links(self, home: str) -> Iterable[dict[str, Link]]:
        """Yield all links, some hundred at a time; one that is changed meanwhile may come twice or be left out."""

    def count_links(self, home: str) -> int:
        """Count the users that have a link."""

    def owners(self, home: str, contact_ids: Sequence[str]) -> dict[str, str]:
        """Return which user each contact is linked to, from any tenant of the instance ("tenant/user")."""

    def save_links(self, home: str, links: Mapping[str, Link]) -> None:
        """Remember links without a write; a link with a newer read time stands."""

    def note_reader(self, tenant_id: str, connector_id: str) -> None:
        """Remember that this connector reads the tenant. A repeat changes nothing."""

    def readers(self, tenant_id: str) -> set[str]:
        """Return which connectors ever read the tenant."""

    def note_changes(self, connector_id: str, run_id: str, tally: Mapping[str, int], *, keep_s: float) -> None:
        """Remember how many changes of each kind a run makes; a repeat for the same run replaces it."""

    def recent_changes(self, connector_id: str, *, within_s: float) -> dict[str, dict[str, int]]:
        """Return by run what was remembered within this time."""

    def watermark(self, connector_id: str) -> Watermark | None:
        """Return the saved delta link."""

    def pairings(self, home: str, company_ids: Sequence[str]) -> dict[str, str]:
        """Return what is known of this tenant's pairing with each company: "fits", "doubtful" or "confirmed"."""

    def unfinished(self, connector_id: str) -> dict[str, Json]:
        """Return the retry set and the refused users: user id → {"kind": "retry" | "refused", "since_ms", …}."""

    def forget_unfinished(self, connector_id: str, user_ids: Sequence[str]) -> None:
        """Take users that are gone off the retry set and the refused users; a repeat changes nothing."""

    def unfinished_of(self, connector_id: str, user_id: str) -> Json | None:
        """Return one user's entry of the retry set or the refused users."""

    def history(self, home: str, user_id: str) -> tuple[HistoryEvent, ...]:
        """Return the last events of a user, at most ten, the oldest first."""

    def forget_history(self, home: str, user_ids: Sequence[str]) -> None:
        """Forget the events of users that are gone and have no link; a repeat changes nothing."""

    def last_tick(self, connector_id: str) -> int | None:
        """Return the connector's last scheduled time that was taken (ms); None before its first sight."""

    def see_connector(self, connector_id: str, *, at_ms: int) -> None:
        """Remember when a connector was first seen: its schedule counts from there. A repeat changes nothing."""

    def note_quality(self, connector_id: str, day: str, part: str, numbers: Mapping[str, int]) -> None:
        """Remember one part of a day's numbers ("2026-11-25"); a repeat replaces it. Old days are thinned out."""

    def quality(self, connector_id: str) -> dict[str, dict[str, int]]:
        """Return by day what is remembered, all parts of a day together."""
