"""Each fault is told once, with its file, its key, the reason, and what was probably meant."""

import pickle
from collections.abc import Callable

import pytest

from tests.unit.worker.conftest import Installation
from tests.unit.worker.installation import SECRETS, TENANT
from worker.configuration import ConfigurationError, Problem

Refuse = Callable[[str], Problem]


def test_all_faults_are_told_at_once(installation: Installation) -> None:
    installation.add(
        """
        shedule = "0 2 * * *"
        timezone = "Europe/Belrin"
        office365_sync_filter = "user.departmnt == 'IT'"
        psa = "mian"
        [connectors.fabrikam]
        psa_default_company_id = true
        on_leaver = "delete"
        [servcie]
        """
    )
    installation.write("[connectors.broken", "connectors.d/broken.toml")
    installation.environment.pop("GRAPH_SECRET")
    told = {(problem.file, problem.key): problem for problem in installation.problems()}
    main = "contact-sync.toml"
    assert set(told) == {
        ("connectors.d/broken.toml", ""),
        (main, "servcie"),
        (main, "graph_app.main.client_secret"),
        (main, "connectors.contoso.shedule"),
        (main, "connectors.contoso.timezone"),
        (main, "connectors.contoso.office365_sync_filter"),
        (main, "connectors.contoso.psa"),
        (main, "connectors.fabrikam.psa_default_company_id"),
        (main, "connectors.fabrikam.on_leaver"),
        (main, "connectors.fabrikam.tenant_id"),
    }
    assert told[main, "servcie"].hint == "did you mean 'service'?"
    assert told[main, "connectors.contoso.shedule"].hint == "did you mean 'schedule'?"
    assert "Europe/Berlin" in told[main, "connectors.contoso.timezone"].reason
    assert told[main, "connectors.fabrikam.on_leaver"].reason == "must be 'report' or 'deactivate'"
    assert told[main, "connectors.fabrikam.tenant_id"].reason == "is missing"
    assert "is not valid TOML: Expected ']'" in told["connectors.d/broken.toml", ""].reason


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ("office365_sync_enabled = 'yes'", "office365_sync_enabled", "must be true or false, not text"),
        ("schedule = 2", "schedule", "must be text in quotes, not a number"),
        ("schedule = 2026-01-01", "schedule", "is a date or time"),
        ("schedule = '0 2 * *'", "schedule", "five fields"),
        ("schedule = '0 25 * * *'", "schedule", "bad hour"),
        ("schedule = ''", "schedule", "is empty"),
        ("tags = 'pilot'", "tags", "must be a list, not text"),
        ("full_every = 'weekly'", "full_every", "is no duration"),
        ("full_every = 0", "full_every", "greater than 0"),
        ("poll_every = 'often'", "poll_every", "is no duration"),
        ("poll_every = 0", "poll_every", "greater than or equal to 1"),
        ("psa_contact_type = 1.5", "psa_contact_type", "must be text in quotes, not a number"),
        ("field_mapping = 'x'", "field_mapping", "must be a table, not text"),
        ("field_mapping.phone = 7", "field_mapping.phone", "must be a table, not a number"),
        ("field_mapping.phone = { update = 'sometimes' }", "field_mapping.phone.update", "'if_empty'"),
        ("psa = 'mian'", "psa", "there is no [psa.mian]"),
        ("graph_app = 'other'", "graph_app", "there is no [graph_app.other]"),
        ("office365_sync_filter = { env = 'A', default = 'x' }", "office365_sync_filter", "must be text in quotes"),
        ("office365_sync_filter = { env = 'NOT_THERE' }", "office365_sync_filter", "NOT_THERE is not set"),
        ("office365_sync_filter = { file = 'gone' }", "office365_sync_filter", "cannot be read"),
    ],
)
def test_wrong_value_is_refused_with_its_reason(refuse: Refuse, line: str, key: str, reason: str) -> None:
    problem = refuse(line)
    assert problem.file == "contact-sync.toml"
    assert problem.key == f"connectors.contoso.{key}"
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("line", "key", "meant"),
    [
        ("office365_sync_filter = \"user.departmnt == 'IT'\"", "office365_sync_filter", "department"),
        ("exclude = [{ name = 'svc', when = 'user.mail is matching' }]", "exclude[svc].when", "match"),
        ("company_rules = [{ when = 'user.', company_id = 1 }]", "company_rules[1].when", "user."),
        ("field_mapping.job_title = '{{ user.jobTitel }}'", "field_mapping.job_title", "jobTitle"),
        ("field_mapping.phone = { value = '{{ user.phone | nope }}' }", "field_mapping.phone.value", "phone"),
    ],
)
def test_expression_that_does_not_compile_is_told_at_load(refuse: Refuse, line: str, key: str, meant: str) -> None:
    problem = refuse(line)
    assert problem.key == f"connectors.contoso.{key}"
    assert meant in problem.reason


