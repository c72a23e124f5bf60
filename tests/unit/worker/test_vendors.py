"""Vendor settings become adapters: one for each instance, lane and set of keys."""

from typing import Any, get_args

import pytest

from adapters.connectwise import ConnectWiseContacts
from adapters.connectwise.mapping import MAX_LENGTHS
from adapters.halo import HaloContacts
from adapters.limits import Budget
from tasks.connector import Connector
from tests.fakes.budget import NullBudget
from tests.unit.worker.conftest import Installation
from worker.cli.probing import FileAsSnapshot
from worker.configuration import ConfigurationError, SnapshotConfiguration
from worker.psas.connectwise import LimitedField
from worker.settings import BUILT_IN
from worker.vendors import Vendors

HALO = """
[psa.halo]
kind = "halo"
resource_url = "https://msp.halopsa.com/api"
auth_url = "https://msp.halopsa.com/auth"
tenant = "msp"
client_id = "halo-client"
client_secret = { env = "CW_PRIVATE" }
entra_id_field = "CFEntraId"
mobile_field = "mobilenumber"
scope = "read:customers edit:customers"
contact_type_field = "CFContactType"
contact_types = ["Employee", "User"]
users_report = 7
fires_automations = false
[connectors.fabrikam]
tenant_id = "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12"
psa = "halo"
psa_default_company_id = "31"
"""


class Budgets:
    """Remembers which budgets were asked for."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, float, str]] = []

    def __call__(self, name: str, *, lane: str, per_minute: float, vendor: str) -> Budget:
        self.made.append((name, lane, per_minute, vendor))
        return NullBudget()


def vendors_of(installation: Installation, budgets: Budgets) -> tuple[Vendors, Connector]:
    settings = installation.load()
    configuration = SnapshotConfiguration(
        FileAsSnapshot(settings),
        base_dir=settings.base_dir,
        environment=dict(installation.environment),
        built_in=BUILT_IN,
    )
    return Vendors(configuration, budgets), configuration.connector("fabrikam", version=1)


def test_halo_is_built_with_what_is_configured_and_a_share_of_its_limit(installation: Installation) -> None:
    installation.add(HALO)
    budgets = Budgets()
    vendors, connector = vendors_of(installation, budgets)
    contacts = vendors.contacts_of(connector, version=1, lane="targeted")
    assert isinstance(contacts, HaloContacts)
    assert ("halo", "targeted", 80.0, "halo") in budgets.made
    layout = contacts._layout
    assert (layout.entra_id.name, layout.text_fields["mobile_phone"]) == ("CFEntraId", "mobilenumber")
    assert (layout.contact_type_field, layout.contact_types) == ("CFContactType", ("Employee", "User"))
    assert contacts._setup._report_id == 7
    tokens: Any = contacts._client._transport._auth
    assert tokens._tokens._access.scope == "read:customers edit:customers"
    assert contacts._quiet == {"_dont_fire_automations": True}


def test_adapter_is_kept_for_each_lane_until_a_secret_changes(installation: Installation) -> None:
    installation.add(HALO)
    vendors, connector = vendors_of(installation, Budgets())
    first = vendors.contacts_of(connector, version=1, lane="bulk")
    assert vendors.contacts_of(connector, version=1, lane="bulk") is first
    assert vendors.contacts_of(connector, version=1, lane="targeted") is not first
    installation.environment["CW_PRIVATE"] = "another secret"
    again, connector = vendors_of(installation, Budgets())
    vendors.configuration = again.configuration
    assert vendors.contacts_of(connector, version=1, lane="bulk") is not first


@pytest.mark.parametrize("line", ['contact_type_field = "CFContactType"', 'contact_types = ["Employee", "User"]'])
def test_contact_types_of_halo_want_their_field(installation: Installation, line: str) -> None:
    installation.add(HALO.replace(line, ""))
    problem = installation.problem()
    assert "contact_type_field and contact_types belong together" in str(problem)


CONNECTWISE = """
[psa.cw]
kind = "connectwise"
site_url = "https://api-na.myconnectwise.net"
company = "msp"
public_key = "public"
private_key = { env = "CW_PRIVATE" }
client_id = { env = "CW_PRIVATE" }
api_version = "2026.4"
communication_types = { mobile_phone = "Handy" }
max_lengths = { first_name = 50, job_title = 100 }
[connectors.fabrikam]
tenant_id = "5f0c2a5e-0b1d-4c3e-9c55-0d8f0d3f2a12"
psa = "cw"
psa_default_company_id = "31"
"""


def test_connectwise_is_built_with_what_differs_in_an_installation(installation: Installation) -> None:
    installation.add(CONNECTWISE)
    vendors, connector = vendors_of(installation, Budgets())
    contacts = vendors.contacts_of(connector, version=1, lane="bulk")
    assert isinstance(contacts, ConnectWiseContacts)
    assert contacts._max_lengths == {"first_name": 50, "job_title": 100}
    assert contacts._setup._type_names == {"mobile_phone": "Handy"}
    auth: Any = contacts._client._transport._auth
    assert auth._headers["Accept"] == "application/vnd.connectwise.com+json; version=2026.4"


def test_fields_with_a_length_of_their_own_are_those_of_the_adapter() -> None:
    assert set(get_args(LimitedField)) == set(MAX_LENGTHS)


@pytest.mark.parametrize("key", ["max_lengths = { nickname = 5 }", "max_lengths = { job_title = 0 }"])
def test_length_that_cannot_be_is_refused(installation: Installation, key: str) -> None:
    installation.add(HALO.replace("fires_automations = false", key))
    with pytest.raises(ConfigurationError) as caught:
        installation.load()
    assert "max_lengths" in str(caught.value)
