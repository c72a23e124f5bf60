"""What is published, and what workers make of it: secrets stay where they are, versions stay what they were."""

import json
import pickle
import threading
from typing import Any

import pytest

from adapters.errors import InstanceError, TenantError
from tasks.ports import Configuration
from tests.unit.worker.conftest import Installation
from tests.unit.worker.installation import SECRETS, TENANT
from worker.configuration import (
    ConfigurationError,
    Settings,
    Snapshot,
    SnapshotConfiguration,
    from_documents,
    to_documents,
)
from worker.configuration.references import Resolver
from worker.psas.connectwise import ConnectwisePsa
from worker.settings import BUILT_IN, snapshot_configuration

Json = dict[str, Any]


class Published:
    """The store's snapshots, in memory; counts how often one is read."""

    def __init__(self, *documents: Json) -> None:
        self.documents = [json.dumps(document) for document in documents]
        self.reads = 0

    def current_version(self) -> int:
        return len(self.documents)

    def get(self, version: int) -> Json:
        self.reads += 1
        documents: dict[int, str] = dict(enumerate(self.documents, start=1))
        found: Json = json.loads(documents[version])
        return found


def configuration_of(installation: Installation, *documents: Json) -> SnapshotConfiguration:
    return SnapshotConfiguration(
        Published(*(documents or (to_documents(installation.load()),))),
        base_dir=installation.folder,
        environment=installation.environment,
        built_in=BUILT_IN,
    )


def inline(installation: Installation) -> None:
    """Write every secret into the file itself."""
    for name, value in installation.environment.items():
        text = installation.path.read_text(encoding="utf-8")
        installation.path.write_text(text.replace(f'{{ env = "{name}" }}', f'"{value}"'), encoding="utf-8")
    installation.replace("[service]", "[service]\ndevelopment = true")


@pytest.mark.parametrize("is_inline", [False, True])
def test_no_secret_is_published_nor_shown(installation: Installation, is_inline: bool) -> None:
    if is_inline:
        inline(installation)
    installation.add('[api.tokens.x]\ntoken = { env = "CW_PRIVATE" }')
    installation.replace("[service]", '[service]\nnotify = [{ env = "NOTIFY" }]\nredis_url = { env = "REDIS" }')
    installation.environment["NOTIFY"] = "json://127.0.0.1/client-id-value"
    installation.environment["REDIS"] = "redis://:flower-password@127.0.0.1:6379/0"
    settings = installation.load()
    shown = [json.dumps(to_documents(settings)), repr(settings), str(settings), repr(settings.tables)]
    assert not [secret for secret in SECRETS for text in shown if secret in text]
    assert settings.graph_apps["main"].client_secret is not None
    assert settings.graph_apps["main"].client_secret.get_secret_value() == "graph-secret-value"


def test_credential_that_is_no_secret_is_not_published_either(installation: Installation) -> None:
    documents = to_documents(installation.load())
    assert documents["psa"]["main"]["public_key"] == {"env": "CW_PUBLIC"}
    assert "public-key-value" not in json.dumps(documents)


@pytest.mark.parametrize("is_inline", [False, True])
def test_workers_build_from_a_snapshot_what_was_loaded(installation: Installation, is_inline: bool) -> None:
    if is_inline:
        inline(installation)
    settings = installation.load()
    documents = json.loads(json.dumps(to_documents(settings)))
    snapshot = from_documents(
        documents, base_dir=settings.base_dir, environment=installation.environment, built_in=BUILT_IN
    )
    assert snapshot.connector_ids == ("contoso",)
    assert snapshot.connector("contoso") == settings.connectors["contoso"]
    assert snapshot.psa("main") == settings.psas["main"]
    assert snapshot.graph_app("main") == settings.graph_apps["main"]


def test_value_from_the_environment_that_is_no_secret_is_pinned(installation: Installation) -> None:
    installation.environment["COMPANY"] = "250"
    installation.replace('"250"', '{ env = "COMPANY" }')
    configuration = configuration_of(installation)
    installation.environment["COMPANY"] = "999"
    assert configuration.connector("contoso", version=1).psa_default_company_id == "250"


