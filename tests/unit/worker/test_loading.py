"""Which files are read, and what comes of a good configuration."""

from pathlib import Path

import pytest

from tests.unit.worker.conftest import Installation
from tests.unit.worker.installation import TENANT
from worker.configuration import find_file, load
from worker.psas.autotask import AutotaskPsa
from worker.psas.connectwise import ConnectwisePsa
from worker.psas.halo import HaloPsa
from worker.settings import BUILT_IN, load_settings

OTHER_TENANT = "0e6b1c7a-92d4-4f0b-b1a5-7c3d2e1f0a9b"


def test_file_is_the_one_asked_for_before_the_variable_before_the_folder(tmp_path: Path) -> None:
    environment = {"CONTACT_SYNC_CONFIG": "from-variable.toml"}
    assert find_file(Path("asked.toml"), environment=environment, folder=tmp_path) == tmp_path / "asked.toml"
    assert find_file(None, environment=environment, folder=tmp_path) == tmp_path / "from-variable.toml"
    assert find_file(None, environment={}, folder=tmp_path) == tmp_path / "contact-sync.toml"
    assert find_file(None, environment={"CONTACT_SYNC_CONFIG": ""}, folder=tmp_path).name == "contact-sync.toml"


def test_linked_file_keeps_the_folder_of_the_link(installation: Installation, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "contact-sync.toml").symlink_to(installation.path)
    found = find_file(None, environment={}, folder=mounted)
    assert load(found, environment=installation.environment, built_in=BUILT_IN).base_dir == mounted


def test_rule_of_the_defaults_is_compiled_once_for_all_connectors(installation: Installation) -> None:
    compiled: list[str] = []
    built_in = BUILT_IN._replace(compile_condition=compiled.append)
    installation.add("[[defaults.exclude]]\nname = 'a'\nwhen = 'user.mail'")
    for number in range(5):
        installation.add(f'[connectors.c{number}]\ntenant_id = "{TENANT[:-1]}{number + 2}"\npsa_default_company_id = 1')
    load(installation.path, environment=installation.environment, built_in=built_in)
    assert compiled == ["user.mail"]


