"""The Protocols that tasks need and nothing more. A method says what a repeat does; adapters satisfy them by shape."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from adapters.records import (
    Batch,
    Claim,
    Company,
    Contact,
    ContactChange,
    ContactDraft,
    DirectoryPage,
    Grant,
    Intent,
    Link,
    Member,
    Outcome,
    Planned,
    PsaSchema,
    Run,
    Subscribed,
    Subscription,
    Taken,
    Tombstone,
    User,
    Watermark,
)
from tasks.alerting import AlertRules

Json = dict[str, Any]
Permit = Callable[[], float]
"""Called just before a write is sent: seconds that it may still take; raises TransientError if it may not be sent."""


# --- vendors ----------------------------------------------------------------------------------------------------------


class Directory(Protocol):
    """One tenant's Microsoft 365 users. All reads, all repeatable; all raise Transient-, Tenant- or WireError."""

    def fetch_users(self, link: str | None = None, *, created_since: str | None = None) -> DirectoryPage:
        """Read one page of the user list; None is the first. Raises ResyncError(page_link_expired)."""

    def fetch_delta(self, link: str) -> DirectoryPage:
        """Read one page of changes. Raises ResyncError(delta_link_dead)."""

    def fetch_latest_delta_link(self) -> str:
        """Return a delta link that starts now, asked for with our `$select`."""

    def fetch_user(self, name: str) -> User | None:
        """Read one user by object id or user principal name; None if Graph does not know it."""

    def fetch_deleted_users(self, link: str | None = None) -> DirectoryPage:
        """Read one page of the users that were deleted within the last 30 days: id and names only."""

    def count_users(self, *, enabled_only: bool) -> int:
        """Count the tenant's users, guests included; eventually consistent."""


class Contacts(Protocol):
    """One PSA instance's contacts and companies, through one lane of its budget."""

    def fetch_schema(self) -> PsaSchema:
        """Read which fields, lengths, departments and contact types this installation has."""

    def fetch_company(self, company_id: str) -> Company:
        """Read a company with its sites. Raises NotFoundError."""

    def fetch_contacts(self, company_id: str, cursor: str | None = None) -> tuple[tuple[Contact, ...], str | None]:
        """Read a large page of a company's contacts, inactive ones included, in a stable order; and the next cursor."""

    def count_contacts(self, company_id: str) -> int:
        """Count a company's contacts, inactive ones included."""

    def fetch_contact(self, contact_id: str) -> Contact:
        """Read one contact live. Raises NotFoundError."""

    def find_contacts(self, company_ids: Sequence[str], *, entra_id: str, emails: Sequence[str]) -> tuple[Contact, ...]:
        """Look up live, in these companies, by stored object id and by all addresses; inactive ones included."""

    def find_namesakes(self, company_ids: Sequence[str], *, first_name: str, last_name: str) -> tuple[Contact, ...]:
        """Look up live, in these companies, the contacts of that name, folded for case; inactive ones included."""

    def create_contact(self, draft: ContactDraft, *, permit: Permit) -> Contact:
        """Add this contact and return it as the PSA now holds it.

        Not safe to repeat: AnswerLostError means it may exist, TransientError that it certainly was not taken,
        RecordError that the PSA refuses it, WireError with a `contact_id` that it exists, but not as it was to be."""

    def update_contact(self, change: ContactChange, *, permit: Permit) -> Contact:
        """Write these differences and return the contact as the PSA now holds it. A repeat writes the same values.

        Errors as for create_contact; NotFoundError if the contact is gone."""


class Subscriptions(Protocol):
    """Our app's subscriptions to changes of one tenant's users. All raise Transient-, Tenant- or WireError."""

    def create(self, *, url: str, client_state: str, expires_at_ms: int) -> Subscription:
        """Subscribe this address. Not safe to repeat: after AnswerLostError there may be one."""

    def renew(self, subscription_id: str, *, expires_at_ms: int) -> Subscription:
        """Let a subscription live until then, and authorise it again. Raises NotFoundError."""

    def fetch_all(self) -> tuple[Subscription, ...]:
        """Return every subscription of our app to this tenant's users."""

    def delete(self, subscription_id: str) -> None:
        """End a subscription; one that is gone is fine."""


# --- configuration ----------------------------------------------------------------------------------------------------


class Configuration(Protocol):
    """The published snapshots; `Connector` is `tasks.connector.Connector`."""

    def current_version(self) -> int:
        """Return the newest published version; 0 if there is none."""

    def connector(self, connector_id: str, *, version: int) -> Any:
        """Return the compiled connector of that snapshot. Raises KeyError."""

    def connectors(self, *, version: int) -> Iterable[str]:
        """List the connector ids of that snapshot."""