def test_fault_in_defaults_is_told_once_for_all_connectors(installation: Installation) -> None:
    installation.add(f'[connectors.fabrikam]\ntenant_id = "{TENANT[:-1]}2"\npsa_default_company_id = "7"')
    installation.replace('timezone = "Europe/Berlin"', 'timezone = "Berlin"\noffice365_sync_filter = "user.nothing"')
    installation.add("[[defaults.exclude]]\nname = 'rooms'\nwhen = 'user.rooom'")
    assert sorted(problem.key for problem in installation.problems()) == [
        "defaults.exclude[rooms].when",
        "defaults.office365_sync_filter",
        "defaults.timezone",
    ]


def test_default_mapping_has_no_such_field(refuse: Refuse) -> None:
    problem = refuse("field_mapping.job_titel = { update = 'never' }")
    assert (problem.key, problem.reason) == ("connectors.contoso.field_mapping.job_titel", "has no value")
    assert problem.hint == "did you mean 'job_title'?"


def test_two_connectors_of_one_tenant_and_psa_are_refused(refuse: Refuse) -> None:
    problem = refuse(f'[connectors.again]\ntenant_id = "{TENANT.upper()}"\npsa_default_company_id = "9"')
    assert problem.key == "connectors.again.tenant_id"
    assert "contoso pairs the same tenant" in problem.reason


def test_connector_without_any_company_is_refused_unless_it_runs_by_hand_only(installation: Installation) -> None:
    installation.replace('psa_default_company_id = "250"', "")
    assert installation.problem().key == "connectors.contoso.psa_default_company_id"
    installation.add("office365_sync_enabled = false")
    assert installation.load().connectors["contoso"].company_ids == ()


def test_name_that_stands_in_two_files_is_refused(installation: Installation) -> None:
    installation.write(f'[connectors.contoso]\ntenant_id = "{TENANT}"', "connectors.d/twice.toml")
    problem = installation.problem()
    assert (problem.file, problem.key) == ("connectors.d/twice.toml", "connectors.contoso")
    assert "contact-sync.toml already" in problem.reason


@pytest.mark.parametrize("table", ["service", "api", "defaults"])
def test_tables_of_the_installation_stand_in_the_main_file_only(installation: Installation, table: str) -> None:
    installation.write(f"[{table}]", "connectors.d/other.toml")
    assert installation.problem().reason == f"[{table}] stands in contact-sync.toml only"


@pytest.mark.parametrize("name", ['"a b"', '"a:b"', '"-a"', '"ä"', '"a/b"', f'"{"a" * 64}"'])
def test_name_that_keys_and_run_ids_cannot_hold_is_refused(refuse: Refuse, name: str) -> None:
    assert "a name is made of letters" in refuse(f"[connectors.{name}]\ntenant_id = '{TENANT}'").reason


@pytest.mark.parametrize("text", ["connectors = 5", "psa = { main = 5 }", "defaults = []"])
def test_what_should_be_a_table_is_told(installation: Installation, text: str) -> None:
    installation.write(text)
    assert any(problem.reason == "must be a table" for problem in installation.problems())


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("[psa.x]\nkind = 'connectwize'", "psa.x.kind", "must be 'autotask', 'connectwise', 'halo'"),
        ("[psa.x]", "psa.x.kind", "is missing: one of autotask, connectwise, halo"),
        ("[graph_app.x]\nclient_id = 'x'\nclient_secret = { env = 'GRAPH_SECRET' }", "graph_app.x.client_id", "GUID"),
        (f"[graph_app.x]\nclient_id = '{TENANT}'", "graph_app.x", "either client_secret, or certificate_file"),
        (
            f"[graph_app.x]\nclient_id = '{TENANT}'\ncertificate_file = 'contact-sync.toml'",
            "graph_app.x",
            "belong together",
        ),
        (
            f"[graph_app.x]\nclient_id = '{TENANT}'\ncertificate_file = 'gone'\nprivate_key_file = 'contact-sync.toml'",
            "graph_app.x.certificate_file",
            "there is no file",
        ),
    ],
)
def test_vendor_fault_names_its_key(refuse: Refuse, text: str, key: str, reason: str) -> None:
    problem = refuse(text)
    assert problem.key == key
    assert reason in problem.reason


