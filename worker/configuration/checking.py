"""What one table cannot know: names that must exist, pairs that must differ, and what production refuses."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from tasks.connector import FieldRule
from worker.configuration.connectors import READY_MADE_EXCLUSIONS, ConnectorSection, DefaultsSection
from worker.configuration.layers import Location, Merged
from worker.configuration.problems import Problem, nearest
from worker.configuration.references import is_reference
from worker.configuration.service import Section, ServiceSection, secret_fields
from worker.configuration.values import is_local_host
from worker.configuration.vendors import PSA_KINDS

DEVELOPMENT_HINT = "only service.development = true allows this"
INLINE_EXEMPT = frozenset({"redis_url", "notify"})  # addresses first; redis_url is judged by its password
Compile = Callable[[str], object]


class BuiltIn(NamedTuple):
    """What tasks bring along: a PSA kind's mapping, and the compilers of expressions, which raise ValueError."""

    default_mapping: Callable[[str], Mapping[str, FieldRule]]
    compile_condition: Callable[[str], object]
    compile_template: Callable[[str], object]


class Addressed(Protocol):
    """A vendor's section."""

    @property
    def addresses(self) -> dict[str, str]:
        """The keys that hold an address, with the address."""
        ...


def check_names(
    section: ConnectorSection, merged: Merged, *, psas: Collection[str], graph_apps: Collection[str]
) -> Iterator[Problem]:
    """Yield the names that a connector gives and nobody bears."""
    for key, name, known in (("psa", section.psa, psas), ("graph_app", section.graph_app, graph_apps)):
        if name is None:
            yield Problem(*merged.locate((key,)), "is missing", "set it here or in [defaults]")
        elif name not in known:
            hint = nearest(name, known) or f"defined are: {', '.join(known) or 'none'}"
            yield Problem(*merged.locate((key,)), f"there is no [{key}.{name}]", hint)


def check_company(section: ConnectorSection, merged: Merged) -> Iterator[Problem]:
    """Yield a connector that runs by itself although no user of it could have a company."""
    has_company = section.psa_default_company_id or any(rule.enabled for rule in section.company_rules)
    if section.office365_sync_enabled and not has_company:
        place = merged.locate(("psa_default_company_id",))
        yield Problem(*place, "is missing, and there are no company_rules: no user would have a company")


def check_rules(section: DefaultsSection, merged: Merged) -> Iterator[Problem]:
    """Yield rules that lack a part."""
    for at, rule in enumerate(section.exclude):
        if rule.when is None and rule.name not in READY_MADE_EXCLUSIONS:
            hint = nearest(rule.name, READY_MADE_EXCLUSIONS)
            yield _incomplete(merged, ("exclude", at), missing="when", enabled=rule.enabled, hint=hint)
    for at, company_rule in enumerate(section.company_rules):
        for missing in ("when", "company_id"):
            if getattr(company_rule, missing) is None:
                place = ("company_rules", at)
                yield _incomplete(merged, place, missing=missing, enabled=company_rule.enabled)


def check_expressions(
    section: DefaultsSection, merged: Merged, built_in: BuiltIn, *, psa_kind: str | None
) -> Iterator[Problem]:
    """Yield the expressions that do not compile, and mapped fields that have no template."""
    for location, text, compile_text in _expressions(section, built_in):
        if text is not None:
            try:
                compile_text(text)
            except ValueError as exc:
                yield Problem(*merged.locate(location), str(exc))
    if psa_kind in PSA_KINDS:
        default = built_in.default_mapping(psa_kind)
        for name, field in section.field_mapping.items():
            if field.value is None and name not in default:
                hint = nearest(name, default) or f"the default mapping has: {', '.join(default)}"
                yield Problem(*merged.locate(("field_mapping", name)), "has no value", hint)


def _expressions(section: DefaultsSection, built_in: BuiltIn) -> Iterator[tuple[Location, str | None, Compile]]:
    condition, template = built_in.compile_condition, built_in.compile_template
    yield ("office365_sync_filter",), section.office365_sync_filter, condition
    for at, rule in enumerate(section.exclude):
        yield ("exclude", at, "when"), rule.when, condition
    for at, company_rule in enumerate(section.company_rules):
        yield ("company_rules", at, "when"), company_rule.when, condition
    for name, field in section.field_mapping.items():
        yield ("field_mapping", name, "value"), field.value, template


def check_pairs(sections: Mapping[str, ConnectorSection], tables: Mapping[str, Merged]) -> Iterator[Problem]:
    """Yield connectors that share a tenant and a PSA: their links would be one another's."""
    first: dict[tuple[str, str | None], str] = {}
    for connector_id, section in sections.items():
        earlier = first.setdefault((section.tenant_id, section.psa), connector_id)
        if earlier != connector_id:
            yield Problem(
                *tables[connector_id].locate(("tenant_id",)),
                f"connector {earlier} pairs the same tenant with the same PSA already",
                "one connector serves a tenant; company_rules place its users in several companies",
            )


def check_service(service: ServiceSection, merged: Merged) -> Iterator[Problem]:
    """Yield what production refuses in [service]."""
    if service.development:
        return
    yield from check_inline(ServiceSection, merged)
    if service.flower_basic_auth is None:
        place = merged.locate(("flower_basic_auth",))
        yield Problem(*place, "is missing", f"Flower shows users' names to anyone without it; {DEVELOPMENT_HINT}")
    if service.public_url and not service.public_url.startswith("https://"):
        yield Problem(*merged.locate(("public_url",)), "must be https: Graph delivers nowhere else", DEVELOPMENT_HINT)
    if service.redis_url is not None:
        url = urlsplit(service.redis_url.get_secret_value())
        place = merged.locate(("redis_url",))
        if url.password and not is_reference(merged.values["redis_url"]):
            yield Problem(*place, "holds a password inline", 'write the URL as { env = "NAME" } or { file = "path" }')
        if url.scheme != "unix" and not is_local_host(url.hostname or ""):
            if url.scheme != "rediss":
                yield Problem(*place, "leaves this machine without TLS: use rediss://", DEVELOPMENT_HINT)
            if not url.password:
                yield Problem(*place, "leaves this machine without a password", DEVELOPMENT_HINT)


def check_vendor(vendor: Addressed, merged: Merged) -> Iterator[Problem]:
    """Yield the addresses that production refuses: plain http, this machine, the sandbox."""
    for key, address in vendor.addresses.items():
        url = urlsplit(address)
        if url.scheme != "https":
            yield Problem(*merged.locate((key,)), "must be https: secrets go there", DEVELOPMENT_HINT)
        if is_local_host(url.hostname or ""):
            yield Problem(*merged.locate((key,)), f"{url.hostname} is no vendor's host", DEVELOPMENT_HINT)


def check_inline(model: type[Section], merged: Merged) -> Iterator[Problem]:
    """Yield the secrets that stand in the file itself."""
    for key in sorted((secret_fields(model) - INLINE_EXEMPT) & set(merged.values)):
        if not is_reference(merged.values[key]):
            yield Problem(
                *merged.locate((key,)),
                "a secret does not stand in the file",
                f'write {{ env = "NAME" }} or {{ file = "path" }}; {DEVELOPMENT_HINT}',
            )


def _incomplete(
    merged: Merged, place: tuple[str, int], *, missing: str, enabled: bool, hint: str | None = None
) -> Problem:
    if enabled:
        return Problem(*merged.locate((*place, missing)), "is missing", hint)
    return Problem(*merged.locate((*place, "enabled")), "drops a rule that [defaults] does not hold")
