"""How [defaults] and the PSA kind's mapping lie under a connector, and how each value's origin is told."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.connector import FieldRule, Guard
from tasks.expressions.compiled import compile_condition
from tests.unit.tasks.makers import make_user
from tests.unit.worker.conftest import Installation
from worker.configuration import merge_mapping
from worker.configuration.connectors import READY_MADE_EXCLUSIONS, FieldSection
from worker.configuration.layers import Layer, Origin, merge
from worker.configuration.origin import Effective, explain

RULES = """
[[defaults.exclude]]
name = "rooms"
when = "user.displayName is match('^Room ')"
[[defaults.exclude]]
name = "robots"
when = "user.displayName is match('^Robot ')"
[[defaults.company_rules]]
name = "berlin"
when = "user.officeLocation == 'Berlin'"
company_id = 251
site_id = 7
"""


def test_tables_merge_deeply_and_lists_are_replaced() -> None:
    merged = merge(
        [
            Layer(Origin("own", "connectors.x"), {"tags": ["own"], "a": {"b": {"c": 1}}}),
            Layer(Origin("main", "defaults"), {"tags": ["default"], "a": {"b": {"c": 2, "d": 3}, "e": 4}, "f": 5}),
        ]
    )
    assert merged.values == {"tags": ["own"], "a": {"b": {"c": 1, "d": 3}, "e": 4}, "f": 5}
    assert merged.locate(("a", "b", "c")) == Origin("own", "connectors.x.a.b.c")
    assert merged.locate(("a", "b", "d")) == Origin("main", "defaults.a.b.d")
    assert merged.locate(("new", "key")) == Origin("own", "connectors.x.new.key")


TABLES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers() | st.text() | st.lists(st.integers()), max_size=3),
    lambda tables: st.dictionaries(st.sampled_from("abcd"), tables | st.integers(), max_size=4),
)


@settings(deadline=None)
@given(over=TABLES, under=TABLES)
def test_merging_keeps_all_of_the_upper_table_and_whatever_it_does_not_say_of_the_lower(
    over: dict[str, Any], under: dict[str, Any]
) -> None:
    def expected(upper: Any, lower: Any) -> Any:
        if not (isinstance(upper, dict) and isinstance(lower, dict)):
            return upper
        return {**lower, **{key: expected(value, lower.get(key)) for key, value in upper.items()}}

    merged = merge([Layer(Origin("over", "o"), over), Layer(Origin("under", "u"), under)])
    assert merged.values == expected(over, under)
    for key, value in merged.values.items():
        if not isinstance(value, dict):
            assert merged.locate((key,)).file == ("over" if key in over else "under")


def test_reference_over_a_table_and_table_over_a_value_stand_whole() -> None:
    over = {"a": {"env": "X"}, "b": {"c": 1}}
    under = {"a": {"file": "y"}, "b": 2}
    assert merge([Layer(Origin("", ""), over), Layer(Origin("", ""), under)]).values == over


def test_rules_merge_by_name_with_the_connectors_own_in_front(installation: Installation) -> None:
    installation.add(RULES)
    installation.add(
        """
        [[connectors.contoso.exclude]]
        name = "temps"
        when = "user.employeeType == 'Temp'"
        [[connectors.contoso.exclude]]
        name = "robots"
        when = "user.jobTitle == 'Robot'"
        [[connectors.contoso.company_rules]]
        when = "user.officeLocation == 'Paris'"
        company_id = 252
        [[connectors.contoso.company_rules]]
        name = "berlin"
        company_id = 253
        """
    )
    connector = installation.load().connectors["contoso"]
    assert [(rule.name, rule.when) for rule in connector.exclude] == [
        ("temps", "user.employeeType == 'Temp'"),
        ("robots", "user.jobTitle == 'Robot'"),
        ("rooms", "user.displayName is match('^Room ')"),
    ]
    assert [(rule.company_id, rule.site_id) for rule in connector.company_rules] == [("252", None), ("253", "7")]
    assert connector.company_rules[1].when == "user.officeLocation == 'Berlin'"


def test_enabled_false_drops_the_rule_of_the_defaults(installation: Installation) -> None:
    installation.add(RULES)
    installation.add(
        """
        [[connectors.contoso.exclude]]
        name = "rooms"
        enabled = false
        [[connectors.contoso.company_rules]]
        name = "berlin"
        enabled = false
        """
    )
    connector = installation.load().connectors["contoso"]
    assert [rule.name for rule in connector.exclude] == ["robots"]
    assert connector.company_rules == ()


def test_dropping_a_rule_that_is_not_there_is_refused(installation: Installation) -> None:
    installation.add("[[connectors.contoso.exclude]]\nname = 'roms'\nenabled = false")
    problem = installation.problem()
    assert problem.key == "connectors.contoso.exclude[roms].enabled"
    assert "does not hold" in problem.reason


def test_two_rules_of_one_name_are_refused(installation: Installation) -> None:
    installation.add("exclude = [{ name = 'a', when = 'true' }, { name = ' a ', when = 'false' }]")
    problem = installation.problem()
    assert (problem.key, problem.reason) == ("connectors.contoso.exclude[a]", "stands twice")


@pytest.mark.parametrize("name", READY_MADE_EXCLUSIONS)
def test_ready_made_exclusion_needs_its_name_only(installation: Installation, name: str) -> None:
    installation.add(f"[[connectors.contoso.exclude]]\nname = '{name}'")
    (rule,) = installation.load().connectors["contoso"].exclude
    assert (rule.name, rule.when) == (name, READY_MADE_EXCLUSIONS[name])


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("service accounts", {"user_principal_name": "svc-backup@contoso.com"}),
        ("service accounts", {"user_principal_name": "SVC_print@contoso.com"}),
        ("test accounts", {"user_principal_name": "test01@contoso.com"}),
        ("shared mailboxes", {"display_name": "Accounts payable", "given_name": None, "surname": None}),
        ("rooms", {"display_name": "Meeting Room 3", "given_name": None, "surname": None}),
        ("rooms", {"display_name": "Besprechungsraum Elbe", "given_name": None, "surname": None}),
        ("unlicensed", {}),
    ],
)
def test_ready_made_exclusion_knows_whom_it_leaves_out(name: str, properties: dict[str, Any]) -> None:
    assert compile_condition(READY_MADE_EXCLUSIONS[name])(make_user(**properties))


@pytest.mark.parametrize("name", READY_MADE_EXCLUSIONS)
@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"user_principal_name": "testa.rossa@contoso.com"},
        {"user_principal_name": "sverre@contoso.com"},
        {"display_name": "Broom", "surname": "Broom", "given_name": None},
    ],
)
def test_ready_made_exclusion_leaves_no_licensed_person_out(name: str, properties: dict[str, Any]) -> None:
    person = make_user(assigned_licenses=("sku",), **properties)
    assert not compile_condition(READY_MADE_EXCLUSIONS[name])(person)


def test_rule_with_a_mistyped_ready_made_name_is_refused_with_the_right_one(installation: Installation) -> None:
    installation.add("[[connectors.contoso.exclude]]\nname = 'service acounts'")
    problem = installation.problem()
    assert problem.key == "connectors.contoso.exclude[service acounts].when"
    assert problem.hint == "did you mean 'service accounts'?"


def test_own_rule_may_bear_a_ready_made_name(installation: Installation) -> None:
    installation.add("exclude = [{ name = 'service accounts', when = \"user.jobTitle == 'Service'\" }]")
    assert installation.load().connectors["contoso"].exclude[0].when == "user.jobTitle == 'Service'"


def test_mapping_is_laid_over_the_kinds_key_by_key() -> None:
    default = {"phone": FieldRule(value="{{ a }}", clear=True), "email": FieldRule(value="{{ user.mail }}")}
    own = {"phone": FieldSection(update="never"), "fax": FieldSection(value="{{ b }}")}
    assert merge_mapping(default, own) == {
        "phone": FieldRule(value="{{ a }}", update="never", clear=True),
        "email": FieldRule(value="{{ user.mail }}"),
        "fax": FieldRule(value="{{ b }}"),
    }


def test_mapping_merges_over_three_layers_whether_text_or_table(installation: Installation) -> None:
    installation.add(
        """
        [defaults.field_mapping]
        department = { value = "{{ user.companyName }}", update = "if_empty" }
        job_title = "{{ user.employeeType }}"
        phone = "{{ user.mobilePhone }}"
        [connectors.contoso.field_mapping]
        department = "{{ user.department }}"
        job_title = { clear = true }
        email = { update = "on_create" }
        """
    )
    mapping = installation.load().connectors["contoso"].field_mapping
    assert mapping["department"] == FieldRule(value="{{ user.department }}", update="if_empty")
    assert mapping["job_title"] == FieldRule(value="{{ user.employeeType }}", clear=True)
    assert mapping["phone"] == FieldRule(value="{{ user.mobilePhone }}")
    assert mapping["email"] == FieldRule(value="{{ user.mail }}", update="on_create")
    assert mapping["last_name"] == FieldRule(value="{{ user.surname }}")


def test_limits_of_the_guard_merge_over_three_layers_and_say_where_they_come_from(installation: Installation) -> None:
    installation.add(
        """
        [defaults.guard]
        small_below = 20
        deactivations = { absolute = 9, share = 0.1 }
        [connectors.contoso.guard]
        deactivations.absolute = 12
        """
    )
    loaded = installation.load()
    guard = loaded.connectors["contoso"].guard
    assert guard.small_below == 20
    assert guard.creations == Guard().creations
    assert guard.deactivations == Guard().deactivations.model_copy(update={"absolute": 12, "share": 0.1})
    rows = {row.key: (row.value, row.file, row.table) for row in explain(loaded, "contoso")}
    main = "contact-sync.toml"
    assert rows["guard.deactivations.absolute"] == (12, main, "connectors.contoso.guard.deactivations")
    assert rows["guard.deactivations.share"] == (0.1, main, "defaults.guard.deactivations")
    assert rows["guard.small_below"] == (20, main, "defaults.guard")
    assert rows["guard.rewrites.share"][:2] == (Guard().rewrites.share, "built-in")


def test_every_effective_value_says_where_it_comes_from(installation: Installation) -> None:
    installation.add(RULES)
    tenant = "0e6b1c7a-92d4-4f0b-b1a5-7c3d2e1f0a9b"
    installation.write(
        f"""
        [connectors.fabrikam]
        tenant_id = "{tenant}"
        psa_default_company_id = 7
        full_every = "3d"
        exclude = [{{ name = "rooms", when = "user.jobTitle == 'Room'" }}, {{ name = "unlicensed" }}]
        field_mapping.department = {{ update = "never" }}
        field_mapping.job_title = "{{{{ user.jobTitle }}}}"
        """,
        "connectors.d/fabrikam.toml",
    )
    rows = {row.key: row for row in explain(installation.load(), "fabrikam")}
    main, own, table = "contact-sync.toml", "connectors.d/fabrikam.toml", "connectors.fabrikam"
    for expected in (
        Effective("tenant_id", tenant, own, table),
        Effective("psa_default_company_id", "7", own, table),
        Effective("full_every", 3 * 86400, own, table),
        Effective("timezone", "Europe/Berlin", main, "defaults"),
        Effective("on_leaver", "report", "built-in", "defaults of a connector"),
        Effective("exclude[rooms].when", "user.jobTitle == 'Room'", own, f"{table}.exclude[rooms]"),
        Effective("exclude[robots].when", "user.displayName is match('^Robot ')", main, "defaults.exclude[robots]"),
        Effective("exclude[unlicensed].when", "not user.assignedLicenses", "built-in", "ready-made exclusions"),
        Effective("company_rules[berlin].company_id", 251, main, "defaults.company_rules[berlin]"),
        Effective("field_mapping.department.update", "never", own, f"{table}.field_mapping.department"),
        Effective("field_mapping.department.clear", False, "built-in", "field mapping of connectwise"),
        Effective("field_mapping.job_title.value", "{{ user.jobTitle }}", own, f"{table}.field_mapping"),
        Effective("field_mapping.email.value", "{{ user.mail }}", "built-in", "field mapping of connectwise"),
    ):
        assert rows[expected.key] == expected
    with pytest.raises(KeyError):
        explain(installation.load(), "nobody")