def test_process_environment_gives_file_and_secrets(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CONTACT_SYNC_CONFIG", str(installation.path))
    assert load_settings().connectors["contoso"].tenant_id == TENANT
    monkeypatch.delenv("CONTACT_SYNC_CONFIG")
    monkeypatch.chdir(installation.folder)
    assert load_settings().path == installation.path


def test_connector_is_built_with_defaults_merged(installation: Installation) -> None:
    connector = installation.load().connectors["contoso"]
    assert connector.psa == "main"
    assert connector.psa_kind == "connectwise"
    assert connector.graph_app == "main"
    assert connector.schedule == "0 2 * * *"
    assert connector.timezone == "Europe/Berlin"
    assert connector.psa_default_company_id == "250"
    assert connector.office365_sync_enabled is True
    assert connector.full_every_s == 7 * 86400
    assert connector.field_mapping["job_title"].value == "{{ user.jobTitle }}"


def test_number_as_company_id_is_the_same_company(installation: Installation) -> None:
    as_text = installation.load().connectors["contoso"]
    installation.replace('"250"', "250")
    assert installation.load().connectors["contoso"] == as_text


def test_tenant_id_is_folded(installation: Installation) -> None:
    installation.replace(TENANT, TENANT.upper())
    assert installation.load().connectors["contoso"].tenant_id == TENANT


@pytest.mark.parametrize(
    ("written", "seconds"),
    [('"90s"', 90), ('"15m"', 900), ('"12h"', 43200), ('"7d"', 604800), ('"2w"', 1209600), ("60", 60)],
)
def test_duration_is_text_with_a_unit_or_seconds(installation: Installation, written: str, seconds: float) -> None:
    installation.add(f"full_every = {written}")
    assert installation.load().connectors["contoso"].full_every_s == seconds


def test_customers_may_have_files_of_their_own(installation: Installation) -> None:
    installation.write(
        f'[connectors.fabrikam]\ntenant_id = "{OTHER_TENANT}"\npsa_default_company_id = 7\ntimezone = "Asia/Kolkata"',
        "connectors.d/fabrikam.toml",
    )
    connectors = installation.load().connectors
    assert list(connectors) == ["contoso", "fabrikam"]
    assert connectors["fabrikam"].timezone == "Asia/Kolkata"
    assert connectors["fabrikam"].schedule == "0 2 * * *"


def test_relative_paths_count_from_the_file_they_stand_in(installation: Installation) -> None:
    installation.write("-----BEGIN CERTIFICATE-----", "ca.pem")
    installation.write("cert", "connectors.d/keys/app.pem")
    installation.write("key", "connectors.d/keys/app.key")
    installation.write("from-a-file\n", "connectors.d/keys/secret")
    installation.replace("[defaults]", 'ca_file = "ca.pem"\n[defaults]')
    installation.write(
        f"""
        [connectors.fabrikam]
        tenant_id = "{OTHER_TENANT}"
        psa_default_company_id = {{ file = "keys/secret" }}
        graph_app = "own"
        [graph_app.own]
        client_id = "{OTHER_TENANT}"
        certificate_file = "keys/app.pem"
        private_key_file = "keys/app.key"
        """,
        "connectors.d/fabrikam.toml",
    )
    settings = installation.load()
    assert settings.service.state_dir == installation.folder / "var"
    assert settings.psas["main"].ca_file == installation.folder / "ca.pem"
    assert settings.graph_apps["own"].private_key_file == installation.folder / "connectors.d/keys/app.key"
    assert settings.connectors["fabrikam"].psa_default_company_id == "from-a-file"


def test_all_three_kinds_of_psa_are_known(installation: Installation) -> None:
    installation.add(
        """
        [psa.at]
        kind = "autotask"
        username = "api@msp.com"
        secret = { env = "CW_PRIVATE" }
        integration_code = { env = "CW_CLIENT_ID" }
        [psa.halo]
        kind = "halo"
        resource_url = "https://msp.halopsa.com/api/"
        auth_url = "https://msp.halopsa.com/auth"
        tenant = "msp"
        client_id = "halo-client"
        client_secret = { env = "CW_PRIVATE" }
        requests_per_minute = 60
        entra_id_field = "azureoid"
        """
    )
    psas = installation.load().psas
    autotask, halo = psas["at"], psas["halo"]
    assert isinstance(psas["main"], ConnectwisePsa)
    assert isinstance(autotask, AutotaskPsa)
    assert autotask.zone_url == "https://webservices.autotask.net/atservicesrest/v1.0/zoneInformation"
    assert isinstance(halo, HaloPsa)
    assert halo.resource_url == "https://msp.halopsa.com/api"
    assert halo.requests_per_minute == 60


@pytest.mark.parametrize(
    ("cloud", "login", "graph"),
    [
        ("global", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        ("us_gov_l4", "https://login.microsoftonline.us", "https://graph.microsoft.us"),
        ("us_gov_l5", "https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        ("china", "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_cloud_decides_login_graph_and_scope(installation: Installation, cloud: str, login: str, graph: str) -> None:
    installation.replace("[psa.main]", f'cloud = "{cloud}"\n[psa.main]')
    app = installation.load().graph_apps["main"]
    assert (app.login_url, app.graph_url, app.scope) == (login, f"{graph}/v1.0", f"{graph}/.default")


def test_scope_stays_when_the_addresses_are_overridden(installation: Installation) -> None:
    installation.replace("[service]", "[service]\ndevelopment = true")
    installation.replace("[psa.main]", 'graph_url = "https://127.0.0.1:8443/graph/v1.0"\n[psa.main]')
    app = installation.load().graph_apps["main"]
    assert app.graph_url == "https://127.0.0.1:8443/graph/v1.0"
    assert app.scope == "https://graph.microsoft.com/.default"


def test_service_gives_the_tasks_their_times(installation: Installation) -> None:
    installation.add(
        "[service.timing]\nretry_horizon_s = '5m'\ndispatch_s = 600\nschedule_spread_s = 120\n"
        "[service.workers]\nbatch_size = 8\n"
        "[service.retention]\nreports_days = 30\njournal_days = 7"
    )
    timing = installation.load().service.timing_of_tasks()
    assert (timing.user_horizon_s, timing.schedule_spread_s, timing.batch_size) == (300, 120, 8)
    assert (timing.dispatch_s, timing.reports_days, timing.journal_days) == (600, 30, 7)


def test_api_tokens_have_names(installation: Installation) -> None:
    installation.add('[api.tokens.rmm]\ntoken = { env = "CW_PRIVATE" }\nallow = "read"\nconnectors = ["contoso"]')
    token = installation.load().api.tokens["rmm"]
    assert token.token.get_secret_value() == "private-key-value"
    assert (token.allow, token.connectors) == ("read", ("contoso",))