def test_secret_in_a_file_beside_a_customers_file_is_found_by_workers(installation: Installation) -> None:
    installation.write("file-secret\n", "connectors.d/secret")
    installation.write(
        f'[graph_app.own]\nclient_id = "{TENANT}"\nclient_secret = {{ file = "secret" }}', "connectors.d/own.toml"
    )
    app = configuration_of(installation).graph_app("own", version=1)
    assert app.client_secret is not None
    assert app.client_secret.get_secret_value() == "file-secret"


def test_it_is_the_configuration_port_of_tasks(installation: Installation) -> None:
    settings: Settings = installation.load()
    configuration: Configuration = snapshot_configuration(settings, Published(to_documents(settings)))
    assert configuration.current_version() == 1
    assert tuple(configuration.connectors(version=1)) == ("contoso",)
    assert configuration.connector("contoso", version=1) == settings.connectors["contoso"]


def test_before_the_first_version_there_is_no_connector(installation: Installation) -> None:
    configuration = SnapshotConfiguration(Published(), base_dir=installation.folder, environment={}, built_in=BUILT_IN)
    assert configuration.current_version() == 0
    assert configuration.connectors(version=0) == ()
    with pytest.raises(KeyError):
        configuration.connector("contoso", version=0)


@pytest.mark.parametrize(("name", "version"), [("nobody", 1), ("contoso", 2)])
def test_unknown_names_and_versions_are_key_errors(installation: Installation, name: str, version: int) -> None:
    configuration = configuration_of(installation)
    for ask in (configuration.connector, configuration.psa, configuration.graph_app):
        with pytest.raises(KeyError):
            ask(name, version=version)


def test_older_version_stays_what_it_was(installation: Installation) -> None:
    first = to_documents(installation.load())
    installation.replace('"250"', '"300"')
    configuration = configuration_of(installation, first, to_documents(installation.load()))
    companies = [configuration.connector("contoso", version=version).psa_default_company_id for version in (1, 2, 1)]
    assert companies == ["250", "300", "250"]


def test_each_version_is_read_once_and_only_the_last_few_are_kept(installation: Installation) -> None:
    published = Published(*[to_documents(installation.load())] * 6)
    configuration = SnapshotConfiguration(
        published, base_dir=installation.folder, environment=installation.environment, built_in=BUILT_IN
    )
    for version in (1, 2, 3, 4):
        assert configuration.connector("contoso", version=version) is configuration.connector(
            "contoso", version=version
        )
    assert published.reads == 4
    configuration.connector("contoso", version=5)
    configuration.connector("contoso", version=2)
    assert published.reads == 5
    configuration.connector("contoso", version=1)
    assert published.reads == 6