# --- the ledger -------------------------------------------------------------------------------------------------------


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
        alert: Json | None = None,
    ) -> bool:
        """Close in one step: report head and rows kept under the run's id, watermark, retry set and refused set merged
        from the outcomes, lease, turn and every run-scoped key gone, closed marker set. False if it was not open.

        `settles` says that users for whom the run ended well have nothing left to be retried."""


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

    def claim_tenant(self, tenant_id: str, connector_id: str, *, remember: bool) -> set[str]:
        """Return which connectors ever read the tenant; remember that this one does. A repeat changes nothing."""

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

    def last_tick(self, connector_id: str) -> int | None:
        """Return the connector's last scheduled time that was taken (ms); None before its first sight."""

    def see_connector(self, connector_id: str, *, at_ms: int) -> None:
        """Remember when a connector was first seen: its schedule counts from there. A repeat changes nothing."""


class Events(Protocol):
    """Changed users that wait for a run, the subscriptions that tell of them, and polls. Every method is one step."""

    def receive(self, connector_id: str, user_ids: Sequence[str], *, gather_s: float, window_s: float) -> float | None:
        """Note changed users; return in how many seconds a run may take them, None if that was told before."""

    def take(self, run: Run, *, most_users: int, most_runs: int, window_s: float) -> Taken:
        """Write this run as requested for the users that are due, and take them off the waiting ones, in one step.

        A user that an open event run has stays until that one is closed. Without a user to take, no run is written."""

    def overdue(self, *, limit: int, grace_s: float) -> list[str]:
        """Name connectors whose changed users should have been taken so many seconds ago."""

    def postpone(self, connector_id: str, *, seconds: float) -> None:
        """Let a connector's changed users wait some more."""

    def forget_changes(self, connector_id: str) -> None:
        """Drop a connector's changed users: nobody wants them."""

    def subscription(self, connector_id: str) -> Subscribed | None:
        """Return what is known of a connector's subscription."""

    def subscriptions(self) -> dict[str, Subscribed]:
        """Return what is known of every connector's subscription."""

    def known(self, subscription_ids: Sequence[str]) -> dict[str, Subscribed]:
        """Return the subscriptions of these ids that are ours."""

    def save_subscription(self, state: Subscribed) -> None:
        """Keep a connector's subscription; the one before it is no longer ours."""

    def forget_subscription(self, connector_id: str) -> None:
        """Forget a connector's subscription and its signals."""

    def signal(self, connector_id: str, event: str) -> bool:
        """Note news of a subscription; False if the same waits already."""

    def signals(self, connector_id: str) -> dict[str, int]:
        """Return the news of a connector's subscription that nobody has dealt with, and when each came (ms)."""

    def signalled(self) -> set[str]:
        """Name the connectors of whose subscription there is news."""

    def clear_signal(self, connector_id: str, event: str, *, at_ms: int) -> None:
        """Forget news that was dealt with, unless it has come again since."""

    def last_poll(self, connector_id: str) -> int | None:
        """Return when a connector's changes were last asked for (ms)."""

    def mark_poll(self, connector_id: str, *, at_ms: int) -> None:
        """Remember when a connector's changes were asked for."""

    def busy_with(self, connector_id: str) -> set[str]:
        """Return what asked for the runs over the whole tenant that go on or wait for their turn: their triggers."""

    def take_turn(self, owner: str, name: str, *, holder: str, seconds: float) -> bool:
        """Be the only one who does this, for so long at most."""

    def leave_turn(self, owner: str, name: str, *, holder: str) -> None:
        """Let the next one do it."""


class Reports(Protocol):
    """What is kept of closed runs."""

    def purge(self, *, older_than_ms: int) -> int:
        """Forget some reports of runs that closed before this instant; returns how many. A repeat goes on."""


class Recovery(Protocol):
    """What a crash left."""

    def take_turn(self, *, holder: str, seconds: float) -> bool:
        """Take the reconciler's short lock."""

    def bury_workers(self) -> list[str]:
        """Make every user that a dead worker was at due at once; returns the dead incarnations."""

    def overdue_users(self, *, limit: int, grace_s: float) -> list[Member]:
        """Name frozen users without outcome whose due time has passed; puts it `grace_s` ahead in the same step."""

    def overdue_runs(self, *, limit: int, grace_s: float) -> list[Run]:
        """Name open runs whose due time has passed; puts it `grace_s` ahead in the same step. Renews their leases."""

    def stale_batches(self, *, older_s: float) -> list[tuple[str, str]]:
        """Name batches whose members all have outcomes but that are not sealed since so many seconds: (run, batch)."""

    def hungry_lanes(self) -> list[tuple[str, str]]:
        """Name (instance, lane) pairs with a spool that is not empty."""


class Budgets(Protocol):
    """What the tasks ask of the budgets; the calls themselves are reserved in the transport."""

    def is_open(self, instance: str) -> bool:
        """Tell whether the breaker of this instance lets only a probe through."""

    def down_since_ms(self, instance: str) -> int | None:
        """Return since when no call to this instance has succeeded, while its breaker is open."""

    def paused(self, instances: Sequence[str]) -> dict[str, float]:
        """Return for how many seconds each of these instances wants nothing sent; the others are absent."""

    def window(self, instance: str, *, most: int, lane: str) -> int:
        """Return how many users may be in flight: what the budget admits soon; 1 while the breaker is open."""


