"""[connectors.NAME] and [defaults]: what one customer wants, and the record that tasks make of it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tasks.connector import CompanyRule, Connector, FieldRule, Guard, Rule, UpdatePolicy
from tasks.scheduling import check_schedule
from worker.configuration.psas import CONCURRENT_RUNS, psa_identity
from worker.configuration.service import Section
from worker.configuration.values import Guid, Identifier, Seconds, Text, Timezone

Json = dict[str, Any]

READY_MADE_EXCLUSIONS = {
    "service accounts": "user.userPrincipalName is match('^(svc|service|srv)[-_.]')",
    "test accounts": "user.userPrincipalName is match('^test[-_.0-9]')",
    "shared mailboxes": "not user.assignedLicenses and not user.givenName and not user.surname",
    "rooms": (
        "not user.givenName and not user.surname and user.displayName is search('(room|raum|salle|sala)([^a-z]|$)')"
    ),
    "unlicensed": "not user.assignedLicenses",
}
"""Rules that a customer switches on by their name alone: [[connectors.X.exclude]] name = "service accounts"."""

NOT_IN_FINGERPRINT = {
    "concurrent_runs",
    "connector_id",
    "graph_app",
    "office365_sync_enabled",
    "schedule",
    "timezone",
    "poll_every_s",
    "full_every_s",
    "guard",
    "read_back",
    "tags",
}
"""What may change without making every user count as changed."""


def _check_cron(value: str) -> str:
    check_schedule(value, "UTC")
    return value


class RuleSection(Section):
    """[[connectors.X.exclude]]: users that are left out, and listed with this rule's name."""

    name: Text = Field(description="The rule's name, shown for everybody it leaves out.")
    when: Text | None = Field(None, description="A Jinja2 expression; may be absent for a ready-made rule.")
    enabled: bool = Field(default=True, description="False drops the rule of this name that [defaults] holds.")


class CompanyRuleSection(Section):
    """[[connectors.X.company_rules]]: where users belong; the first hit wins."""

    name: Text | None = Field(None, description="A name, so that a connector may change a rule of [defaults].")
    when: Text | None = Field(None, description="A Jinja2 expression.")
    company_id: Identifier | None = Field(None, description="The company's id in the PSA.")
    site_id: Identifier | None = Field(None, description="The site's id in that company.")
    enabled: bool = Field(default=True, description="False drops the rule of this name that [defaults] holds.")


class FieldSection(Section):
    """[connectors.X.field_mapping]: one contact field; what is absent stays as the PSA kind's default has it."""

    value: str | None = Field(None, description="A Jinja2 template.")
    update: UpdatePolicy | None = Field(None, description="When the field is written.")
    clear: bool | None = Field(None, description="Whether an empty result erases the field.")


def _text_to_table(value: Any) -> Any:
    return {"value": value} if isinstance(value, str) else value


Mapped = Annotated[FieldSection, BeforeValidator(_text_to_table, json_schema_input_type=str | FieldSection)]


class LimitSection(Section):
    """One limit of the guard: the greatest of `absolute`, `share` and `churn`; of a small customer the small ones."""

    absolute: int | None = Field(None, ge=0, description="Changes that are let through in any case.")
    share: float | None = Field(None, ge=0, description="Changes that are let through, as a share of the contacts.")
    churn: float | None = Field(None, ge=0, description="Changes that are let through, times what is usual a run.")
    small_absolute: int | None = Field(None, ge=0, description="In place of `absolute` for a small customer.")
    small_share: float | None = Field(None, ge=0, description="In place of `share` for a small customer.")


class GuardSection(Section):
    """[connectors.X.guard]: over a limit nothing of that kind is written, and the run is held."""

    small_below: int | None = Field(None, ge=0, description="A customer with fewer contacts is a small one.")
    creations: LimitSection = Field(LimitSection(), description="New contacts.")
    deactivations: LimitSection = Field(LimitSection(), description="Contacts that are switched off.")
    rewrites: LimitSection = Field(LimitSection(), description="Contacts of which one and the same field changes.")


