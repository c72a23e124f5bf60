"""[service] and [api]: what one installation is, beside its vendors and customers."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from tasks.incidents import AlertRules
from tasks.ports import Timing
from worker.configuration.values import (
    BasicAuth,
    Folder,
    HeartbeatUrl,
    Listen,
    NotifyUrl,
    RedisUrl,
    Seconds,
    Secret,
    Text,
    Url,
)

SLOWEST_WRITE_MARGIN_S = 1
COUNTDOWN_MARGIN_S = 60  # a countdown that outlasts the visibility time-out is delivered twice
HEARTBEATS_BEFORE_DEATH = 2
LONGEST_SUBSCRIPTION_S = 41_760 * 60  # Graph's own limit for users

Positive = Annotated[Seconds, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of the file: frozen, strict, unknown keys refused; its faults never repeat a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class TimingSection(Section):
    """[service.timing]: every time that a run obeys; small in tests."""

    visibility_timeout_s: Positive = Field(900, description="After this an unacknowledged message is delivered again.")
    heartbeat_s: Positive = Field(3, description="How often a worker says that it lives.")
    dead_s: Positive = Field(10, description="A worker without heartbeat for so long is taken for dead.")
    lease_s: Positive = Field(180, description="How long a connector's lease lives unless it is renewed.")
    user_wait_s: Positive = Field(1.5, description="After this a task looks again at a user that another worker holds.")
    retry_horizon_s: Positive = Field(900, description="How long one user is tried again.")
    instance_horizon_s: Positive = Field(1800, description="How long a run waits for a PSA or Graph that is down.")
    write_deadline_s: Positive = Field(20, description="The most that one write may take, from intent to answer.")
    write_margin_s: Positive = Field(2, description="Waited beyond the deadline before a lost answer is looked up.")
    longest_countdown_s: Positive = Field(300, description="The longest wait that is put into a message.")
    index_age_s: Positive = Field(600, description="A create planned on an older contact index looks up first.")
    reconcile_s: Positive = Field(5, description="How often each worker looks for what a crash left.")
    dispatch_s: Positive = Field(60, description="How often beat asks which schedules are due, and what a crash left.")
    due_s: Positive = Field(30, description="A started user without outcome is taken up again after this.")
    step_due_s: Positive = Field(45, description="A run without progress is taken up again after this.")
    event_window_s: Positive = Field(
        2, description="Users that Graph says have changed are collected for so long; one run takes them."
    )
    subscription_life_s: Annotated[Seconds, Field(gt=0, le=LONGEST_SUBSCRIPTION_S)] = Field(
        28 * 86400, description="How long a subscription to changes lives; it is renewed at half of that."
    )
    subscription_check_s: Positive = Field(
        3600, description="How often Graph is asked whether it still has a subscription."
    )
    schedule_spread_s: Annotated[int, Field(ge=0, le=3600)] = Field(
        120, description="Scheduled runs start within so many seconds after their time, each connector at its own."
    )

    @model_validator(mode="after")
    def check_relations(self) -> Self:
        """Refuse times that undo each other."""
        broken = [reason for holds, reason in self._relations() if not holds]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    def _relations(self) -> tuple[tuple[bool, str], ...]:
        slowest_write_s = self.write_deadline_s + SLOWEST_WRITE_MARGIN_S
        longest_message_s = self.longest_countdown_s + COUNTDOWN_MARGIN_S
        return (
            (
                self.visibility_timeout_s > slowest_write_s,
                f"visibility_timeout_s must exceed write_deadline_s + {SLOWEST_WRITE_MARGIN_S} = {slowest_write_s:g}",
            ),
            (
                self.visibility_timeout_s > longest_message_s,
                f"visibility_timeout_s must exceed longest_countdown_s + {COUNTDOWN_MARGIN_S} = {longest_message_s:g}",
            ),
            (
                self.dead_s > HEARTBEATS_BEFORE_DEATH * self.heartbeat_s,
                "dead_s must exceed two heartbeats, or a short pause looks like a death",
            ),
            (self.lease_s > self.dead_s, "lease_s must exceed dead_s"),
            (self.lease_s > 2 * self.reconcile_s, "lease_s must exceed two reconcile_s, which renews it"),
            (self.retry_horizon_s <= self.instance_horizon_s, "retry_horizon_s must not exceed instance_horizon_s"),
        )


class WorkersSection(Section):
    """[service.workers]: how many users are written at once, and by what."""

    processes: Annotated[int, Field(ge=1, le=64)] = Field(2, description="Worker processes that `up` starts.")
    threads: Annotated[int, Field(ge=1, le=512)] = Field(32, description="Users at once in each of them.")
    pool: Literal["threads", "prefork"] = Field("threads", description="Celery's pool.")
    user_events: bool = Field(
        default=True, description="Show each user's task in Flower; false saves a third of the work at 100,000 users."
    )
    batch_size: Annotated[int, Field(ge=1, le=1000)] = Field(16, description="Users in one chord.")
    most_in_flight: Annotated[int, Field(ge=1, le=5000)] = Field(
        48, description="The most users of one PSA instance that are in the broker at once."
    )


class RetentionSection(Section):
    """[service.retention]: how long the store remembers."""

    reports_days: Annotated[int, Field(ge=1)] = Field(90, description="How long a run's report is kept.")
    journal_days: Annotated[int, Field(ge=1)] = Field(
        30, description="How long what a run wrote over is kept: so long it can be undone."
    )


class AlertsSection(Section):
    """[service.alerts]: when `notify` is used."""

    failed_runs: Annotated[int, Field(ge=1)] = Field(1, description="So many failed runs in a row of one connector.")
    error_rate: Share = Field(0.1, description="A run in which more than this share of the users failed,")
    error_users: Annotated[int, Field(ge=1)] = Field(3, description="and so many of them at least.")
    not_successful: Positive = Field(36 * 3600, description="A connector without a run that came to its end since.")
    expiry_days: Annotated[int, Field(ge=1)] = Field(30, description="A secret or certificate with so many days left.")
    budget_wait: Positive = Field(300, description="A vendor whose limit is used up for so much longer.")
    gather: Seconds = Field(45, description="So long one message waits for others that the same cause hits.")
    over_after: Seconds = Field(600, description="An incident is over when nobody has been hit by it for so long.")
    remind_every: Positive = Field(86400, description="An open incident is told again after this.")


class ServiceSection(Section):
    """[service]: this installation."""

    redis_url: RedisUrl | None = Field(
        None,
        description="Redis or Valkey; absent: an embedded Valkey in state_dir, found there by every command. "
        "Another machine's needs a password and rediss://; under a name without dots, as a container's, a password. "
        "sentinel://:PASSWORD@HOST:26379,HOST:26379/0?primary=NAME, or sentinels:// (TLS), asks Sentinels for it.",
    )
    state_dir: Folder = Field("var", validate_default=True, description="Where the embedded Valkey keeps its files.")
    development: bool = Field(
        default=False, description="True for demo and tests: allows loopback vendors, inline secrets, open Flower."
    )
    api_listen: Listen = Field("127.0.0.1:8080", description="Where the HTTP API listens.")
    flower_listen: Listen = Field("127.0.0.1:5555", description="Where Flower listens.")
    flower_basic_auth: BasicAuth | None = Field(None, description="Flower's user:password.")
    flower_operations: bool = Field(
        default=False, description="Let who knows the password start tasks and stop workers in Flower, not only look."
    )
    public_url: Url | None = Field(
        None, description="Where Graph delivers its notifications; absent: no subscriptions are made."
    )
    notify: tuple[NotifyUrl, ...] = Field((), description="Where alerts go, as Apprise URLs.")
    heartbeat_url: HeartbeatUrl | None = Field(
        None, description="Asked for each minute while beat, store and a worker are well: a dead man's switch."
    )
    timing: TimingSection = Field(TimingSection(), description="Times; small in tests.")
    workers: WorkersSection = Field(WorkersSection(), description="Processes and threads.")
    retention: RetentionSection = Field(RetentionSection(), description="How long things are kept.")
    alerts: AlertsSection = Field(AlertsSection(), description="When somebody is told.")

    @model_validator(mode="after")
    def check_flower(self) -> Self:
        """Refuse to let anybody start tasks and stop workers who knows no password."""
        if self.flower_operations and self.flower_basic_auth is None:
            raise ValueError(
                "flower_operations = true needs flower_basic_auth: without it anybody may stop the workers"
            )
        return self

    def alert_rules(self) -> AlertRules:
        """Return from when on somebody is told."""
        alerts = self.alerts
        return AlertRules(
            failed_runs=alerts.failed_runs,
            error_rate=alerts.error_rate,
            error_users=alerts.error_users,
            not_successful_s=alerts.not_successful,
            expiry_days=alerts.expiry_days,
            budget_wait_s=alerts.budget_wait,
            gather_s=alerts.gather,
            over_s=alerts.over_after,
            remind_s=alerts.remind_every,
        )

    def timing_of_tasks(self) -> Timing:
        """Return the times and sizes that the steps of a run obey."""
        timing, workers = self.timing, self.workers
        return Timing(
            write_deadline_s=timing.write_deadline_s,
            write_margin_s=timing.write_margin_s,
            user_horizon_s=timing.retry_horizon_s,
            instance_horizon_s=timing.instance_horizon_s,
            index_age_s=timing.index_age_s,
            due_s=timing.due_s,
            step_due_s=timing.step_due_s,
            longest_countdown_s=timing.longest_countdown_s,
            schedule_spread_s=timing.schedule_spread_s,
            event_window_s=timing.event_window_s,
            subscription_life_s=timing.subscription_life_s,
            subscription_check_s=timing.subscription_check_s,
            dispatch_s=timing.dispatch_s,
            reports_days=self.retention.reports_days,
            journal_days=self.retention.journal_days,
            batch_size=workers.batch_size,
            most_in_flight=workers.most_in_flight,
        )


class TokenSection(Section):
    """[api.tokens.NAME]: who may call the HTTP API."""

    token: Secret = Field(description="What the caller sends as its bearer token.")
    allow: Literal["read", "run", "approve"] = Field(
        "run",
        description="Read only; request and cancel runs too; approve: carry out plans and approve held runs, too.",
    )
    connectors: tuple[Text, ...] = Field((), description="The connectors it may see; absent: all.")


class ApiSection(Section):
    """[api]: the HTTP API."""

    tokens: dict[Text, TokenSection] = Field({}, description="Tokens by name; without any, every call is refused.")


def secret_fields(section: type[BaseModel]) -> frozenset[str]:
    """Name the keys of a section whose value is a secret."""
    return frozenset(name for name, field in section.model_fields.items() if _is_secret(field.annotation))


def _is_secret(annotation: Any) -> bool:
    arguments = getattr(annotation, "__args__", ())
    return annotation is SecretStr or any(_is_secret(argument) for argument in arguments)