def test_many_threads_see_one_connector(installation: Installation) -> None:
    configuration, seen = configuration_of(installation), []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        seen.append(configuration.connector("contoso", version=1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len({id(connector) for connector in seen}) == 1


def test_missing_secret_of_the_psa_stops_its_instance_until_it_is_there(installation: Installation) -> None:
    configuration = configuration_of(installation)
    secret = installation.environment.pop("CW_PRIVATE")
    with pytest.raises(InstanceError) as stopped:
        configuration.psa("main", version=1)
    assert (stopped.value.reason, stopped.value.vendor) == ("configuration_invalid", "connectwise")
    assert isinstance(stopped.value.__cause__, ConfigurationError)
    assert "CW_PRIVATE is not set" in str(stopped.value.__cause__)
    installation.environment["CW_PRIVATE"] = secret
    assert configuration.psa("main", version=1).kind == "connectwise"


def test_missing_secret_of_an_app_stops_its_tenants_only(installation: Installation) -> None:
    configuration = configuration_of(installation)
    del installation.environment["GRAPH_SECRET"]
    with pytest.raises(TenantError) as stopped:
        configuration.graph_app("main", version=1)
    assert pickle.loads(pickle.dumps(stopped.value)).vendor == "graph"  # noqa: S301  # our own bytes
    assert configuration.psa("main", version=1).kind == "connectwise"
    assert configuration.connector("contoso", version=1).psa == "main"


def test_secret_that_was_replaced_is_used_without_a_restart(installation: Installation) -> None:
    installation.write("old", "secret")
    installation.replace('private_key = { env = "CW_PRIVATE" }', 'private_key = { file = "secret" }')
    now = [1000.0]
    snapshot = Snapshot(
        to_documents(installation.load()),
        resolver=Resolver(installation.environment, installation.folder),
        built_in=BUILT_IN,
        name="snapshot",
        clock=lambda: now[0],
    )

    def key() -> str:
        psa = snapshot.psa("main")
        assert isinstance(psa, ConnectwisePsa)
        return psa.private_key.get_secret_value()

    assert key() == "old"
    installation.write("new", "secret")
    assert key() == "old"
    now[0] += 61
    assert key() == "new"
    installation.write("", "secret")
    now[0] += 61
    assert key() == "new"


def test_connector_that_this_release_cannot_read_stops_alone(installation: Installation) -> None:
    documents = to_documents(installation.load())
    documents["connectors"]["newer"] = documents["connectors"]["contoso"] | {"key_of_a_later_release": 1}
    configuration = configuration_of(installation, documents)
    with pytest.raises(TenantError):
        configuration.connector("newer", version=1)
    assert configuration.connector("contoso", version=1).connector_id == "contoso"


DECISIVE = [
    'psa_default_company_id = "251"',
    'psa_contact_type = "User"',
    "office365_sync_filter = \"user.department == 'IT'\"",
    "licensed_only = true",
    "include_guests = true",
    "exclude = [{ name = 'unlicensed' }]",
    "company_rules = [{ when = 'user.mail', company_id = 9 }]",
    "field_mapping.phone = { clear = true }",
    'on_leaver = "deactivate"',
    'on_out_of_scope = "deactivate"',
    'keep_active = ["jane@contoso.com"]',
    'on_company_change = "move"',
    'psa = "other"',
]
HARMLESS = [
    'schedule = "0 3 * * *"',
    'timezone = "UTC"',
    'full_every = "1d"',
    'poll_every = "15m"',
    'tags = ["pilot"]',
    "guard.deactivations.share = 0.5",
    "office365_sync_enabled = false",
    "exclude = [{ name = 'unlicensed', enabled = false }]",
    "psa_default_company_id = 250",
    'graph_app = "other"',
]
OTHERS = f"""
[graph_app.other]
client_id = "{TENANT}"
client_secret = {{ env = "GRAPH_SECRET" }}
[psa.other]
kind = "connectwise"
site_url = "https://api-na.myconnectwise.net"
company = "msp"
public_key = "x"
private_key = {{ env = "CW_PRIVATE" }}
client_id = {{ env = "CW_CLIENT_ID" }}
"""


def fingerprint_with(installation: Installation, line: str) -> str:
    key = line.partition(" = ")[0]
    text = installation.path.read_text(encoding="utf-8")
    head, own = text.split("[connectors.contoso]")
    kept = "\n".join(row for row in own.splitlines() if not row.startswith(f"{key} ="))
    installation.write(f"{head}[connectors.contoso]\n{line}\n{kept}\n{OTHERS}")
    return installation.load().connectors["contoso"].fingerprint


@pytest.mark.parametrize("line", DECISIVE)
def test_fingerprint_changes_with_whatever_decides_a_contact(installation: Installation, line: str) -> None:
    before = installation.load().connectors["contoso"].fingerprint
    assert fingerprint_with(installation, line) != before


@pytest.mark.parametrize("line", HARMLESS)
def test_fingerprint_stays_when_nothing_of_a_contact_changes(installation: Installation, line: str) -> None:
    before = installation.load().connectors["contoso"].fingerprint
    assert fingerprint_with(installation, line) == before


@pytest.mark.parametrize(
    ("old", "new", "is_changed"),
    [
        ('company = "msp"', 'company = "other"', True),
        ("api-na.", "api-eu.", True),
        ('company = "msp"', 'company = "msp"\nentra_id_field = "Entra Id"', True),
        ("CW_PRIVATE", "CW_CLIENT_ID", False),
        ('company = "msp"', 'company = "msp"\nrequests_per_minute = 20', False),
    ],
)
def test_fingerprint_knows_the_installation_and_no_credential(
    installation: Installation, old: str, new: str, is_changed: bool
) -> None:
    before = installation.load().connectors["contoso"].fingerprint
    installation.replace(old, new)
    assert (installation.load().connectors["contoso"].fingerprint != before) == is_changed