class DefaultsSection(Section):
    """[defaults]: every key of a connector but its tenant."""

    psa: Text | None = Field(None, description="The NAME of a [psa.NAME].")
    graph_app: Text | None = Field(None, description="The NAME of a [graph_app.NAME].")
    psa_default_company_id: Identifier | None = Field(None, description="The company of users that no rule places.")
    psa_contact_type: Identifier | None = Field(None, description="The type of new contacts, for example Employee.")
    office365_sync_enabled: bool = Field(default=True, description="Automatic sync, by schedule and events.")
    office365_sync_filter: Text | None = Field(None, description="A Jinja2 expression: who is synchronised.")
    licensed_only: bool = Field(default=False, description="Leave out users without any licence.")
    include_guests: bool = Field(default=False, description="Take guests too.")
    exclude: tuple[RuleSection, ...] = Field((), description="Who is left out, by named rules.")
    company_rules: tuple[CompanyRuleSection, ...] = Field((), description="Which company a user belongs to.")
    field_mapping: dict[Text, Mapped] = Field({}, description="How contact fields are made of the user.")
    schedule: Annotated[Text, AfterValidator(_check_cron)] | None = Field(
        None, description="A cron line of five fields, in the customer's time zone; absent: only by hand and by event."
    )
    timezone: Timezone = Field("UTC", description="The customer's time zone, like Europe/Berlin.")
    poll_every: Annotated[Seconds, Field(ge=1)] | None = Field(
        None, description='How often Graph is asked whether anything has changed, like "15m"; absent: never.'
    )
    full_every: Annotated[Seconds, Field(gt=0)] = Field(
        7 * 86400, description="After this an incremental run becomes a full one."
    )
    on_leaver: Literal["report", "deactivate"] = Field("report", description="A user was deleted or disabled.")
    on_out_of_scope: Literal["report", "deactivate"] = Field("report", description="A user left the scope.")
    on_contact_deleted: Literal["recreate", "report"] = Field("recreate", description="A contact was deleted.")
    on_company_change: Literal["report", "move"] = Field("report", description="A user belongs to another company.")
    keep_active: tuple[Identifier, ...] = Field(
        (), description="Never deactivated: principal names or addresses, object ids, contact ids."
    )
    guard: GuardSection = Field(GuardSection(), description="How many changes a run may make unasked.")
    read_back: float = Field(
        0.02, ge=0, le=1, description="Share of the writes that is read back and compared; of a first run all; 0: none."
    )
    tags: tuple[Text, ...] = Field((), description="Words to choose connectors by.")


class ConnectorSection(DefaultsSection):
    """[connectors.NAME]: one customer's tenant, paired with the same customer's company."""

    tenant_id: Guid = Field(description="The directory (tenant) id.")


def build_connector(
    connector_id: str,
    section: ConnectorSection,
    *,
    psa: Json,
    default_mapping: Mapping[str, FieldRule],
) -> Connector:
    """Make the record of a checked section; `psa` is its PSA's published document. Raises KeyError for a lost psa."""
    apart = {"exclude", "company_rules", "field_mapping", "full_every", "poll_every", "guard"}
    values = section.model_dump(exclude=apart)
    connector = Connector(
        **values,
        connector_id=connector_id,
        psa_kind=psa["kind"],
        concurrent_runs=psa.get("concurrent_runs", CONCURRENT_RUNS),
        full_every_s=section.full_every,
        poll_every_s=section.poll_every,
        guard=merge_guard(section.guard),
        exclude=tuple(
            Rule(name=rule.name, when=rule.when or READY_MADE_EXCLUSIONS[rule.name])
            for rule in section.exclude
            if rule.enabled
        ),
        company_rules=tuple(
            CompanyRule.model_validate(rule.model_dump(exclude={"enabled"}))
            for rule in section.company_rules
            if rule.enabled
        ),
        field_mapping=merge_mapping(default_mapping, section.field_mapping),
    )
    return connector.model_copy(update={"fingerprint": fingerprint(connector, psa)})


def merge_guard(own: GuardSection) -> Guard:
    """Lay a connector's limits over the guard's own: what is absent stays as it is there."""
    guard, said = Guard().model_dump(), own.model_dump(exclude_none=True)
    limits = {kind: {**guard[kind], **said[kind]} for kind in ("creations", "deactivations", "rewrites")}
    return Guard.model_validate({**guard, **said, **limits})


def merge_mapping(default: Mapping[str, FieldRule], own: Mapping[str, FieldSection]) -> dict[str, FieldRule]:
    """Lay a connector's mapping over its PSA kind's: a field's absent keys stay as they are there.

    Raises pydantic's ValidationError for a new field without a value.
    """
    mapping = dict(default)
    for name, section in own.items():
        said = section.model_dump(exclude_none=True)
        known = default[name].model_dump() if name in default else {}
        mapping[name] = FieldRule.model_validate({**known, **said})
    return mapping


def fingerprint(connector: Connector, psa: Json) -> str:
    """Hash all that decides scope, company, matching, mapping and instance: another value makes the next run full."""
    decisive = connector.model_dump(mode="json", exclude=NOT_IN_FINGERPRINT | {"fingerprint"})
    text = json.dumps([decisive, psa_identity(psa)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