def test_unknown_key_of_a_psa_is_compared_with_the_keys_of_its_kind(installation: Installation) -> None:
    installation.replace("company =", "compnay =")
    problem = installation.problem()  # that the right key is missing is the same fault
    assert (problem.key, problem.hint) == ("psa.main.compnay", "did you mean 'company'?")


@pytest.mark.parametrize(
    ("timing", "reason"),
    [
        ("visibility_timeout_s = 21", "visibility_timeout_s must exceed write_deadline_s + 1 = 21"),
        ("visibility_timeout_s = 360", "visibility_timeout_s must exceed longest_countdown_s + 60 = 360"),
        ("dead_s = 6", "dead_s must exceed two heartbeats"),
        ("lease_s = 10", "lease_s must exceed dead_s"),
        ("reconcile_s = 90", "lease_s must exceed two reconcile_s"),
        ("retry_horizon_s = '1h'", "retry_horizon_s must not exceed instance_horizon_s"),
    ],
)
def test_times_that_undo_each_other_are_refused(refuse: Refuse, timing: str, reason: str) -> None:
    problem = refuse(f"[service.timing]\n{timing}")
    assert problem.key == "service.timing"
    assert reason in problem.reason


def test_unknown_key_deep_in_the_service_is_compared_with_its_neighbours(refuse: Refuse) -> None:
    problem = refuse("[service.workers]\nprocesess = 3")
    assert (problem.key, problem.hint) == ("service.workers.procesess", "did you mean 'processes'?")


@pytest.mark.parametrize(
    ("line", "key", "meant"),
    [
        ("field_mapping.phone = { updat = 'never' }", "field_mapping.phone.updat", "update"),
        ("exclude = [{ name = 'a', when = 'true', enabeld = true }]", "exclude[a].enabeld", "enabled"),
        (
            "company_rules = [{ when = 'true', compny_id = 1, company_id = 1 }]",
            "company_rules[1].compny_id",
            "company_id",
        ),
    ],
)
def test_unknown_key_inside_a_rule_or_a_mapping_is_compared_with_its_neighbours(
    refuse: Refuse, line: str, key: str, meant: str
) -> None:
    problem = refuse(line)
    assert problem.key == f"connectors.contoso.{key}"
    assert (problem.reason, problem.hint) == ("unknown key", f"did you mean {meant!r}?")


def test_rule_without_a_name_is_told_by_its_place(refuse: Refuse) -> None:
    problem = refuse("exclude = [{ name = 'a', when = 'true' }, { when = 'true' }]")
    assert (problem.key, problem.reason) == ("connectors.contoso.exclude[2].name", "is missing")


def test_missing_file_is_one_fault_that_says_what_to_do(installation: Installation) -> None:
    installation.path.unlink()
    problem = installation.problem()
    assert "no such file" in problem.reason
    assert problem.hint is not None
    assert "--config" in problem.hint


def test_file_that_is_not_utf8_is_told(installation: Installation) -> None:
    installation.path.write_bytes(b"[service]\nnotify = ['\xff']")
    assert installation.problem().reason == "is not UTF-8 text"


def test_no_fault_repeats_a_secret(installation: Installation) -> None:
    installation.environment["FLOWER_AUTH"] = "flower-password"
    installation.environment["GRAPH_SECRET"] = ""
    installation.replace("private_key = { env", "private_key = { evn")
    installation.add('[api.tokens.x]\ntoken = ["graph-secret-value", "private-key-value"]')
    text = str(ConfigurationError(installation.problems()))
    assert "service.flower_basic_auth: must be user:password" in text
    assert "the environment variable GRAPH_SECRET is empty" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_error_survives_pickling_and_says_each_problem_once() -> None:
    problem = Problem("contact-sync.toml", "defaults.psa", "is missing", "set it")
    error = ConfigurationError([problem, problem])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert again.problems == (problem,)
    assert str(again) == "contact-sync.toml: defaults.psa: is missing (set it)"