class Alerts(Protocol):
    """What closed runs tell, the incidents made of it (opaque here), and messages that wait to be sent."""

    def load(self) -> tuple[int, str]:
        """Return the version of the incidents and the incidents; 0 and empty before the first."""

    def facts(self, *, limit: int) -> list[Json]:
        """Return facts that no incident has taken in, the oldest first."""

    def commit(self, version: int, state: str, *, facts: Sequence[Json], messages: Sequence[Json]) -> bool:
        """Replace the incidents of that version, drop these facts and put messages in, in one step; False if they
        have changed meanwhile."""

    def waiting(self, *, limit: int, grace_s: float) -> list[Json]:
        """Return messages to send; nobody else gets them for `grace_s`, then they come again unless dropped."""

    def drop(self, message: Json) -> None:
        """Forget a message that has arrived."""

    def first_errors(self, run_id: str, *, most: int) -> list[Json]:
        """Return a closed run's first error rows, those of the whole run before its users'."""


class Notifier(Protocol):
    """Where somebody is told."""

    @property
    def targets(self) -> Sequence[str]:
        """Name the targets, each by a digest that says nothing of its address."""

    def send(self, target: str, *, title: str, body: str) -> None:
        """Send a message to one target; a repeat sends it twice. Raises TransientError if it did not arrive."""

    def ping(self) -> None:
        """Tell who watches over us that we live; nothing where nobody does. Raises TransientError."""


@dataclass(frozen=True)
class Expiry:
    """A credential that ends by itself."""

    place: str
    what: str
    says: str
    days_left: int


class Presence(Protocol):
    """This process among the living."""

    def beat(self) -> None:
        """Say that this process lives; it is taken for dead when it has not for a while."""

    def leave(self) -> None:
        """Say that this process ends by itself, so that nobody waits for its heartbeat to run out."""

    def note_schedule(self) -> None:
        """Note that a message of beat's has come through; a repeat is harmless."""

    def new_holder(self) -> str:
        """Return "incarnation/nonce" for one piece of work."""

    def check_fresh(self) -> None:
        """Raise TransientError if our own heartbeat is stale: we may be taken for dead, so we may not write."""


# --- messages ---------------------------------------------------------------------------------------------------------


class Publisher(Protocol):
    """Puts the next step's message into the broker; ids are fixed, so a repeat is harmless."""

    def start_run(self, run_id: str) -> None: ...
    def fan_out(self, run_id: str, *, generation: int, page: int) -> None: ...
    def judge(self, run_id: str) -> None: ...
    def feed(self, instance: str) -> None: ...
    def batch(self, batch: Batch) -> None: ...
    def upsert(self, member: Member) -> None: ...
    def summarize_batch(self, run_id: str, batch_id: str) -> None: ...
    def close_run(self, run_id: str) -> None: ...
    def take_changes(self, connector_id: str, *, wait_s: float) -> None: ...
    def keep_subscription(self, connector_id: str) -> None: ...
    def poll_delta(self, connector_id: str) -> None: ...


# --- all together -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timing:
    """The times and sizes that a run obeys; production values, made small in tests."""

    write_deadline_s: float = 20.0
    write_margin_s: float = 2.0
    user_horizon_s: float = 900.0
    instance_horizon_s: float = 1800.0
    index_age_s: float = 600.0
    due_s: float = 30.0
    step_due_s: float = 45.0
    longest_countdown_s: float = 300.0
    batch_size: int = 16
    most_in_flight: int = 48
    names_per_page: int = 20
    counts_asked: int = 3  # times, where the tenant's count disagrees with its list
    count_again_s: float = 2.0
    schedule_spread_s: int = 0  # scheduled runs start within so many seconds, each connector at its own
    event_window_s: float = 2.0  # changed users are collected for so long; one run takes them
    subscription_life_s: float = 28 * 86400.0  # Graph's most is 29 days; renewed at half of it
    subscription_check_s: float = 3600.0  # Graph is asked whether it still has them
    dispatch_s: float = 60.0  # beat speaks so often
    reports_days: int = 90  # a closed run's report is kept for so long


@dataclass(frozen=True)
class Ports:
    """Everything a step may touch; built once per worker process."""

    runs: Runs
    reading: Reading
    index: Index
    plan: Plan
    users: Users
    memory: Memory
    events: Events
    reports: Reports
    recovery: Recovery
    budgets: Budgets
    presence: Presence
    configuration: Configuration
    publisher: Publisher
    directory: Callable[[Run], Directory]
    contacts: Callable[[Run], Contacts]
    subscriptions: Callable[[str, int], Subscriptions]
    """Of a connector in a configuration version. Raises KeyError, TenantError."""
    alerts: Alerts
    notifier: Notifier
    expiries: Callable[[int], Sequence[Expiry]]
    """Name the credentials whose end is known, seen at this time (ms)."""
    alert_rules: AlertRules
    notification_url: str | None = None
    """Where Graph delivers; None: nothing is subscribed."""
    timing: Timing = Timing()
