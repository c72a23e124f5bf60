"""The settings of one connector as tasks need them: checked values, no secrets, no addresses."""

from typing import Literal

from adapters.records import Record

UpdatePolicy = Literal["always", "source_changed", "if_empty", "on_create", "never"]


class Rule(Record):
    """A named expression that says when; a user for whom it is true is excluded."""

    name: str
    when: str


class CompanyRule(Record):
    """Where users for whom `when` is true belong; the first hit wins."""

    when: str
    company_id: str
    site_id: str | None = None
    name: str | None = None


class FieldRule(Record):
    """How one contact field is made: a Jinja2 template, when it is written, and whether an empty result erases."""

    value: str
    update: UpdatePolicy = "always"
    clear: bool = False


class GuardLimit(Record):
    """How many changes of one kind a run makes unasked: the greatest of a number, a share and a multiple."""

    absolute: int
    share: float  # of the connector's contacts
    churn: float  # times what is usual a run
    small_absolute: int  # in place of the first two, for a customer with few contacts
    small_share: float


class Guard(Record):
    """The mass-change guard: over a limit nothing of that kind is written, and the run is held."""

    small_below: int = 30  # contacts
    creations: GuardLimit = GuardLimit(absolute=25, share=0.25, churn=5, small_absolute=10, small_share=0.5)
    deactivations: GuardLimit = GuardLimit(absolute=5, share=0.05, churn=5, small_absolute=1, small_share=0.2)
    rewrites: GuardLimit = GuardLimit(absolute=25, share=0.3, churn=5, small_absolute=10, small_share=0.5)  # of a field


class Connector(Record):
    """A customer's tenant paired with the same customer's company; the specification's variables keep their names."""

    connector_id: str
    tenant_id: str
    psa: str  # name of the PSA instance
    psa_kind: str  # connectwise, autotask, halo
    graph_app: str
    concurrent_runs: int = 0  # over whole tenants, at the PSA instance; 0: any number
    psa_default_company_id: str | None = None
    psa_contact_type: str | None = None
    office365_sync_enabled: bool = True
    office365_sync_filter: str | None = None
    licensed_only: bool = False
    include_guests: bool = False
    exclude: tuple[Rule, ...] = ()
    company_rules: tuple[CompanyRule, ...] = ()
    field_mapping: dict[str, FieldRule] = {}  # by contact field name, defaults of the PSA kind merged in
    schedule: str | None = None  # cron, five fields; None: only by hand
    timezone: str = "UTC"
    poll_every_s: float | None = None  # None: changes are only asked for by the schedule
    full_every_s: float = 7 * 86400
    on_leaver: Literal["report", "deactivate"] = "report"
    on_out_of_scope: Literal["report", "deactivate"] = "report"
    on_contact_deleted: Literal["recreate", "report"] = "recreate"
    on_company_change: Literal["report", "move"] = "report"
    keep_active: tuple[str, ...] = ()  # principal names, object ids, contact ids: never deactivated
    guard: Guard = Guard()
    read_back: float = 0.02  # share of the writes that is read and compared, of a first run all; 0: none
    tags: tuple[str, ...] = ()
    fingerprint: str = ""  # of everything that decides scope, company, matching and mapping

    @property
    def home(self) -> str:
        """Where this connector's links live: tenant and PSA instance."""
        return f"{self.tenant_id}@{self.psa}"

    @property
    def company_ids(self) -> tuple[str, ...]:
        """Every company that a user of this connector may belong to, the default first."""
        ids = [self.psa_default_company_id, *(rule.company_id for rule in self.company_rules)]
        return tuple(dict.fromkeys(company_id for company_id in ids if company_id))
